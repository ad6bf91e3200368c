import JSONText
import ServiceKit

/// A task as the REST API shows it.
enum TaskView {
    static func json(_ instance: Instance, _ app: AppDefinition?) -> JSON {
        var members: [JSON.Member] = [
            JSON.Member(
                "ipAddresses",
                .array(
                    instance.ipAddresses.map {
                        .members(["ipAddress": .string($0), "protocol": $0.contains(":") ? "IPv6" : "IPv4"])
                    })),
            JSON.Member("stagedAt", .string(instance.stagedAt.iso8601)),
            JSON.Member("state", .string(instance.condition.taskState)),
            JSON.Member("ports", .array(instance.ports.filter { $0 != 0 }.map { .integer(Int64($0)) })),
        ]
        if let startedAt = instance.startedAt { members.append(JSON.Member("startedAt", .string(startedAt.iso8601))) }
        members += [
            JSON.Member("version", .string(instance.appVersion.iso8601)),
            JSON.Member("id", .string(instance.taskID)),
            JSON.Member("appId", .string(instance.app.path)),
            JSON.Member("slaveId", .string(instance.agentID)),
            JSON.Member("host", .string(instance.host)),
            JSON.Member("servicePorts", .array((app?.servicePorts ?? []).map { .integer(Int64($0)) })),
            JSON.Member("localVolumes", []),
            JSON.Member("healthCheckResults", []),
            JSON.Member("role", .string(app?.role ?? "*")),
        ]
        return .object(members)
    }
}

extension MarathonCore {
    func tasks(of id: AppID) -> [Instance] {
        instances.values.filter { $0.app == id }.sorted { ($0.stagedAt, $0.id) < ($1.stagedAt, $1.id) }
    }

    /// An app with its counts and, as asked, its tasks and last failure.
    func appInfo(_ app: AppDefinition, tasks withTasks: Bool, lastFailure: Bool) -> JSON {
        let own = tasks(of: app.id)
        var json = app.json
        json.set("tasksStaged", .integer(Int64(own.count { $0.condition == .staging || $0.condition == .provisioned })))
        json.set("tasksRunning", .integer(Int64(own.count { $0.condition == .running })))
        json.set("tasksHealthy", 0)
        json.set("tasksUnhealthy", 0)
        let deploying = deployments.filter { $0.originals.keys.contains(app.id) }
        json.set("deployments", .array(deploying.map { .members(["id": .string($0.id)]) }))
        if withTasks { json.set("tasks", .array(own.map { TaskView.json($0, app) })) }
        if lastFailure { json.set("lastTaskFailure", lastFailures[app.id]) }
        return json
    }
}
