import HTTPKit
import Libprocess
import Logging
import MesosProtocol
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceKit
import ZooKeeperClient

/// A master: alone, or one of several that elect a leader through ZooKeeper. Everything happens on one event loop,
/// which is also that of its HTTP server.
public actor MasterService {
    /// Why a master cannot go on.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let flags: FlagValues
    let clock = WallClock()
    let startedAt: Timestamp
    let logger = Logger(label: "master")
    private let group: any EventLoopGroup
    private let registry: RegistryStore
    private var server: HTTPServer?
    private var lock: DirectoryLock?
    private var sender: LibprocessSender?
    private var zooKeeper: ZooKeeperClient?
    private(set) var info = Mesos.MasterInfo()
    /// The master that leads, as far as is known.
    var leader: Mesos.MasterInfo?
    /// Present while this master leads.
    var core: MasterCore?
    private(set) var streams: [String: SchedulerStream] = [:]
    private var waiting: [MasterEffect] = []
    private var isPersisting = false
    private var ticker: RepeatedTask?
    private var elections: [Task<Void, Never>] = []
    /// Ends with the reason when this master must not go on.
    public nonisolated let failures: AsyncStream<String>
    private let failure: AsyncStream<String>.Continuation

    public init(flags: FlagValues, group: any EventLoopGroup) {
        self.flags = flags
        self.group = group
        eventLoop = group.next()
        startedAt = clock.now
        registry = RegistryStore(
            directory: flags.text("registry") == "in_memory" ? nil : flags.text("work_dir"))
        (failures, failure) = AsyncStream<String>.makeStream()
    }

    /// Listens, and leads at once or stands for election. Returns the port.
    @discardableResult
    public func start() async throws -> Int {
        try registry.prepare()
        if registry.isDurable { lock = try DirectoryLock(flags.text("work_dir") ?? "", purpose: "master") }
        sender = LibprocessSender(eventLoop: eventLoop) { [self] address in
            assumeIsolated { $0.handle(.exited(address)) }
        }
        let host = flags.text("ip") ?? "0.0.0.0"
        let port = flags.integer("port") ?? 5050
        let server = try await HTTPServer.start(
            host: host, port: port, group: eventLoop, service: MasterRequests(master: self))
        self.server = server
        info = MasterIdentity.info(flags: flags, port: server.port)
        if host != "127.0.0.1" {
            logger.warning(
                "listening on \(host):\(server.port) without authentication: whoever reaches it may run tasks")
        }
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) {
            [self] _ in
            assumeIsolated { $0.handle(.tick) }
        }
        if let text = flags.text("zk") {
            try contend(ZooKeeperAddress(parsing: text))
        } else {
            try lead()
        }
        return server.port
    }

    public func stop() async {
        ticker?.cancel()
        for election in elections { election.cancel() }
        await zooKeeper?.close()
        await server?.close()
        sender?.closeAll()
        failure.finish()
    }

    private func contend(_ address: ZooKeeperAddress) throws {
        let timeout = flags.duration("zk_session_timeout") ?? .seconds(10)
        let client = ZooKeeperClient(
            address: address, sessionTimeout: timeout, security: try ZooKeeperSecurity(flags), group: group)
        zooKeeper = client
        let data = Array(info.jsonText.utf8)
        elections = [
            Task { await client.start() },
            Task { [self] in
                for await standing in client.standings(in: address.path, prefix: "json.info_", data: data) {
                    stand(standing, at: address.path)
                }
            },
        ]
    }

    private func stand(_ standing: Standing, at path: String) {
        switch standing {
        case .expired:
            leader = nil
            if core != nil { fail("lost leadership: the ZooKeeper session expired") }
        case .vacant:
            leader = nil
            if core != nil { fail("lost leadership: no master is registered at \(path)") }
        case .leading(let node), .following(let node):
            guard let master = try? Mesos.MasterInfo(jsonText: String(decoding: node.data, as: UTF8.self)) else {
                return
            }
            leader = master
            if case .leading = standing {
                do {
                    if core == nil { try lead() }
                } catch {
                    fail("cannot lead: \(error)")
                }
            } else if core != nil {
                fail("lost leadership to \(master.pid ?? master.id)")
            }
            ServiceNotifier.status(core == nil ? "follower of \(master.pid ?? "")" : "leader")
        }
    }

    /// A leader that lost its office stops; its supervisor starts it as a follower. The program says why it ends.
    private func fail(_ reason: String) {
        core = nil
        failure.yield(reason)
        failure.finish()
    }

    private func lead() throws {
        let known = try registry.load()
        core = MasterCore(
            configuration: MasterIdentity.configuration(flags), info: info, registry: known, electedAt: clock.now)
        leader = info
        logger.notice("elected as the leading master \(info.id) at \(info.pid ?? "")")
    }
}

extension MasterService {
    /// Lets the core decide and carries out what it wants.
    func handle(_ event: MasterEvent) {
        guard var core = core.take() else { return }
        let effects = core.handle(event, at: clock.now)
        self.core = core
        perform(effects)
    }

    /// A call's effects start with its answer, which is returned.
    func call(_ call: SchedulerAPI.Call, stream: String?) -> HTTPResponse {
        guard var core = core.take() else { return .text(.serviceUnavailable, "No leader elected") }
        var effects = core.handle(.call(call, stream: stream), at: clock.now)
        self.core = core
        guard case .answer(let status, let text)? = effects.first else {
            return .text(.internalServerError, "The call was not answered")
        }
        effects.removeFirst()
        perform(effects)
        return text.isEmpty
            ? HTTPResponse(.init(statusCode: status)) : .text(.init(statusCode: status), text)
    }

    func open(_ stream: SchedulerStream, _ call: SchedulerAPI.Call) {
        streams[stream.id] = stream
        handle(.subscribe(stream: stream.id, call))
    }

    func closed(_ stream: String) {
        guard streams.removeValue(forKey: stream) != nil else { return }
        handle(.streamClosed(stream))
    }

    private func perform(_ effects: [MasterEffect]) {
        waiting += effects
        guard !isPersisting else { return }
        drain()
    }

    /// In order; behind a `persist` only when it is on disk.
    private func drain() {
        var done = 0
        defer { waiting.removeFirst(done) }
        while done < waiting.count {
            let effect = waiting[done]
            done += 1
            switch effect {
            case .answer: break
            case .event(let stream, let event): streams[stream]?.send(event)
            case .closeStream(let stream): streams.removeValue(forKey: stream)?.close()
            case .send(let receiver, let actor, let message): send(message, from: actor, to: receiver)
            case .link(let receiver): sender?.link(receiver)
            case .log(let text, let task, let framework):
                var metadata: Logger.Metadata = [:]
                if let task { metadata["task_id"] = "\(task)" }
                if let framework { metadata["framework_id"] = "\(framework)" }
                logger.info("\(text)", metadata: metadata)
            case .persist(let content):
                guard registry.isDurable else { continue }
                isPersisting = true
                return persist(content)
            }
        }
    }

    private func persist(_ content: RegistryRecord.Registry) {
        registry.store(content, eventLoop: eventLoop).whenComplete { [self] result in
            assumeIsolated { master in
                if case .failure(let error) = result { return master.fail("the registry cannot be written: \(error)") }
                master.isPersisting = false
                master.drain()
            }
        }
    }

    private func send(_ message: any ProtoMessage, from actor: String, to receiver: UPID) {
        guard let own = UPID(info.pid ?? "") else { return }
        let from = UPID(id: actor, ip: own.ip, port: own.port)
        sender?.send(name: type(of: message).messageName, body: message.protobuf, from: from, to: receiver)
    }
}

extension Optional {
    /// The value, leaving nil: so that changing it copies nothing.
    mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
