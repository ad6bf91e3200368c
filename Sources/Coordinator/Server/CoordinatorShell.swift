import DequeModule
import Logging
import NIOCore
import NIOPosix
import ServiceKit
import TransportSecurity
import ZooKeeperProtocol

/// Carries out what the core decides: answers wait here until what they tell of is on disk. Confined to its event
/// loop.
final class CoordinatorShell {
    private(set) var core: CoordinatorCore
    let log: DurableLog
    let configuration: CoordinatorConfiguration
    let clock: WallClock
    let eventLoop: any EventLoop
    private let failures: AsyncStream<String>.Continuation
    let logger = Logger(label: "coordinator")
    private(set) var connections: [ConnectionID: ClientConnection] = [:]
    private var perAddress: [String: Int] = [:]
    private var nextConnection: UInt64 = 1
    private var ticker: RepeatedTask?
    private var randomness = SystemRandomNumberGenerator()
    /// Connections with answers that may leave; that wait for the disk with a reply; that wait with events alone.
    var ready: [ClientConnection] = []
    var blocked: [ClientConnection] = []
    var backlog = Deque<ClientConnection>()
    var isDraining = false
    var eventsAtOnce = 256
    /// When each path's quota was last warned of.
    private var quotaWarnings: [String: Timestamp] = [:]
    /// Connections whose requests wait until the disk keeps up, in the order in which they came to.
    var clogged = Deque<ClientConnection>()
    var isFlushing = false
    /// Writes that are not on disk yet.
    var outstanding: Int { Int(log.appended - log.synced) }
    var statistics: ServerStatistics

    init(
        core: CoordinatorCore, log: DurableLog, configuration: CoordinatorConfiguration, clock: WallClock,
        eventLoop: any EventLoop, failures: AsyncStream<String>.Continuation
    ) {
        self.core = core
        self.log = log
        self.configuration = configuration
        self.clock = clock
        self.eventLoop = eventLoop
        self.failures = failures
        statistics = ServerStatistics(startedAt: clock.now)
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        log.onSynced = { bound.value.synced() }
        log.onFailure = { bound.value.failed($0) }
        let interval = TimeAmount.milliseconds(Int64(min(1000, max(50, configuration.tickTime / 2))))
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let shell = bound.value
            shell.handle(.clockSet(shell.clock.correction))
            shell.handle(.tick)
            shell.flush()
            shell.log.tick { Snapshot(shell.core) }
        }
    }

    /// Ends the connections and returns the threads that are left to stop.
    func stop() -> [NIOThreadPool] {
        ticker?.cancel()
        for connection in connections.values { connection.channel.close(promise: nil) }
        failures.finish()
        return log.threads
    }

    /// Nil when the address, or this server, has as many connections as it may.
    func connected(_ channel: any Channel, isSecure: Bool) -> ConnectionID? {
        let address = ClientConnection.address(of: channel)
        let limit = configuration.maximumClientConnections
        guard limit == 0 || perAddress[address, default: 0] < limit else {
            logger.warning("too many connections from \(address): the limit maxClientCnxns is \(limit)")
            return nil
        }
        let total = configuration.maximumConnections
        guard total == 0 || connections.count < total else {
            logger.warning("too many connections: the limit maxCnxns is \(total)")
            return nil
        }
        perAddress[address, default: 0] += 1
        let id = ConnectionID(number: nextConnection)
        nextConnection += 1
        connections[id] = ClientConnection(id: id, channel: channel, isSecure: isSecure, now: clock.now)
        return id
    }

    /// A connection is encrypted; who its client is by that.
    func secured(_ id: ConnectionID, by certificate: DistinguishedName?) -> Set<Identity> {
        connections[id]?.isSecure = true
        guard let name = certificate?.description else { return [] }
        var identities: Set<Identity> = [Identity(scheme: "x509", id: name)]
        if name == core.configuration.certificateSuperUser { identities.insert(Identity(scheme: "super", id: name)) }
        return identities
    }

    func received(_ id: ConnectionID, _ frame: [UInt8], isFirst: Bool, identities: Set<Identity>) {
        guard let connection = connections[id] else { return }
        statistics.received += 1
        connection.received += 1
        guard isFirst else {
            let operation = connection.note(request: frame)
            return handle(.request(id, frame), isUpdate: operation?.isUpdate ?? false)
        }
        var reader = JuteReader(frame)
        guard let request = try? ConnectRequest(from: &reader) else {  // No client of the protocol: nothing to tell it.
            return connection.channel.close(promise: nil)
        }
        connection.lastOperation = "SESS"
        let password = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &randomness) }
        let address = Identity(scheme: "ip", id: connection.address)
        handle(
            .connect(id, request, password: password, identities: identities.union([address])),
            isUpdate: request.sessionID == 0)
    }

    func disconnected(_ id: ConnectionID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        connection.disconnected()
        perAddress[connection.address, default: 1] -= 1
        if perAddress[connection.address] == 0 { perAddress[connection.address] = nil }
        handle(.disconnected(id))
    }

    func resetStatistics() {
        statistics.reset()
        log.resetStatistics()
    }

    func resetConnectionStatistics() {
        for connection in connections.values { connection.resetStatistics() }
    }

    /// `isUpdate` says whether the event asks for a change, even if none comes of it.
    private func handle(_ event: CoordinatorEvent, isUpdate: Bool = false) {
        let isFull = log.admission == .full
        if isFull != core.isDiskFull { _ = core.handle(.diskFull(isFull), at: clock.now) }
        let now = clock.now
        for effect in core.handle(event, at: now) {
            switch effect {
            case .append(let entry): log.append(entry)
            case .send(let id, let frame): queue(id, frame, now, isReply: true, isUpdate: isUpdate)
            case .notify(let ids, let frame): notify(ids, frame, now)
            case .close(let id): queue(id, [], now, isReply: false, closes: true)
            case .authenticationFailed(let id):
                statistics.authenticationFailures += 1
                logger.notice("\(connections[id]?.address ?? "a client") did not prove who it says it is")
            case .overQuota(let path, let usage, let limits): warn(path, usage, limits, now)
            }
        }
    }

    /// Once a minute of each path.
    private func warn(_ path: String, _ usage: QuotaNumbers, _ limits: QuotaNumbers, _ now: Timestamp) {
        if let last = quotaWarnings[path], now < last + .seconds(60) { return }
        quotaWarnings = quotaWarnings.filter { now < $0.value + .seconds(60) }
        quotaWarnings[path] = now
        logger.warning(
            """
            the quota of \(path) is exceeded: there are \(usage.count) nodes of \(usage.bytes) bytes below it, \
            allowed are count=\(limits.count),bytes=\(limits.bytes) (-1 is no limit)
            """)
    }

    /// Without its log a coordinator can promise nothing: no answer leaves any more.
    private func failed(_ error: any Error) {
        logger.critical("the log cannot be written, stopping: \(error)")
        for connection in connections.values { connection.channel.close(promise: nil) }
        failures.yield("\(error)")
        failures.finish()
    }
}
