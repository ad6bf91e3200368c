import HTTPKit
import Libprocess
import MesosProtocol
import NIOHTTP1
import Resources
import ServiceKit
import Testing

@testable import Allocator
@testable import Master

/// A master driven by events, with agents and schedulers that say what real ones say.
struct TestMaster {
    static let start = Timestamp(seconds: 1_000_000)

    var core: MasterCore
    var now = TestMaster.start
    /// What came of the last event.
    private(set) var effects: [MasterEffect] = []

    init(
        registry: RegistryRecord.Registry = .init(), configure: (inout MasterCore.Configuration) -> Void = { _ in }
    ) {
        var configuration = MasterCore.Configuration()
        configure(&configuration)
        core = MasterCore(
            configuration: configuration, info: .with { $0.id = "m" }, registry: registry, electedAt: Self.start)
    }

    mutating func handle(_ event: MasterEvent) throws {
        effects = core.handle(event, at: now)
        try checkResources()
    }

    /// Lets time pass to a moment after the start, with a tick.
    mutating func tick(at seconds: Double) throws {
        now = Self.start + .seconds(seconds)
        try handle(.tick)
    }

    mutating func receive<M: ProtoMessage>(_ message: M, from: UPID, to actor: String = "master") throws {
        let request = HTTPRequest(
            method: .POST, uri: "/\(actor)/\(M.messageName)", headers: ["Libprocess-From": from.description],
            body: message.protobuf)
        try handle(.message(try #require(LibprocessMessage(request))))
    }

    /// The events that the last step sent to a stream.
    func events(_ stream: String = "s") -> [SchedulerAPI.Event] {
        effects.compactMap { if case .event(stream: stream, let event) = $0 { event } else { nil } }
    }

    func statuses(_ stream: String = "s") -> [Mesos.TaskStatus] { events(stream).compactMap(\.update?.status) }
    func offers(_ stream: String = "s") -> [Mesos.Offer] { events(stream).flatMap { $0.offers?.offers ?? [] } }

    /// The messages of a type that the last step sent to agents.
    func sent<M: ProtoMessage>(_ type: M.Type) -> [M] {
        effects.compactMap { if case .send(_, _, let message) = $0 { message as? M } else { nil } }
    }

    var answer: String? {
        effects.compactMap { if case .answer(let status, let text) = $0 { "\(status) \(text)" } else { nil } }.first
    }

    var closedStreams: [String] {
        effects.compactMap { if case .closeStream(let stream) = $0 { stream } else { nil } }
    }

    /// The effects of the last step in a word each.
    var summary: [String] {
        effects.compactMap { effect in
            switch effect {
            case .answer(let status, _): "answer \(status)"
            case .event(let stream, let event): "\(stream): \(event.type?.name ?? "")"
            case .closeStream(let stream): "close \(stream)"
            case .send(_, let from, let message):
                "\(from): \(type(of: message).messageName.dropFirst("mesos.internal.".count))"
            case .link: "link"
            case .persist: "persist"
            case .log: nil
            }
        }
    }

    /// The lines of the last step, with the task and the framework that they are about.
    var logs: [String] {
        effects.compactMap { effect in
            guard case .log(let text, let task, let framework) = effect else { return nil }
            return text + (task.map { " task=\($0)" } ?? "") + (framework.map { " framework=\($0)" } ?? "")
        }
    }

    var persisted: RegistryRecord.Registry? {
        effects.compactMap { if case .persist(let registry) = $0 { registry } else { nil } }.last
    }
}

/// What agents and schedulers do.
extension TestMaster {
    static func pid(_ number: Int) -> UPID { UPID(id: "slave(1)", ip: "10.0.0.\(number)", port: 5051) }

    static func agentInfo(
        _ number: Int, id: String? = nil, resources: String = "cpus:4;mem:1000;ports:[31000-31009]"
    ) throws -> Mesos.AgentInfo {
        let parsed = try ResourcesText.parse(resources)
        return .with {
            $0.hostname = "host\(number)"
            $0.port = 5051
            $0.id = id.map { Mesos.AgentID($0) }
            $0.resources = parsed
        }
    }

    /// Registers an agent; `m-S0` is the first one's id.
    mutating func registerAgent(_ number: Int, resources: String = "cpus:4;mem:1000;ports:[31000-31009]") throws {
        let info = try Self.agentInfo(number, resources: resources)
        let message = Internal.RegisterSlaveMessage.with {
            $0.slave = info
            $0.version = "1.11.0"
            $0.resourceVersionUUID = .with { $0.value = [UInt8](repeating: 3, count: 16) }
        }
        try receive(message, from: Self.pid(number))
    }

    mutating func reregisterAgent(
        _ number: Int, id: String, tasks: [Mesos.Task] = [], frameworks: [Mesos.FrameworkInfo] = [],
        executors: [Mesos.ExecutorInfo] = []
    ) throws {
        let info = try Self.agentInfo(number, id: id)
        let message = Internal.ReregisterSlaveMessage.with {
            $0.slave = info
            $0.version = "1.11.0"
            $0.tasks = tasks
            $0.frameworks = frameworks
            $0.executorInfos = executors
        }
        try receive(message, from: Self.pid(number))
    }

    static func framework(
        id: String? = nil, roles: [String] = ["dev"],
        capabilities: [Mesos.FrameworkInfo.Capability.Kind] = [.partitionAware],
        failover: Double = 60, checkpoint: Bool = true
    ) -> Mesos.FrameworkInfo {
        .with {
            $0.user = "root"
            $0.name = "test"
            $0.id = id.map { Mesos.FrameworkID($0) }
            $0.roles = roles
            $0.failoverTimeout = failover
            $0.checkpoint = checkpoint
            $0.capabilities = ([.multiRole, .reservationRefinement] + capabilities).map { type in
                .with { $0.type = type }
            }
        }
    }

    mutating func subscribe(
        _ stream: String = "s", _ info: Mesos.FrameworkInfo = TestMaster.framework(), suppressed: [String] = []
    ) throws {
        let call = SchedulerAPI.Call.with {
            $0.type = .subscribe
            $0.frameworkID = info.id
            $0.subscribe = .with {
                $0.frameworkInfo = info
                $0.suppressedRoles = suppressed
            }
        }
        try handle(.subscribe(stream: stream, call))
    }

    mutating func call(
        _ type: SchedulerAPI.Call.Kind, stream: String? = "s", framework: String = "m-0000",
        _ build: (inout SchedulerAPI.Call) -> Void = { _ in }
    ) throws {
        var call = SchedulerAPI.Call()
        call.type = type
        call.frameworkID = Mesos.FrameworkID(framework)
        build(&call)
        try handle(.call(call, stream: stream))
    }

    static func task(
        _ id: String, agent: String = "m-S0", resources: String = "cpus:1;mem:100",
        _ build: (inout Mesos.TaskInfo) -> Void = { _ in }
    ) throws -> Mesos.TaskInfo {
        var task = Mesos.TaskInfo()
        task.name = id
        task.taskID = Mesos.TaskID(id)
        task.agentID = Mesos.AgentID(agent)
        task.resources = Resources(try ResourcesText.parse(resources)).messages()
        task.command = .with { $0.value = "sleep 60" }
        build(&task)
        return task
    }

    mutating func accept(_ offers: [String], _ tasks: [Mesos.TaskInfo], refuse: Double = 0, stream: String = "s") throws
    {
        try call(.accept, stream: stream) { call in
            call.accept = .with { accept in
                accept.offerIDs = offers.map { Mesos.OfferID($0) }
                accept.operations = [
                    .with { operation in
                        operation.type = .launch
                        operation.launch = .with { $0.taskInfos = tasks }
                    }
                ]
                accept.filters = .with { $0.refuseSeconds = refuse }
            }
        }
    }

    /// An agent, a framework and a task `t1` that was launched on its first offer.
    static func withTask(
        _ info: Mesos.FrameworkInfo = TestMaster.framework(),
        configure: (inout MasterCore.Configuration) -> Void = { _ in }
    ) throws -> TestMaster {
        var master = TestMaster(configure: configure)
        try master.registerAgent(1)
        try master.subscribe("s", info)
        try master.accept([try #require(master.offers().first).id.value], [try task("t1")])
        return master
    }

    mutating func update(
        _ task: String, _ state: Mesos.TaskState, latest: Mesos.TaskState? = nil, uuid: UInt8 = 1,
        agent: String = "m-S0",
        framework: String = "m-0000"
    ) throws {
        let bytes = [UInt8](repeating: uuid, count: 16)
        let message = Internal.StatusUpdateMessage.with { message in
            message.pid = "slave(1)@10.0.0.1:5051"
            message.update = .with {
                $0.frameworkID = Mesos.FrameworkID(framework)
                $0.executorID = Mesos.ExecutorID(task)
                $0.agentID = Mesos.AgentID(agent)
                $0.timestamp = 5
                $0.uuid = bytes
                $0.latestState = latest
                $0.status = .with {
                    $0.taskID = Mesos.TaskID(task)
                    $0.state = state
                    $0.source = .sourceExecutor
                    $0.executorID = Mesos.ExecutorID(task)
                    $0.data = [1]
                    $0.uuid = bytes
                }
            }
        }
        try receive(message, from: Self.pid(1))
    }

    mutating func acknowledge(_ task: String, uuid: UInt8 = 1, agent: String = "m-S0") throws {
        try call(.acknowledge) { call in
            call.acknowledge = .with {
                $0.agentID = Mesos.AgentID(agent)
                $0.taskID = Mesos.TaskID(task)
                $0.uuid = [UInt8](repeating: uuid, count: 16)
            }
        }
    }

    /// The task as an agent lists it when it registers again.
    static func record(
        _ id: String, agent: String = "m-S0", framework: String = "m-0000", state: Mesos.TaskState = .taskRunning
    ) throws -> Mesos.Task {
        let info = try task(id, agent: agent)
        var record = MasterCore.record(of: info, framework: Mesos.FrameworkID(framework))
        for index in record.resources.indices { record.resources[index].allocationInfo = .with { $0.role = "dev" } }
        record.state = state
        return record
    }
}
