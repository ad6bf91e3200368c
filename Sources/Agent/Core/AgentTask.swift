import MesosProtocol
import Resources
import ServiceKit

/// A task of this agent, with its container and the updates that were not acknowledged.
struct AgentTask: Sendable {
    enum Phase: Sendable, Equatable {
        /// The containerizer is at work.
        case launching(deadline: Timestamp)
        case running
        /// Its end was asked for.
        case stopping
        /// The container is gone.
        case ended
    }

    let key: TaskKey
    let info: Mesos.TaskInfo
    let containerID: String
    var phase: Phase
    var state: Mesos.TaskState = .taskStaging
    var statuses: [Mesos.TaskStatus] = []
    /// Oldest first; the first one is under way.
    var updates: [Internal.StatusUpdate] = []
    var nextSend: Timestamp?
    var sendInterval = AgentTask.firstInterval
    var isKillRequested = false
    /// How long the task has to end once it is asked to, when that is said at all.
    var killGrace: Duration?
    /// When a task that was asked to end is killed.
    var stopDeadline: Timestamp?
    /// When it has run as long as it may (`max_completion_time`).
    var completionDeadline: Timestamp?
    var isOverdue = false
    var containerStatus: Mesos.ContainerStatus?
    let startedAt: Timestamp

    static let firstInterval = Duration.seconds(10)
    static let longestInterval = Duration.seconds(600)
    static let defaultGrace = Duration.seconds(3)

    init(key: TaskKey, info: Mesos.TaskInfo, containerID: String, phase: Phase, now: Timestamp) {
        self.key = key
        self.info = info
        self.containerID = containerID
        self.phase = phase
        startedAt = now
    }

    /// A task from before a restart of the agent. Its updates are sent again when the agent has registered.
    init(_ checkpoint: Checkpoint.Task, launchDeadline: Timestamp, now: Timestamp) {
        let key = TaskKey(framework: checkpoint.framework.id ?? Mesos.FrameworkID(""), task: checkpoint.task.taskID)
        let isLaunched = checkpoint.isLaunched ?? false
        let phase: Phase =
            checkpoint.state.isTerminal ? .ended : isLaunched ? .running : .launching(deadline: launchDeadline)
        self.init(key: key, info: checkpoint.task, containerID: checkpoint.containerID, phase: phase, now: now)
        state = checkpoint.state
        statuses = checkpoint.statuses
        updates = checkpoint.updates
        isKillRequested = checkpoint.isKillRequested ?? false
        killGrace = checkpoint.stopGrace.map { .nanoseconds($0.nanoseconds) }
        stopDeadline = checkpoint.stopDeadline.map { Timestamp(nanoseconds: $0.nanoseconds) }
        completionDeadline = checkpoint.completionDeadline.map { Timestamp(nanoseconds: $0.nanoseconds) }
        isOverdue = checkpoint.isOverdue ?? false
        containerStatus = checkpoint.statuses.last?.containerStatus
    }

    /// What is left of the time to end. The clock may have been set meanwhile: never more than the whole grace.
    func remainingGrace(_ now: Timestamp) -> Duration {
        let whole = killGrace ?? Self.defaultGrace
        guard let stopDeadline else { return whole }
        return min(whole, max(.zero, stopDeadline - now))
    }

    var role: String { info.resources.first?.allocationInfo?.role ?? "*" }
    var resources: Resources { Resources(info.resources) }

    /// The task as messages and pages show it.
    var record: Mesos.Task {
        .with {
            $0.name = info.name
            $0.taskID = key.task
            $0.frameworkID = key.framework
            $0.agentID = info.agentID
            $0.state = state
            $0.resources = info.resources
            $0.statuses = statuses
            $0.statusUpdateState = updates.first?.status.state
            $0.statusUpdateUUID = updates.first?.uuid
            $0.labels = info.labels
            $0.discovery = info.discovery
            $0.container = info.container
            $0.healthCheck = info.healthCheck
            $0.killPolicy = info.killPolicy
            $0.user = info.command?.user
        }
    }

    func checkpoint(_ framework: Mesos.FrameworkInfo) -> Checkpoint.Task {
        .with {
            $0.framework = framework
            $0.task = info
            $0.containerID = containerID
            $0.state = state
            $0.statuses = statuses
            $0.updates = updates
            $0.isKillRequested = isKillRequested
            $0.isLaunched = phase == .running || phase == .stopping
            $0.stopGrace = killGrace.map { grace in .with { $0.nanoseconds = grace.nanoseconds } }
            $0.stopDeadline = stopDeadline.map { moment in .with { $0.nanoseconds = moment.nanoseconds } }
            $0.completionDeadline = completionDeadline.map { moment in .with { $0.nanoseconds = moment.nanoseconds } }
            $0.isOverdue = isOverdue ? true : nil
        }
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
