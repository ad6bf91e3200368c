import Libprocess
import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    /// An agent that is registered.
    struct Agent: Sendable {
        var info: Mesos.AgentInfo
        var pid: UPID
        var version: String
        var capabilities: [Mesos.AgentInfo.Capability]
        var resourceVersion: Mesos.UUID?
        var total: Resources
        var registeredAt: Timestamp
        var reregisteredAt: Timestamp?
        /// When the connection broke; nil while it stands.
        var disconnectedAt: Timestamp?
        /// The id of the actor that pings it.
        let observer: String
        var nextPing: Timestamp
        var unansweredPings = 0
        var executors: [Mesos.FrameworkID: [Mesos.ExecutorID: Mesos.ExecutorInfo]] = [:]

        var isConnected: Bool { disconnectedAt == nil }
        var id: Mesos.AgentID { info.id ?? Mesos.AgentID("") }
    }

    /// A framework, from its first subscription to its end.
    struct Framework: Sendable {
        let id: Mesos.FrameworkID
        var info: Mesos.FrameworkInfo
        /// The `Mesos-Stream-Id` of its connection; nil while it has none.
        var stream: String?
        /// Known only from agents that run its tasks, since this master was elected.
        var isRecovered = false
        var suppressedRoles: Set<String> = []
        var registeredAt: Timestamp
        var reregisteredAt: Timestamp?
        var unregisteredAt: Timestamp?
        var disconnectedAt: Timestamp?
        var lastHeartbeat: Timestamp
        var tasks: [Mesos.TaskID: Task] = [:]
        var completedTasks: [Mesos.Task] = []
        var unreachableTasks: [Mesos.Task] = []
        var offers: Set<Mesos.OfferID> = []

        var isConnected: Bool { stream != nil }
        var isActive: Bool { stream != nil }

        func has(_ capability: Mesos.FrameworkInfo.Capability.Kind) -> Bool {
            info.capabilities.contains { $0.type == capability }
        }

        var roles: Set<String> {
            has(.multiRole) ? Set(info.roles) : [info.roleOrDefault]
        }

        /// The state that stands for "lost" in this framework's eyes.
        func lost(_ partitionAware: Mesos.TaskState) -> Mesos.TaskState {
            has(.partitionAware) ? partitionAware : .taskLost
        }
    }

    /// A task that is not completed. `record.state` is the newest known; `statusUpdateState` the one last forwarded.
    struct Task: Sendable {
        var record: Mesos.Task
        let role: String
        /// Set when its resources were given back: with the first terminal state.
        var isReleased = false
        var isKillRequested = false
        /// What it runs under, if not a command of its own.
        var executor: Mesos.ExecutorID? { record.executorID }
        var resources: Resources { Resources(record.resources) }
    }

    struct Offer: Sendable {
        let message: Mesos.Offer
        let role: String
        let resources: Resources
        let madeAt: Timestamp
    }
}

extension Mesos.TaskState {
    /// No update follows.
    var isTerminal: Bool {
        switch self {
        case .taskFinished, .taskFailed, .taskKilled, .taskError, .taskLost, .taskDropped, .taskGone,
            .taskGoneByOperator:
            true
        case .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskUnreachable, .taskUnknown: false
        }
    }
}
