import JSONText
import MesosProtocol
import Resources

extension StatePages {
    private static let counted: [Mesos.TaskState] = [
        .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskFinished, .taskKilled, .taskFailed, .taskLost,
        .taskError, .taskUnreachable,
    ]

    /// `/state-summary`: agents and frameworks with counts instead of tasks.
    func summary() -> [UInt8] {
        var byAgent: [Mesos.AgentID: [Mesos.TaskState: Int]] = [:]
        var byFramework: [Mesos.FrameworkID: [Mesos.TaskState: Int]] = [:]
        var agentsOf: [Mesos.FrameworkID: Set<String>] = [:]
        var frameworksOf: [Mesos.AgentID: Set<String>] = [:]
        for framework in core.frameworks.values {
            let tasks = framework.tasks.values.map(\.record) + framework.unreachableTasks + framework.completedTasks
            for task in tasks {
                byAgent[task.agentID, default: [:]][task.state, default: 0] += 1
                byFramework[framework.id, default: [:]][task.state, default: 0] += 1
                agentsOf[framework.id, default: []].insert(task.agentID.value)
                frameworksOf[task.agentID, default: []].insert(framework.id.value)
            }
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("hostname", core.info.hostname ?? "")
        if let cluster = flags.text("cluster") { writer.field("cluster", cluster) }
        writer.name("slaves")
        writer.beginArray()
        for agent in core.agents.values.sorted(by: { $0.registeredAt < $1.registeredAt }) {
            writer.beginObject()
            agentFields(&writer, agent, isFull: false)
            counts(&writer, byAgent[agent.id] ?? [:], "framework_ids", frameworksOf[agent.id] ?? [])
            writer.endObject()
        }
        writer.endArray()
        writer.name("frameworks")
        writer.beginArray()
        for framework in core.frameworks.values.sorted(by: { $0.id.value < $1.id.value }) {
            writer.beginObject()
            frameworkSummary(&writer, framework)
            counts(&writer, byFramework[framework.id] ?? [:], "slave_ids", agentsOf[framework.id] ?? [])
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private func counts(
        _ writer: inout JSONWriter, _ counts: [Mesos.TaskState: Int], _ name: String, _ ids: Set<String>
    ) {
        for state in Self.counted { writer.field(state.name, counts[state] ?? 0) }
        writer.name(name)
        writer.beginArray()
        for id in ids.sorted() { writer.value(id) }
        writer.endArray()
    }
}
