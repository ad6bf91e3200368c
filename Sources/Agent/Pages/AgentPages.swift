import HTTPKit
import JSONText
import MesosProtocol
import Resources
import ServiceKit

/// The v0 JSON pages of an agent. Field names and order are Mesos's.
struct AgentPages {
    let core: AgentCore
    let flags: FlagValues
    let startedAt: Timestamp
    let now: Timestamp
    let masterHostname: String?

    /// JSON, or a script that calls a function with it (`jsonp`).
    static func json(_ bytes: [UInt8], _ request: HTTPRequest) -> HTTPResponse {
        guard let function = request.parameter("jsonp") else { return .json(.ok, bytes) }
        let isName = function.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || $0.properties.numericType != nil
                    || "_$.[]".unicodeScalars.contains($0))
        }
        guard isName else { return .text(.badRequest, "The 'jsonp' parameter is no name of a function") }
        return HTTPResponse(
            .ok, headers: ["Content-Type": "text/javascript"],
            body: Array("\(function)(".utf8) + bytes + Array(")".utf8))
    }

    func small(_ route: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        switch route {
        case "/flags":
            writer.name("flags")
            writer.flagsObject(flags)
        case "/version": writer.versionFields()
        default:
            let loads = SystemLoad.averages
            for (name, load) in zip(["avg_load_1min", "avg_load_5min", "avg_load_15min"], loads) {
                writer.field(name, load)
            }
            writer.field("cpus_total", SystemLoad.processors)
            writer.field("mem_total_bytes", Int(SystemLoad.memory.total))
            writer.field("mem_free_bytes", Int(SystemLoad.memory.free))
        }
        writer.endObject()
        return writer.bytes
    }

    func state() -> [UInt8] {
        let total = Resources(core.info.resources)
        let used = core.tasks.values.filter { $0.phase != .ended }.map(\.resources).reduce(Resources(), +)
        var writer = JSONWriter(reserving: 8192)
        writer.beginObject()
        writer.versionFields()
        writer.field("start_time", startedAt.seconds)
        if let id = core.info.id { writer.field("id", id.value) }
        writer.field("pid", "slave(1)@\(core.configuration.address):\(core.info.portOrDefault)")
        writer.field("hostname", core.info.hostname)
        writer.name("capabilities")
        writer.beginArray()
        for capability in AgentCore.capabilities { writer.value(capability.type?.name ?? "UNKNOWN") }
        writer.endArray()
        resources(&writer, total: total, used: used)
        writer.name("resource_providers")
        writer.beginArray()
        writer.endArray()
        writer.name("attributes")
        writer.attributesObject(core.info.attributes)
        if let masterHostname { writer.field("master_hostname", masterHostname) }
        writer.name("flags")
        writer.flagsObject(flags)
        writer.name("frameworks")
        writer.beginArray()
        let present = Set(core.tasks.keys.map(\.framework))
        for id in present.sorted(by: { $0.value < $1.value }) { framework(&writer, id) }
        writer.endArray()
        writer.name("completed_frameworks")
        writer.beginArray()
        let gone = Set(core.completed.map(\.key.framework)).subtracting(present)
        for id in gone.sorted(by: { $0.value < $1.value }) { framework(&writer, id) }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private func resources(_ writer: inout JSONWriter, total: Resources, used: Resources) {
        let unreserved = total.filter { $0.reservedRole == nil }
        writer.name("resources")
        writer.resourcesObject(total)
        writer.name("reserved_resources")
        writer.reservedObject(total)
        writer.name("unreserved_resources")
        writer.resourcesObject(unreserved)
        writer.name("reserved_resources_full")
        writer.beginObject()
        for role in Set(total.entries.compactMap(\.reservedRole)).sorted() {
            writer.name(role)
            writer.fullResources(total.filter { $0.reservedRole == role })
        }
        writer.endObject()
        writer.name("unreserved_resources_full")
        writer.fullResources(unreserved)
        writer.name("reserved_resources_allocated")
        writer.reservedObject(used)
        writer.name("unreserved_resources_allocated")
        writer.resourcesObject(used.filter { $0.reservedRole == nil })
    }

    private func framework(_ writer: inout JSONWriter, _ id: Mesos.FrameworkID) {
        guard let info = core.frameworks[id] else { return }
        writer.beginObject()
        writer.field("id", id.value)
        writer.field("name", info.name)
        writer.field("user", info.user)
        writer.field("failover_timeout", info.failoverTimeoutOrDefault)
        writer.field("checkpoint", info.checkpointOrDefault)
        writer.field("hostname", info.hostname ?? "")
        if let principal = info.principal { writer.field("principal", principal) }
        if info.capabilities.contains(where: { $0.type == .multiRole }) {
            writer.name("roles")
            writer.beginArray()
            for role in info.roles { writer.value(role) }
            writer.endArray()
        } else {
            writer.field("role", info.roleOrDefault)
        }
        let running = core.tasks.values.filter { $0.key.framework == id }.sorted { $0.containerID < $1.containerID }
        for (name, tasks) in [
            ("executors", running), ("completed_executors", core.completed.filter { $0.key.framework == id }),
        ] {
            writer.name(name)
            writer.beginArray()
            for task in tasks { executor(&writer, task, isCompleted: name == "completed_executors") }
            writer.endArray()
        }
        writer.endObject()
    }

    /// Each command task has an executor of its name, as in Mesos.
    private func executor(_ writer: inout JSONWriter, _ task: AgentTask, isCompleted: Bool) {
        writer.beginObject()
        writer.field("id", task.key.task.value)
        writer.field("name", task.executorName)
        writer.field("source", task.key.task.value)
        writer.field("container", task.containerID)
        writer.field("directory", core.sandbox(task))
        writer.name("resources")
        writer.resourcesObject(task.resources)
        writer.field("role", task.role)
        let isQueued = if case .launching = task.phase { true } else { false }
        let lists: [(String, Bool)] = [
            ("tasks", !isCompleted && !isQueued), ("queued_tasks", !isCompleted && isQueued),
            ("completed_tasks", isCompleted),
        ]
        for (name, isHere) in lists {
            writer.name(name)
            writer.beginArray()
            if isHere { writer.taskObject(task.record, role: task.role) }
            writer.endArray()
        }
        writer.endObject()
    }
}

extension AgentTask {
    /// The name that Mesos gives the executor of a command.
    var executorName: String {
        let command = info.command
        var text = command?.value ?? ""
        guard command?.shellOrDefault ?? true else {
            let words = [text] + (command?.arguments ?? [])
            return "Command Executor (Task: \(key.task.value)) (Command: [\(words.joined(separator: ", "))])"
        }
        guard command?.value != nil else { return "Command Executor (Task: \(key.task.value)) (Command: NO COMMAND)" }
        if text.count > 15 { text = "\(text.prefix(12))..." }
        return "Command Executor (Task: \(key.task.value)) (Command: sh -c '\(text)')"
    }
}

extension JSONWriter {
    mutating func container(_ task: AgentTask, _ usage: Mesos.ResourceStatistics?, isFull: Bool) {
        beginObject()
        if isFull { field("container_id", task.containerID) }
        field("executor_id", task.key.task.value)
        field("executor_name", task.executorName)
        field("framework_id", task.key.framework.value)
        field("source", task.key.task.value)
        if var usage {
            usage.cpusSoftLimit = task.resources.scalar("cpus")
            usage.memLimitBytes = UInt64(task.resources.scalar("mem") * 1_048_576)
            usage.memSoftLimitBytes = usage.memLimitBytes
            proto("statistics", usage)
        }
        if isFull, let status = task.containerStatus {
            name("status")
            status.write(to: &self)
        }
        endObject()
    }
}
