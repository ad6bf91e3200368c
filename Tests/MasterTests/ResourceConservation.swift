import MesosProtocol
import Resources
import Testing

@testable import Allocator
@testable import Master

/// What the resources of an agent are used for, by framework and role.
private struct Use: Hashable {
    let framework: Mesos.FrameworkID
    let role: String
}

extension TestMaster {
    /// Offers, tasks and executors are what the allocator counts as allocated: on each agent, and of each framework.
    func checkResources() throws {
        var onAgent: [Mesos.AgentID: Resources] = [:]
        var ofFramework: [Use: Resources] = [:]
        func count(_ resources: Resources, _ agent: Mesos.AgentID, _ framework: Mesos.FrameworkID, _ role: String) {
            onAgent[agent, default: Resources()] += resources
            ofFramework[Use(framework: framework, role: role), default: Resources()] += resources
        }
        for offer in core.offers.values {
            count(offer.resources, offer.message.agentID, offer.message.frameworkID, offer.role)
        }
        for framework in core.frameworks.values {
            for task in framework.tasks.values where !task.isReleased {
                count(task.resources, task.record.agentID, framework.id, task.role)
            }
        }
        for agent in core.agents.values {
            for (framework, executors) in agent.executors {
                let role = core.frameworks[framework]?.roles.first ?? "*"
                for executor in executors.values { count(Resources(executor.resources), agent.id, framework, role) }
            }
        }
        for agent in core.agents.values {
            let used = onAgent[agent.id] ?? Resources()
            let left = core.allocator.available(on: agent.id)
            try #require(isSame(left + used, agent.total), "agent \(agent.id.value): \(left.text()) + \(used.text())")
        }
        for (id, state) in core.allocator.frameworks {
            for role in state.roles.union(state.allocated.keys).union(["*"]) {
                let used = (ofFramework[Use(framework: id, role: role)] ?? Resources()).filter { $0.value.isScalar }
                let known = state.allocated[role] ?? Resources()
                try #require(
                    isSame(known, used), "framework \(id.value), role \(role): \(known.text()), uses \(used.text())")
            }
        }
    }

    private func isSame(_ left: Resources, _ right: Resources) -> Bool { left.contains(right) && right.contains(left) }
}
