import JSONText
import MesosProtocol
import Resources
import ServiceKit

/// The v0 JSON pages of a master. Field names and order are Mesos's.
struct StatePages {
    let core: MasterCore
    let flags: FlagValues
    let startedAt: Timestamp

    func state() -> [UInt8] {
        var writer = JSONWriter(reserving: 4096 + core.agents.count * 1024)
        writer.beginObject()
        writer.versionFields()
        writer.field("start_time", startedAt.seconds)
        writer.field("elected_time", core.startedAt.seconds)
        writer.field("id", core.info.id)
        writer.field("pid", core.info.pid ?? "")
        writer.field("hostname", core.info.hostname ?? "")
        writer.name("capabilities")
        writer.beginArray()
        for capability in core.info.capabilities { writer.value(capability.type?.name ?? "UNKNOWN") }
        writer.endArray()
        writer.field("activated_slaves", Double(core.agents.values.count(where: \.isConnected)))
        writer.field("deactivated_slaves", Double(core.agents.values.count { !$0.isConnected }))
        writer.field("unreachable_slaves", Double(core.unreachableAgents.count))
        leader(&writer)
        flagFields(&writer)
        agentLists(&writer, isFull: false, only: nil)
        frameworkLists(&writer, only: nil)
        writer.name("orphan_tasks")
        writer.beginArray()
        writer.endArray()
        writer.name("unregistered_frameworks")
        writer.beginArray()
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private func leader(_ writer: inout JSONWriter) {
        writer.field("leader", core.info.pid ?? "")
        writer.name("leader_info")
        writer.beginObject()
        writer.field("id", core.info.id)
        writer.field("pid", core.info.pid ?? "")
        writer.field("port", Int(core.info.port))
        writer.field("hostname", core.info.hostname ?? "")
        writer.endObject()
    }

    private func flagFields(_ writer: inout JSONWriter) {
        for name in ["cluster", "log_dir", "external_log_file"] {
            if let value = flags.text(name) { writer.field(name, value) }
        }
        writer.name("flags")
        writer.flagsObject(flags)
    }

    func slaves(only id: String?) -> [UInt8] {
        var writer = JSONWriter(reserving: core.agents.count * 2048)
        writer.beginObject()
        agentLists(&writer, isFull: true, only: id)
        writer.endObject()
        return writer.bytes
    }

    func frameworks(only id: String?) -> [UInt8] {
        var writer = JSONWriter(reserving: 4096)
        writer.beginObject()
        frameworkLists(&writer, only: id)
        writer.name("unregistered_frameworks")
        writer.beginArray()
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    /// All tasks by the time of their first status, newest first unless asked otherwise.
    func tasks(limit: Int, offset: Int, ascending: Bool, framework: String?, task: String?) -> [UInt8] {
        var found: [(Mesos.Task, String)] = []
        for one in Array(core.frameworks.values) + core.completedFrameworks {
            if let framework, one.id.value != framework { continue }
            let role = one.roles.sorted().first ?? "*"
            found += one.tasks.values.map { ($0.record, $0.role) }
            found += (one.unreachableTasks + one.completedTasks).map { ($0, role) }
        }
        if let task { found = found.filter { $0.0.taskID.value == task } }
        func time(_ task: Mesos.Task) -> Double { task.statuses.first?.timestamp ?? 0 }
        found.sort {
            let (left, right) = (time($0.0), time($1.0))
            if left != right { return ascending ? left < right : left > right }
            return $0.0.taskID.value < $1.0.taskID.value
        }
        var writer = JSONWriter(reserving: 4096)
        writer.beginObject()
        writer.name("tasks")
        writer.beginArray()
        for (task, role) in found.dropFirst(offset).prefix(limit) { writer.taskObject(task, role: role) }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}

extension StatePages {
    private func agentLists(_ writer: inout JSONWriter, isFull: Bool, only id: String?) {
        writer.name("slaves")
        writer.beginArray()
        for agent in core.agents.values.sorted(by: { $0.registeredAt < $1.registeredAt })
        where id == nil || id == agent.id.value {
            writer.beginObject()
            agentFields(&writer, agent, isFull: isFull)
            writer.endObject()
        }
        writer.endArray()
        writer.name("recovered_slaves")
        writer.beginArray()
        for (agentID, info) in core.recoveredAgents.sorted(by: { $0.key.value < $1.key.value })
        where id == nil || id == agentID.value {
            writer.beginObject()
            writer.field("id", agentID.value)
            writer.field("hostname", info.hostname)
            writer.field("port", Int(info.portOrDefault))
            writer.name("attributes")
            writer.attributesObject(info.attributes)
            writer.endObject()
        }
        writer.endArray()
    }

    func agentFields(_ writer: inout JSONWriter, _ agent: MasterCore.Agent, isFull: Bool) {
        writer.field("id", agent.id.value)
        writer.field("hostname", agent.info.hostname)
        writer.field("port", Int(agent.info.portOrDefault))
        writer.name("attributes")
        writer.attributesObject(agent.info.attributes)
        if let domain = agent.info.domain { writer.proto("domain", domain) }
        writer.field("pid", agent.pid.description)
        writer.field("registered_time", agent.registeredAt.seconds)
        if let moment = agent.reregisteredAt { writer.field("reregistered_time", moment.seconds) }
        let used = used(on: agent.id)
        let offered = offered(on: agent.id)
        func sum(_ parts: [String: Resources]) -> Resources { parts.values.reduce(Resources(), +) }
        for (name, resources) in [
            ("resources", agent.total), ("used_resources", sum(used)), ("offered_resources", sum(offered)),
        ] {
            writer.name(name)
            writer.resourcesObject(resources)
        }
        writer.name("reserved_resources")
        writer.reservedObject(agent.total)
        writer.name("unreserved_resources")
        writer.resourcesObject(agent.total.filter { $0.reservedRole == nil })
        writer.field("active", agent.isConnected)
        writer.field("deactivated", false)
        writer.field("version", agent.version)
        writer.name("capabilities")
        writer.beginArray()
        for capability in agent.capabilities { writer.value(capability.type?.name ?? "UNKNOWN") }
        writer.endArray()
        if isFull { fullLists(&writer, agent, used: used, offered: offered) }
    }

    private func fullLists(
        _ writer: inout JSONWriter, _ agent: MasterCore.Agent, used: [String: Resources], offered: [String: Resources]
    ) {
        writer.name("reserved_resources_full")
        writer.beginObject()
        for role in Set(agent.total.entries.compactMap(\.reservedRole)).sorted() {
            writer.name(role)
            writer.fullResources(agent.total.filter { $0.reservedRole == role })
        }
        writer.endObject()
        writer.name("unreserved_resources_full")
        writer.fullResources(agent.total.filter { $0.reservedRole == nil })
        for (name, parts) in [("used_resources_full", used), ("offered_resources_full", offered)] {
            writer.name(name)
            writer.fullResources(parts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        }
    }

    /// By the role that it is allocated to.
    private func used(on agent: Mesos.AgentID) -> [String: Resources] {
        var sums: [String: Resources] = [:]
        for framework in core.frameworks.values {
            for task in framework.tasks.values where task.record.agentID == agent && !task.isReleased {
                sums[task.role, default: Resources()] += task.resources
            }
        }
        for executors in core.agents[agent]?.executors.values ?? [:].values {
            for executor in executors.values {
                let role = executor.resources.first?.allocationInfo?.role ?? "*"
                sums[role, default: Resources()] += Resources(executor.resources)
            }
        }
        return sums
    }

    private func offered(on agent: Mesos.AgentID) -> [String: Resources] {
        var sums: [String: Resources] = [:]
        for offer in core.offers.values where offer.message.agentID == agent {
            sums[offer.role, default: Resources()] += offer.resources
        }
        return sums
    }

    private func frameworkLists(_ writer: inout JSONWriter, only id: String?) {
        for (name, list) in [
            ("frameworks", core.frameworks.values.sorted { $0.id.value < $1.id.value }),
            ("completed_frameworks", core.completedFrameworks),
        ] {
            writer.name(name)
            writer.beginArray()
            for framework in list where id == nil || id == framework.id.value {
                writer.beginObject()
                frameworkSummary(&writer, framework)
                frameworkDetails(&writer, framework)
                writer.endObject()
            }
            writer.endArray()
        }
    }

    func used(by framework: MasterCore.Framework) -> Resources {
        var sum = Resources()
        for task in framework.tasks.values where !task.isReleased { sum += task.resources }
        for agent in core.agents.values {
            for executor in (agent.executors[framework.id] ?? [:]).values { sum += Resources(executor.resources) }
        }
        return sum
    }

    private func offered(to framework: MasterCore.Framework) -> Resources {
        framework.offers.compactMap { core.offers[$0]?.resources }.reduce(Resources(), +)
    }

    func frameworkSummary(_ writer: inout JSONWriter, _ framework: MasterCore.Framework) {
        writer.field("id", framework.id.value)
        writer.field("name", framework.info.name)
        writer.name("used_resources")
        writer.resourcesObject(used(by: framework))
        writer.name("offered_resources")
        writer.resourcesObject(offered(to: framework))
        writer.name("capabilities")
        writer.beginArray()
        for capability in framework.info.capabilities { writer.value(capability.type?.name ?? "UNKNOWN") }
        writer.endArray()
        writer.field("hostname", framework.info.hostname ?? "")
        writer.field("webui_url", framework.info.webuiURL ?? "")
        writer.field("active", framework.isActive)
        writer.field("connected", framework.isConnected)
        writer.field("recovered", framework.isRecovered)
    }

    private func frameworkDetails(_ writer: inout JSONWriter, _ framework: MasterCore.Framework) {
        writer.field("user", framework.info.user)
        writer.field("failover_timeout", framework.info.failoverTimeoutOrDefault)
        writer.field("checkpoint", framework.info.checkpointOrDefault)
        writer.field("registered_time", framework.registeredAt.seconds)
        writer.field("unregistered_time", framework.unregisteredAt?.seconds ?? 0)
        if let principal = framework.info.principal { writer.field("principal", principal) }
        writer.name("resources")
        writer.resourcesObject(used(by: framework) + offered(to: framework))
        if let moment = framework.reregisteredAt { writer.field("reregistered_time", moment.seconds) }
        if framework.has(.multiRole) {
            writer.name("roles")
            writer.beginArray()
            for role in framework.info.roles { writer.value(role) }
            writer.endArray()
        } else {
            writer.field("role", framework.info.roleOrDefault)
        }
        taskLists(&writer, framework)
        offersAndExecutors(&writer, framework)
        writer.labels(framework.info.labels)
        writer.name("offer_constraints")
        writer.beginObject()
        writer.endObject()
    }

    private func taskLists(_ writer: inout JSONWriter, _ framework: MasterCore.Framework) {
        let role = framework.roles.sorted().first ?? "*"
        writer.name("tasks")
        writer.beginArray()
        for task in framework.tasks.values.sorted(by: { $0.record.taskID.value < $1.record.taskID.value }) {
            writer.taskObject(task.record, role: task.role)
        }
        writer.endArray()
        for (name, tasks) in [
            ("unreachable_tasks", framework.unreachableTasks), ("completed_tasks", framework.completedTasks),
        ] {
            writer.name(name)
            writer.beginArray()
            for task in tasks {
                writer.taskObject(task, role: task.resources.first?.allocationInfo?.role ?? role)
            }
            writer.endArray()
        }
    }

    private func offersAndExecutors(_ writer: inout JSONWriter, _ framework: MasterCore.Framework) {
        writer.name("offers")
        writer.beginArray()
        for id in framework.offers.sorted(by: { $0.value < $1.value }) {
            guard let offer = core.offers[id] else { continue }
            writer.beginObject()
            writer.field("id", id.value)
            writer.field("framework_id", framework.id.value)
            writer.name("allocation_info")
            writer.beginObject()
            writer.field("role", offer.role)
            writer.endObject()
            writer.field("slave_id", offer.message.agentID.value)
            writer.name("resources")
            writer.resourcesObject(offer.resources)
            writer.endObject()
        }
        writer.endArray()
        writer.name("executors")
        writer.beginArray()
        for agent in core.agents.values {
            for executor in (agent.executors[framework.id] ?? [:]).values {
                writer.executorObject(executor, framework: framework.id, agent: agent.id)
            }
        }
        writer.endArray()
    }
}

extension JSONWriter {
    mutating func executorObject(
        _ executor: Mesos.ExecutorInfo, framework: Mesos.FrameworkID, agent: Mesos.AgentID
    ) {
        beginObject()
        field("executor_id", executor.executorID.value)
        field("name", executor.name ?? "")
        field("framework_id", framework.value)
        if let command = executor.command {
            name("command")
            commandObject(command)
        }
        name("resources")
        resourcesObject(Resources(executor.resources))
        if let role = executor.resources.first?.allocationInfo?.role { field("role", role) }
        labels(executor.labels)
        if let type = executor.type { field("type", type.name) }
        field("slave_id", agent.value)
        endObject()
    }
}
