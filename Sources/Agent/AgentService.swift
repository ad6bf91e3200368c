import Containerizer
import HTTPKit
import Libprocess
import Logging
import MesosProtocol
import NIOCore
import NIOPosix
import ServiceKit
import ZooKeeperClient

/// An agent: carries out what its core decides. Everything but files and containers happens on one event loop, which
/// is also that of its HTTP server.
public actor AgentService {
    /// Why an agent cannot start or go on.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let flags: FlagValues
    let clock = WallClock()
    let startedAt: Timestamp
    let logger = Logger(label: "agent")
    let host: ContainerizerHost
    private let group: any EventLoopGroup
    private let store: CheckpointStore
    private let disk = NIOThreadPool(numberOfThreads: 1)
    private var server: HTTPServer?
    private var locks: [DirectoryLock] = []
    private var sender: LibprocessSender?
    private var zooKeeper: ZooKeeperClient?
    private(set) var core: AgentCore?
    var masterHostname: String?
    private var masterID: String?
    private var waiting: [AgentEffect] = []
    private var launches: [String: Task<Mesos.ContainerStatus, any Error>] = [:]
    /// Containers to be destroyed as soon as their launch has ended.
    private var doomed: Set<String> = []
    private var isPersisting = false
    private var ticker: RepeatedTask?
    /// What systemd was told last; nil while this agent is not one of its services.
    private var announced: String?
    private var background: [Task<Void, Never>] = []
    private let jobs: AsyncStream<@Sendable () async -> Void>.Continuation
    private let jobStream: AsyncStream<@Sendable () async -> Void>
    /// Ends with the reason when this agent must not go on.
    public nonisolated let failures: AsyncStream<String>
    private let failure: AsyncStream<String>.Continuation

    public init(flags: FlagValues, containerizers: [any Containerizer], group: any EventLoopGroup) {
        self.flags = flags
        self.group = group
        eventLoop = group.next()
        startedAt = clock.now
        host = ContainerizerHost(containerizers)
        store = CheckpointStore(workDirectory: flags.text("work_dir") ?? "")
        (jobStream, jobs) = AsyncStream<@Sendable () async -> Void>.makeStream()
        (failures, failure) = AsyncStream<String>.makeStream()
    }

    /// Recovers the tasks of a former run, listens and looks for the master. Returns the port.
    @discardableResult
    public func start() async throws -> Int {
        disk.start()
        try store.prepare()
        locks.append(try DirectoryLock("\(flags.text("work_dir") ?? "")/meta/agent", purpose: "agent"))
        // What is in there and not known here is destroyed: it must not be another agent's.
        let runtimeDirectory = AgentIdentity.runtimeDirectory(flags)
        try SmallFile.makeDirectory(runtimeDirectory)
        locks.append(try DirectoryLock(runtimeDirectory, purpose: "agent"))
        try await host.prepare()
        sender = LibprocessSender(eventLoop: eventLoop) { [self] address in
            assumeIsolated { $0.handle(.exited(address)) }
        }
        let address = flags.text("ip") ?? "0.0.0.0"
        let server = try await HTTPServer.start(
            host: address, port: flags.integer("port") ?? 5051, group: eventLoop,
            service: AgentRequests(agent: self))
        self.server = server
        if address != "127.0.0.1" {
            logger.warning(
                "listening on \(address):\(server.port) without authentication: whoever reaches it may read sandboxes")
        }
        background.append(Task { [jobStream] in await Self.work(jobStream) })
        try await recover(port: server.port)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { [self] _ in
            assumeIsolated { $0.handle(.tick) }
        }
        try detectMaster()
        return server.port
    }

    /// Tells systemd that this agent serves, and from now on what it is at.
    public func announce() {
        let summary = core?.summary ?? ""
        announced = summary
        ServiceNotifier.ready(summary)
    }

    public func stop() async {
        ticker?.cancel()
        jobs.finish()
        for task in background { task.cancel() }
        await zooKeeper?.close()
        await server?.close()
        sender?.closeAll()
        failure.finish()
        try? await disk.shutdownGracefully()  // A pool that is stopped needs nothing.
    }

    /// Kills every container of this agent: for a stack that ends as a whole.
    public func destroyContainers() async {
        for task in core?.tasks.values.filter({ $0.phase != .ended }) ?? [] {
            await host.destroy(task.containerID, stateDirectory(task.containerID))
        }
    }

    /// Launches, waits and stops run side by side; stopping the agent leaves the containers alone.
    private static func work(_ jobs: AsyncStream<@Sendable () async -> Void>) async {
        await withDiscardingTaskGroup { tasks in
            for await job in jobs { tasks.addTask { await job() } }
            tasks.cancelAll()
        }
    }

    /// The agent that it was before, if that may go on. One without tasks may change in any way: it registers anew.
    private func identity(port: Int, hasTasks: Bool) throws -> Mesos.AgentInfo {
        var info = try AgentIdentity.info(flags, port: port)
        guard let known = try store.loadAgent() else { return info }
        let policy = flags.text("reconfiguration_policy") ?? "equal"
        if let change = AgentIdentity.change(known, info, policy: policy) {
            guard !hasTasks else {
                throw Failure(description: "mesos-agent: \(AgentIdentity.refusal(change, known, policy))")
            }
            logger.notice("\(change) changed: registering as a new agent in place of \(known.id?.value ?? "")")
        } else {
            info.id = known.id
        }
        return info
    }

    private func recover(port: Int) async throws {
        let all = try store.loadTasks()
        let info = try identity(port: port, hasTasks: !all.isEmpty)
        let configuration = try AgentIdentity.configuration(flags)
        let checkpoints = all.filter { $0.framework.checkpoint == true }
        let core = AgentCore(configuration: configuration, info: info, tasks: checkpoints, now: clock.now)
        self.core = core
        let running = core.tasks.values.filter { $0.phase != .ended }.compactMap { core.specification($0.key) }
        // Tasks of frameworks without checkpoints do not survive their agent.
        let lost = AgentCore(
            configuration: configuration, info: info, tasks: all.filter { $0.framework.checkpoint != true },
            now: clock.now)
        let leftovers = lost.tasks.keys.compactMap { lost.specification($0) }
        let found = try await host.recover(
            running + leftovers, containersDirectory: "\(configuration.runtimeDirectory)/containers")
        for container in leftovers {
            await host.destroy(container.id, container.stateDirectory)
            Sandbox.removeState(container.stateDirectory)
            store.remove(container: container.id)
        }
        for container in running {
            guard found.contains(container.id) else {
                handle(
                    .terminated(
                        container: container.id,
                        ContainerTermination(status: nil, message: "The container was gone after the agent restarted")))
                continue
            }
            if case .launching? = core.tasks.values.first(where: { $0.containerID == container.id })?.phase {
                launch(container) { [host] in try await host.resume(container) }
            } else {
                awaitEnd(container.id, container.stateDirectory)
            }
        }
        handle(.recovered)
        if !checkpoints.isEmpty {
            let containers = found.intersection(running.map(\.id)).count
            logger.info("recovered \(checkpoints.count) tasks, \(containers) containers")
        }
    }

    private func detectMaster() throws {
        let text = flags.text("master") ?? ""
        guard text.hasPrefix("zk://") else {
            let parts = text.split(separator: ":")
            guard parts.count == 2, let port = Int(parts[1]), let ip = Hostname.resolve(String(parts[0])) else {
                throw Failure(description: "mesos-agent: --master: '\(text)' is wrong: expected host:port or zk://...")
            }
            masterHostname = String(parts[0])
            return handle(.detected(UPID(id: "master", ip: ip, port: port)))
        }
        let address = try ZooKeeperAddress(parsing: text)
        let timeout = flags.duration("zk_session_timeout") ?? .seconds(10)
        let client = ZooKeeperClient(
            address: address, sessionTimeout: timeout, security: try ZooKeeperSecurity(flags), group: group)
        zooKeeper = client
        background += [
            Task { await client.start() },
            Task { [self] in
                for await leader in client.leaderUpdates(in: address.path, mark: "json.info_") { detected(leader) }
            },
        ]
    }

    private func detected(_ leader: Leader?) {
        guard let leader else { return leads(nil) }
        guard let master = try? Mesos.MasterInfo(jsonText: String(decoding: leader.data, as: UTF8.self)) else { return }
        leads(master)
    }

    private func leads(_ master: Mesos.MasterInfo?) {
        // The same master seen again, as after a lost ZooKeeper connection, is no news; another one at the same
        // address is.
        guard master?.id != masterID else { return }
        masterID = master?.id
        masterHostname = master?.hostname
        handle(.detected(master?.pid.flatMap(UPID.init)))
    }
}

extension AgentService {
    /// Lets the core decide and carries out what it wants.
    func handle(_ event: AgentEvent) {
        guard var core = core.take() else { return }
        let effects = core.handle(event, at: clock.now)
        self.core = core
        if let announced, announced != core.summary {
            self.announced = core.summary
            ServiceNotifier.status(core.summary)
        }
        waiting += effects
        if !isPersisting { drain() }
    }

    /// In order; behind something to be kept only when it is on disk.
    private func drain() {
        while !waiting.isEmpty {
            let records = waiting.prefix { $0.isRecord }
            guard records.isEmpty else {
                waiting.removeFirst(records.count)
                isPersisting = true
                return write(Array(records))
            }
            perform(waiting.removeFirst())
        }
    }

    private func write(_ records: [AgentEffect]) {
        disk.runIfActive(eventLoop: eventLoop) { [store] in
            for record in records {
                switch record {
                case .persistAgent(let info): try store.store(info)
                case .persist(let task): try store.store(task)
                case .forget(let container): store.remove(container: container)
                default: break
                }
            }
        }.whenComplete { [self] result in
            assumeIsolated { agent in
                if case .failure(let error) = result {
                    agent.failure.yield("the work directory cannot be written: \(error)")
                    return
                }
                agent.isPersisting = false
                agent.drain()
            }
        }
    }

    private func perform(_ effect: AgentEffect) {
        switch effect {
        case .send(let receiver, let message):
            guard let info = core?.info, let address = core?.configuration.address else { return }
            let from = UPID(id: "slave(1)", ip: address, port: Int(info.portOrDefault))
            sender?.send(name: type(of: message).messageName, body: message.protobuf, from: from, to: receiver)
        case .link(let receiver): sender?.link(receiver)
        case .launch(let container):
            launch(container) { [host] in
                try Sandbox.create(container)
                return try await host.launch(container)
            }
        case .stop(let container, let grace):
            let directory = stateDirectory(container)
            jobs.yield { [host] in await host.stop(container, directory, grace: grace) }
        case .destroy(let container):
            // A launch under way is ended first; what it leaves is destroyed when it reports.
            if let work = launches[container] {
                doomed.insert(container)
                return work.cancel()
            }
            let directory = stateDirectory(container)
            jobs.yield { [host] in
                await host.destroy(container, directory)
                Sandbox.removeState(directory)
            }
        case .log(let text, let task, let framework):
            var metadata: Logger.Metadata = [:]
            if let task { metadata["task_id"] = "\(task)" }
            if let framework { metadata["framework_id"] = "\(framework)" }
            logger.info("\(text)", metadata: metadata)
        case .exit(let reason):
            failure.yield(reason)
            failure.finish()
        case .persistAgent, .persist, .forget: break
        }
    }

    /// Has work done beside the event loop.
    func add(_ job: @escaping @Sendable () async -> Void) { jobs.yield(job) }

    func stateDirectory(_ container: String) -> String {
        "\(core?.configuration.runtimeDirectory ?? "")/containers/\(container)"
    }

    private func launch(
        _ container: ContainerSpecification, _ body: @escaping @Sendable () async throws -> Mesos.ContainerStatus
    ) {
        let work = Task { try await body() }
        launches[container.id] = work
        jobs.yield { [self] in await launchEnded(container, await work.result) }
    }

    private func launchEnded(_ container: ContainerSpecification, _ result: Result<Mesos.ContainerStatus, any Error>) {
        launches[container.id] = nil
        var outcome = result.mapError { $0 as? ContainerError ?? ContainerError("\($0)") }
        if doomed.remove(container.id) != nil {
            outcome = .failure(ContainerError("it was killed during its launch"))
        }
        handle(.launched(container: container.id, outcome))
        if case .success = outcome { awaitEnd(container.id, container.stateDirectory) }
    }

    private func awaitEnd(_ container: String, _ directory: String) {
        jobs.yield { [self, host] in
            let termination = await host.wait(container, directory)
            // A wait that ended because the agent stops says nothing of the container.
            if !Task.isCancelled { await handle(.terminated(container: container, termination)) }
        }
    }
}

extension AgentEffect {
    /// Whether it is something to be kept on disk.
    fileprivate var isRecord: Bool {
        switch self {
        case .persistAgent, .persist, .forget: true
        default: false
        }
    }
}

extension Optional {
    /// The value, leaving nil: so that changing it copies nothing.
    fileprivate mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
