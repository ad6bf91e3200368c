import Containerizer
import HTTPKit
import Libprocess
import MesosProtocol
import Resources
import ServiceKit
import Testing

@testable import Agent

/// An agent driven by events, with a master that says what a real one says.
struct TestAgent {
    static let start = Timestamp(seconds: 1_000_000)
    static let master = UPID(id: "master", ip: "10.0.0.100", port: 5050)
    static let observer = UPID(id: "slave-observer(1)", ip: "10.0.0.100", port: 5050)

    var core: AgentCore
    var now = TestAgent.start
    /// What came of the last event.
    private(set) var effects: [AgentEffect] = []
    /// What is on disk: the tasks by their containers.
    private(set) var disk: [String: Checkpoint.Task] = [:]
    private(set) var info: Mesos.AgentInfo

    init(
        info: Mesos.AgentInfo? = nil, tasks: [Checkpoint.Task] = [],
        configure: (inout AgentCore.Configuration) -> Void = { _ in }
    ) {
        var configuration = AgentCore.Configuration(workDirectory: "/work", runtimeDirectory: "/run")
        configuration.address = "10.0.0.1"
        configure(&configuration)
        let own =
            info
            ?? .with {
                $0.hostname = "host1"
                $0.port = 5051
            }
        self.info = own
        core = AgentCore(configuration: configuration, info: own, tasks: tasks, now: Self.start)
        for task in tasks { disk[task.containerID] = task }
    }

    /// An agent that is registered as `m-S0`.
    static func registered() throws -> TestAgent {
        var agent = TestAgent()
        agent.handle(.detected(master))
        agent.tick(at: 1)
        try agent.receive(Internal.SlaveRegisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        return agent
    }

    mutating func handle(_ event: AgentEvent) {
        effects = core.handle(event, at: now)
        for effect in effects {
            switch effect {
            case .persist(let task): disk[task.containerID] = task
            case .forget(let container): disk[container] = nil
            case .persistAgent(let info): self.info = info
            default: break
            }
        }
    }

    /// Lets time pass to a moment after the start, with a tick.
    mutating func tick(at seconds: Double) {
        now = Self.start + .seconds(seconds)
        handle(.tick)
    }

    mutating func receive<M: ProtoMessage>(_ message: M, from: UPID = TestAgent.master) throws {
        let request = HTTPRequest(
            method: .POST, uri: "/slave(1)/\(M.messageName)", headers: ["Libprocess-From": from.description],
            body: message.protobuf)
        handle(.message(try #require(LibprocessMessage(request))))
    }

    /// The agent as it starts again from what is on disk.
    func restarted() -> TestAgent {
        TestAgent(info: info, tasks: disk.values.sorted { $0.containerID < $1.containerID }) { $0.seed = 2 }
    }

    /// The messages of a type that the last step sent.
    func sent<M: ProtoMessage>(_ type: M.Type) -> [M] {
        effects.compactMap { if case .send(_, let message) = $0 { message as? M } else { nil } }
    }

    var updates: [Internal.StatusUpdate] { sent(Internal.StatusUpdateMessage.self).map(\.update) }

    /// The states of the updates that the last step sent.
    var states: [Mesos.TaskState] { updates.map(\.status.state) }

    /// The effects of the last step in a word or two each.
    var summary: [String] {
        effects.compactMap { effect in
            switch effect {
            case .send(_, let message): "send \(type(of: message).messageName.dropFirst("mesos.internal.".count))"
            case .link: "link"
            case .persistAgent: "persist agent"
            case .persist(let task): "persist \(task.state.name)"
            case .forget: "forget"
            case .launch(let container): "launch \(container.taskID)"
            case .stop(_, let grace): "stop \(grace.inSeconds)"
            case .destroy: "destroy"
            case .log: nil
            case .exit: "exit"
            }
        }
    }
}

/// What a master asks for, and what becomes of containers.
extension TestAgent {
    static func framework(
        _ id: String = "f", capabilities: [Mesos.FrameworkInfo.Capability.Kind] = [.partitionAware, .multiRole]
    ) -> Mesos.FrameworkInfo {
        .with {
            $0.user = "nobody"
            $0.name = "test"
            $0.id = Mesos.FrameworkID(id)
            $0.roles = ["dev"]
            $0.checkpoint = true
            $0.capabilities = capabilities.map { type in .with { $0.type = type } }
        }
    }

    mutating func run(
        _ id: String, framework: Mesos.FrameworkInfo = TestAgent.framework(),
        _ build: (inout Mesos.TaskInfo) -> Void = { _ in }
    ) throws {
        var task = Mesos.TaskInfo()
        task.name = id
        task.taskID = Mesos.TaskID(id)
        task.agentID = Mesos.AgentID("m-S0")
        task.command = .with { $0.value = "sleep 60" }
        task.resources = [
            .with {
                $0.name = "cpus"
                $0.scalar = .with { $0.value = 1 }
            }
        ]
        build(&task)
        let info = task
        try receive(
            Internal.RunTaskMessage.with {
                $0.framework = framework
                $0.task = info
            })
    }

    /// A registered agent whose task `t` runs, all updates acknowledged.
    static func running() throws -> TestAgent {
        var agent = try registered()
        try agent.run("t")
        agent.launched("t")
        try agent.acknowledge("t")
        try agent.acknowledge("t")
        return agent
    }

    func task(_ id: String) -> AgentTask? { core.tasks.values.first { $0.key.task.value == id } }

    func container(_ task: String) -> String { self.task(task)?.containerID ?? "" }

    mutating func launched(_ task: String) {
        handle(.launched(container: container(task), .success(Mesos.ContainerStatus())))
    }

    mutating func ended(_ task: String, _ termination: ContainerTermination = ContainerTermination(status: 0)) {
        handle(.terminated(container: container(task), termination))
    }

    /// Acknowledges the update under way, or another one.
    mutating func acknowledge(_ task: String, uuid: [UInt8]? = nil, framework: String = "f") throws {
        let outstanding = self.task(task)?.updates.first?.uuid
        try receive(
            Internal.StatusUpdateAcknowledgementMessage.with {
                $0.agentID = Mesos.AgentID("m-S0")
                $0.frameworkID = Mesos.FrameworkID(framework)
                $0.taskID = Mesos.TaskID(task)
                $0.uuid = uuid ?? outstanding ?? []
            })
    }

    mutating func kill(_ task: String, grace: Double? = nil, framework: String = "f") throws {
        try receive(
            Internal.KillTaskMessage.with {
                $0.frameworkID = Mesos.FrameworkID(framework)
                $0.taskID = Mesos.TaskID(task)
                $0.killPolicy = grace.map { seconds in
                    .with { $0.gracePeriod = .with { $0.nanoseconds = Int64(seconds * 1e9) } }
                }
            })
    }
}
