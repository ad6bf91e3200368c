import Containerizer
import Libprocess
import MesosProtocol
import Resources
import ServiceKit

/// What happens to an agent.
enum AgentEvent: Sendable {
    /// Another master leads, or none.
    case detected(UPID?)
    case message(LibprocessMessage)
    /// The connection to the process at `ip:port` broke.
    case exited(String)
    /// A launch came to its end: the container runs, or why it does not.
    case launched(container: String, Result<Mesos.ContainerStatus, ContainerError>)
    case terminated(container: String, ContainerTermination)
    /// The containers from before a restart are found again, or known to be gone.
    case recovered
    case tick
}

/// What an agent wants done, in this order. What follows a `persist` or `forget` waits until it is on disk.
enum AgentEffect: Sendable {
    case send(to: UPID, any ProtoMessage)
    case link(UPID)
    case persistAgent(Mesos.AgentInfo)
    case persist(Checkpoint.Task)
    case forget(container: String)
    case launch(ContainerSpecification)
    case stop(container: String, grace: Duration)
    case destroy(container: String)
    case log(String, task: String?, framework: String?)
    /// The agent must end, with this reason.
    case exit(String)
}

/// A task's name: ids of tasks are unique within a framework.
struct TaskKey: Hashable, Sendable {
    let framework: Mesos.FrameworkID
    let task: Mesos.TaskID
}

/// All decisions of an agent: its registration, its tasks and their status updates.
///
///     registration:  detected ──back-off──> register ──> registered <──pings──
///     task:          staging ──launched──> starting, running ──terminated──> finished | failed | killed
///     update:        kept on disk, sent, sent again until acknowledged, one at a time for each task
struct AgentCore: Sendable {
    struct Configuration: Sendable {
        var workDirectory: String
        var runtimeDirectory: String
        var registrationBackoff = Duration.seconds(1)
        var executorRegistrationTimeout = Duration.seconds(60)
        var shutdownGracePeriod = Duration.seconds(5)
        var switchesUser = true
        /// Variables that every task gets (`--executor_environment_variables`).
        var environment: [String: String] = [:]
        var maximumCompletedTasks = 150
        var seed: UInt64 = 1
        /// The address that others reach this agent at.
        var address = "127.0.0.1"
    }

    let configuration: Configuration
    var info: Mesos.AgentInfo
    var master: UPID?
    var isRegistered = false
    /// When to try to register next, and how often that was tried in vain.
    var nextRegistration: Timestamp?
    var attempts = 0
    var lastPing = Timestamp(nanoseconds: 0)
    var totalPingTimeout = Duration.seconds(75)
    var tasks: [TaskKey: AgentTask] = [:]
    var frameworks: [Mesos.FrameworkID: Mesos.FrameworkInfo] = [:]
    var completed: [AgentTask] = []
    var terminating: Set<Mesos.FrameworkID> = []
    let resourceVersion: [UInt8]
    var generator: SeededGenerator
    var effects: [AgentEffect] = []

    /// An agent as it starts; `info` has an id when it was registered before.
    init(configuration: Configuration, info: Mesos.AgentInfo, tasks recovered: [Checkpoint.Task], now: Timestamp) {
        self.configuration = configuration
        self.info = info
        generator = SeededGenerator(seed: configuration.seed)
        resourceVersion = Self.uuid(&generator)
        for checkpoint in recovered {
            let deadline = now + configuration.executorRegistrationTimeout
            let task = AgentTask(checkpoint, launchDeadline: deadline, now: now)
            tasks[task.key] = task
            frameworks[task.key.framework] = checkpoint.framework
        }
    }

    mutating func handle(_ event: AgentEvent, at now: Timestamp) -> [AgentEffect] {
        effects = []
        switch event {
        case .detected(let master): detected(master, now)
        case .message(let message): receive(message, now)
        case .exited(let address): exited(address, now)
        case .launched(let container, let result): launched(container, result, now)
        case .terminated(let container, let termination): terminated(container, termination, now)
        case .recovered: resumeStops(now)
        case .tick:
            registerIfDue(now)
            superviseTasks(now)
            resendUpdates(now)
        }
        return effects
    }

    static func uuid(_ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        return bytes
    }

    mutating func log(_ text: String, _ key: TaskKey? = nil) {
        effects.append(.log(text, task: key?.task.value, framework: key?.framework.value))
    }

    /// What the agent is at, for people.
    var summary: String {
        guard let master else { return "waiting for a master" }
        return isRegistered ? "registered with \(master.address)" : "registering with \(master.address)"
    }

    private mutating func receive(_ message: LibprocessMessage, _ now: Timestamp) {
        guard let from = message.from else { return }
        if let ping = message.decode(Internal.PingSlaveMessage.self) { return pinged(ping, from, now) }
        guard message.to == "slave(1)", let master, from.address == master.address else { return }
        if let registered = message.decode(Internal.SlaveRegisteredMessage.self) {
            self.registered(registered.agentID, registered.connection, now)
        } else if let reregistered = message.decode(Internal.SlaveReregisteredMessage.self) {
            self.registered(reregistered.agentID, reregistered.connection, now)
            for reconciliation in reregistered.reconciliations { reconcile(reconciliation, now) }
        } else if let run = message.decode(Internal.RunTaskMessage.self) {
            self.run(run, now)
        } else if let group = message.decode(Internal.RunTaskGroupMessage.self) {
            refuseGroup(group, now)
        } else if let kill = message.decode(Internal.KillTaskMessage.self) {
            self.kill(kill, now)
        } else if let acknowledgement = message.decode(Internal.StatusUpdateAcknowledgementMessage.self) {
            acknowledged(acknowledgement, now)
        } else if let shutdown = message.decode(Internal.ShutdownFrameworkMessage.self) {
            shutdownFramework(shutdown.frameworkID, now)
        } else if let update = message.decode(Internal.UpdateFrameworkMessage.self) {
            if frameworks[update.frameworkID] != nil, let known = update.frameworkInfo {
                frameworks[update.frameworkID] = known
            }
        } else if let shutdown = message.decode(Internal.ShutdownMessage.self) {
            effects.append(.exit("the master asked this agent to shut down: \(shutdown.message ?? "")"))
        } else {
            log("dropped message \(message.name) from \(from)")
        }
    }
}
