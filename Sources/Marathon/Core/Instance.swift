import JSONText
import ServiceKit

/// One running copy of an app: a task on some agent.
struct Instance: Sendable, Equatable {
    enum Condition: String, Sendable {
        /// An offer was taken; nothing was heard of the task yet.
        case provisioned
        case staging
        case starting
        case running
        case killing
        case unreachable

        /// The Mesos state that the API shows.
        var taskState: String {
            switch self {
            case .provisioned, .staging: "TASK_STAGING"
            case .starting: "TASK_STARTING"
            case .running: "TASK_RUNNING"
            case .killing: "TASK_KILLING"
            case .unreachable: "TASK_UNREACHABLE"
            }
        }
    }

    /// `<app>.instance-<uuid>`
    let id: String
    let app: AppID
    /// The version of the definition whose configuration it runs (`lastConfigChangeAt`).
    let configVersion: Timestamp
    let appVersion: Timestamp
    let agentID: String
    let host: String
    let ports: [Int]
    let stagedAt: Timestamp
    var condition = Condition.provisioned
    var startedAt: Timestamp?
    var ipAddresses: [String] = []
    var unreachableSince: Timestamp?
    /// Its end was decided; it is not to be replaced on that account.
    var isStopping = false
    var lastKill: Timestamp?

    var taskID: String { "\(id)._app.1" }

    /// Whether it stands for one of the instances that the app should have.
    func counts(_ unreachableLimit: Int?, now: Timestamp) -> Bool {
        guard !isStopping else { return false }
        guard condition == .unreachable, let since = unreachableSince, let unreachableLimit else { return true }
        return (now - since).inSeconds < Double(unreachableLimit)
    }
}

extension Instance {
    /// What the store keeps.
    var stored: JSON {
        var json = JSON.members([
            "id": .string(id), "app": .string(app.path), "configVersion": .string(configVersion.iso8601),
            "appVersion": .string(appVersion.iso8601), "agentId": .string(agentID), "host": .string(host),
            "ports": .array(ports.map { .integer(Int64($0)) }), "stagedAt": .string(stagedAt.iso8601),
            "condition": .string(condition.rawValue), "ipAddresses": .array(ipAddresses.map(JSON.string)),
            "isStopping": .bool(isStopping),
        ])
        json.set("startedAt", startedAt.map { .string($0.iso8601) })
        json.set("unreachableSince", unreachableSince.map { .string($0.iso8601) })
        return json
    }

    /// Nil for a record that is not one of ours.
    init?(stored json: JSON) {
        func time(_ name: String) -> Timestamp? { json.value(name)?.string.flatMap { Timestamp(iso8601: $0) } }
        guard let id = json.value("id")?.string, let app = json.value("app")?.string.flatMap({ AppID($0) }),
            let configVersion = time("configVersion"), let appVersion = time("appVersion"),
            let agentID = json.value("agentId")?.string, let host = json.value("host")?.string,
            let stagedAt = time("stagedAt"), let name = json.value("condition")?.string,
            let condition = Condition(rawValue: name)
        else { return nil }
        self.init(
            id: id, app: app, configVersion: configVersion, appVersion: appVersion, agentID: agentID, host: host,
            ports: (json.value("ports")?.array ?? []).compactMap { $0.integer.map { Int($0) } }, stagedAt: stagedAt)
        self.condition = condition
        startedAt = time("startedAt")
        unreachableSince = time("unreachableSince")
        ipAddresses = (json.value("ipAddresses")?.array ?? []).compactMap(\.string)
        isStopping = json.value("isStopping")?.bool ?? false
    }
}

/// How long launches of an app wait after failures.
struct LaunchDelay: Sendable, Equatable {
    let configVersion: Timestamp
    var seconds: Double
    var until: Timestamp
}
