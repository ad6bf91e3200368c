import HTTPKit
import JSONText
import Logging
import MesosProtocol
import NIOCore
import NIOPosix
import ServiceKit
import ZooKeeperClient
import ZooKeeperProtocol

/// Marathon: alone, or one of several that elect a leader. The leader carries out what its core decides; the others
/// pass requests on to it.
public actor MarathonService {
    /// Why Marathon cannot start or go on.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let flags: FlagValues
    let clock = WallClock()
    let logger = Logger(label: "marathon")
    let group: any EventLoopGroup
    private var server: HTTPServer?
    private var zooKeeper: ZooKeeperClient?
    private let connection: SchedulerConnection
    private(set) var core: MarathonCore?
    /// `host:port` of the leader, and our own.
    var leader: String? { didSet { tellStatus() } }
    private(set) var ownAddress = ""
    private var nextRequest: UInt64 = 1
    private var pending: [UInt64: (responder: HTTPResponder, base: String)] = [:]
    private let effectStream: AsyncStream<MarathonEffect>
    private let effects: AsyncStream<MarathonEffect>.Continuation
    private var background: [Task<Void, Never>] = []
    private var ticker: RepeatedTask?
    /// The connection to the master.
    private var subscription: Task<Void, any Error>?
    /// The leading master's web page, once it was heard of.
    private(set) var masterURL: String?
    /// Set from the moment this Marathon takes office.
    private var isLeading = false
    private var isConnected = false { didSet { tellStatus() } }
    /// What systemd was told last; nil while this Marathon is not one of its services.
    private var announced: String?
    private var attempts = SubscriptionAttempts()
    /// Ends with the reason when this Marathon must not go on.
    public nonisolated let failures: AsyncStream<String>
    private let failure: AsyncStream<String>.Continuation
    /// What the program's exit status is to be after a failure; the numbers are the original's where it has one.
    public private(set) var exitStatus: Int32 = 1

    public init(flags: FlagValues, group: any EventLoopGroup) {
        self.flags = flags
        self.group = group
        eventLoop = group.next()
        connection = SchedulerConnection(group: group)
        (effectStream, effects) = AsyncStream<MarathonEffect>.makeStream()
        (failures, failure) = AsyncStream<String>.makeStream()
    }

    /// Listens, and stands for election. Returns the port.
    @discardableResult
    public func start() async throws -> Int {
        let address = flags.text("http_address") ?? "0.0.0.0"
        let server = try await HTTPServer.start(
            host: address, port: flags.integer("http_port") ?? 8080, group: eventLoop,
            limits: .init(bodySize: 16 << 20), service: MarathonRequests(marathon: self))
        self.server = server
        ownAddress = "\(flags.text("hostname") ?? Hostname.machine):\(server.port)"
        if address != "127.0.0.1" {
            logger.warning(
                "listening on \(address):\(server.port) without authentication: whoever reaches it may run apps")
        }
        let zk = try ZooKeeperAddress(parsing: flags.text("zk") ?? "")
        let timeout = Duration.milliseconds(flags.integer("zk_session_timeout") ?? 10_000)
        let client = ZooKeeperClient(
            address: zk, sessionTimeout: timeout, isReadable: false, security: try ZooKeeperSecurity(flags),
            group: group)
        zooKeeper = client
        background.append(Task { await client.start() })
        background.append(Task { [self] in await performEffects() })
        background.append(Task { [self] in for await state in await client.states() { sessionChanged(state) } })
        if flags.bool("ha") { contend(client, zk) } else { background.append(Task { [self] in await lead(client) }) }
        return server.port
    }

    public func stop() async {
        ticker?.cancel()
        for task in background { task.cancel() }
        effects.finish()
        await connection.close()
        await zooKeeper?.close()
        await server?.close()
        failure.finish()
    }

    private func contend(_ client: ZooKeeperClient, _ zk: ZooKeeperAddress) {
        let path = zk.path == "/" ? "/leader-curator" : "\(zk.path)/leader-curator"
        let prefix = "_c_\(UUIDText.random())-latch-"
        let data = Array(ownAddress.utf8)
        background.append(
            Task { [self] in
                for await standing in client.standings(in: path, prefix: prefix, mark: "-latch-", data: data) {
                    await stand(standing, client)
                }
            })
    }

    private func sessionChanged(_ state: ZooKeeperClient.SessionState) {
        if case .connected = state { isConnected = true } else { isConnected = false }
    }

    /// Tells systemd that this Marathon serves, and from now on what it is at.
    public func announce() {
        let summary = summary
        announced = summary
        ServiceNotifier.ready(summary)
    }

    private func tellStatus() {
        guard let announced, announced != summary else { return }
        self.announced = summary
        ServiceNotifier.status(summary)
    }

    /// What this Marathon is at, for people.
    private var summary: String {
        guard isConnected else { return "waiting for ZooKeeper" }
        if leader == ownAddress { return core == nil ? "taking over the leadership" : "leader" }
        return leader.map { "following \($0)" } ?? "waiting for a leader"
    }

    private func stand(_ standing: Standing, _ client: ZooKeeperClient) async {
        switch standing {
        case .expired:
            if core != nil { fail("lost leadership: the ZooKeeper session expired", status: 103) }
        case .vacant: leader = nil
        case .leading(let node):
            leader = String(decoding: node.data, as: UTF8.self)
            if core == nil, !isLeading { await lead(client) }
        case .following(let node):
            leader = String(decoding: node.data, as: UTF8.self)
            if core != nil { fail("lost leadership to \(leader ?? "")", status: 103) }
        }
    }

    /// Gives up; the program says why it ends.
    func fail(_ reason: String, status: Int32 = 1) {
        core = nil
        exitStatus = status
        failure.yield(reason)
        failure.finish()
    }

    /// Gives up leadership for good when the answer that tells of it has got out: the program ends, and whatever
    /// started it starts it again.
    func abdicate() {
        logger.notice("a client asked for the end of this leadership")
        eventLoop.scheduleTask(in: .milliseconds(500)) { [self] in assumeIsolated { $0.leave() } }
    }

    /// With its session ends a member's candidacy, so that another one leads at once.
    private func leave() {
        guard core != nil else { return }
        core = nil
        ticker?.cancel()
        subscription?.cancel()
        let reason = "leadership was given up at a client's wish"
        Task { [self] in
            await zooKeeper?.close()
            fail(reason, status: 105)
        }
        // A server that does not answer must not keep this program, which decides nothing any more.
        eventLoop.scheduleTask(in: .seconds(2)) { [self] in assumeIsolated { $0.fail(reason, status: 105) } }
    }

    private func lead(_ client: ZooKeeperClient) async {
        isLeading = true
        do {
            let store = store(client)
            var configuration = configuration
            configuration.seed = UInt64.random(in: .min ... .max)
            try await retryWhileUnreachable { try await store.prepare() }
            let parser = AppParser(
                defaultRole: configuration.defaultRole, defaultNetworkName: configuration.defaultNetworkName,
                checksRules: false)
            let id = try await retryWhileUnreachable { try await store.frameworkID() }
            let versions = try await retryWhileUnreachable { try await store.versions(parser) }
            let instances = try await retryWhileUnreachable { try await store.instances() }
            if id == nil, !instances.isEmpty {
                throw Failure(description: "the framework id is missing in ZooKeeper although instances are kept there")
            }
            core = MarathonCore(
                configuration: configuration, frameworkID: id, versions: versions, instances: instances,
                now: clock.now)
            leader = ownAddress
            logger.notice("leading with \(versions.count) apps and \(instances.count) instances")
        } catch {
            return fail("cannot lead: \(error)")
        }
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) {
            [self] _ in
            assumeIsolated { $0.handle(.tick) }
        }
        background.append(Task { [self] in await scheduleForEver() })
    }

    private func retryWhileUnreachable<T: Sendable>(_ body: @Sendable () async throws -> T) async throws -> T {
        while true {
            do {
                return try await body()
            } catch ZooKeeperErrorCode.connectionLoss {
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Subscribes to whichever master leads, again and again.
    private func scheduleForEver() async {
        let detector = MasterDetector(flags.text("master") ?? "", zooKeeper: zooKeeper, group: group)
        while !Task.isCancelled, core != nil {
            do {
                guard let master = try await detector.leader() else { break }
                handle(.subscribing)
                let attempt = Task { [self, frameworkInfo] in
                    try await connection.run(master: master, framework: frameworkInfo) { [self] in
                        await received($0)
                    }
                }
                subscription = attempt
                let watch = Task { [logger] in
                    guard let next = try? await detector.successor(of: master) else { return }  // Nobody asks any more.
                    logger.info("\(next.host):\(next.port) leads in place of \(master.host):\(master.port)")
                    attempt.cancel()
                }
                defer { watch.cancel() }
                try await withTaskCancellationHandler {
                    try await attempt.value
                } onCancel: {
                    attempt.cancel()
                }
            } catch {
                // What breaks off because this Marathon ends is no news.
                guard !Task.isCancelled, core != nil else { break }
                if let news = attempts.failed("\(error)") { logger.warning("no connection to the master: \(news)") }
            }
            handle(.disconnected)
            try? await Task.sleep(for: attempts.delay)  // Cancelled: the loop ends by itself.
        }
        await detector.close()
    }

    private func received(_ event: SchedulerConnection.Event) {
        switch event {
        case .subscribed(let event):
            attempts = SubscriptionAttempts()
            if let master = event.masterInfo {
                masterURL = "http://\(master.hostname ?? master.address?.ip ?? ""):\(master.port)/"
            }
            handle(.subscribed(event))
        case .event(let event): handle(.scheduler(event))
        }
    }

    private func store(_ client: ZooKeeperClient) -> StateStore {
        StateStore(client: client, maximumVersions: configuration.maximumVersions)
    }
}

extension MarathonService {
    /// Lets the core decide; what it wants is carried out in order.
    func handle(_ event: MarathonEvent) {
        guard var core else { return }
        self.core = nil
        let wanted = core.handle(event, at: clock.now)
        self.core = core
        for effect in wanted {
            // Calls that wait for the master's answer must not hold this up.
            if case .resubscribe = effect { subscription?.cancel() } else { effects.yield(effect) }
        }
    }

    /// Starts a change that is answered when it is on disk.
    func change(_ change: Change, _ request: HTTPRequest, _ responder: HTTPResponder) {
        let number = nextRequest
        nextRequest += 1
        pending[number] = (responder, baseURL(request))
        handle(.change(request: number, change))
    }

    private func performEffects() async {
        for await effect in effectStream {
            switch effect {
            case .store(let operations):
                guard let zooKeeper else { continue }
                do {
                    try await store(zooKeeper).perform(operations, logger)
                } catch is CancellationError {
                    return
                } catch {
                    guard core != nil else { return }  // It was let go of: whoever leads next starts from the store.
                    // What follows must not happen without it.
                    return fail("the state cannot be kept in ZooKeeper: \(error)")
                }
            case .call(let call): await connection.send(call)
            case .respond(let number, let response):
                if let (responder, base) = pending.removeValue(forKey: number) {
                    responder.respond(stamped(response.withLocation(below: base)))
                }
            case .log(let text, let app, let task):
                var metadata: Logger.Metadata = [:]
                if let app { metadata["MARATHON_APP_ID"] = "\(app)" }
                if let task { metadata["task_id"] = "\(task)" }
                if let framework = core?.frameworkID { metadata["framework_id"] = "\(framework.value)" }
                logger.info("\(text)", metadata: metadata)
            case .resubscribe: break  // Done already: see `handle`.
            case .exit(let reason): return fail(reason)
            }
        }
    }

    private var configuration: MarathonCore.Configuration {
        var configuration = MarathonCore.Configuration()
        func milliseconds(_ name: String) -> Duration { .milliseconds(flags.integer(name) ?? 0) }
        configuration.defaultRole = flags.text("mesos_role") ?? "*"
        configuration.defaultNetworkName = flags.text("default_network_name")
        configuration.mesosBridgeName = flags.text("mesos_bridge_name") ?? configuration.mesosBridgeName
        configuration.localPorts =
            (flags.integer("local_port_min") ?? 10_000)...(flags.integer("local_port_max") ?? 20_000)
        configuration.maximumInstancesPerOffer = flags.integer("max_instances_per_offer") ?? 5
        configuration.declineDuration = milliseconds("decline_offer_duration")
        configuration.minimumReviveInterval = milliseconds("min_revive_offers_interval")
        configuration.launchConfirmTimeout = milliseconds("task_launch_confirm_timeout")
        configuration.reconciliationInterval = milliseconds("reconciliation_interval")
        configuration.maximumRunningDeployments = flags.integer("max_running_deployments") ?? 100
        configuration.environmentPrefix = flags.text("env_vars_prefix")
        configuration.maximumVersions = flags.integer("zk_max_versions") ?? 50
        configuration.heartbeatInterval = milliseconds("mesos_heartbeat_interval")
        configuration.heartbeatThreshold = flags.integer("mesos_heartbeat_failure_threshold") ?? 5
        return configuration
    }

    private var frameworkInfo: Mesos.FrameworkInfo {
        let role = flags.text("mesos_role") ?? "*"
        return .with { info in
            info.user = flags.text("mesos_user") ?? Account.own
            info.name = flags.text("framework_name") ?? "marathon"
            info.id = core?.frameworkID
            info.failoverTimeout = Double(flags.integer("failover_timeout") ?? 604_800)
            info.checkpoint = flags.bool("checkpoint")
            info.hostname = flags.text("hostname") ?? Hostname.machine
            info.webuiURL = flags.text("webui_url") ?? "http://\(ownAddress)"
            info.roles = [role]
            info.capabilities = [.partitionAware, .multiRole].map { type in .with { $0.type = type } }
        }
    }
}
