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
    /// Answers of one client beyond this stop the reading of its requests.
    private static let maximumUnread = 4 << 20
    /// A client that lets this many bytes pile up, of events that it asked for and does not read, is cut off.
    private static let maximumBacklog = 64 << 20
    /// For about as long watchers hear of a change before other clients have their turn.
    private static let eventsTurn = TimeAmount.milliseconds(4)
    /// For as long the loop looks at its sockets between.
    private static let eventsPause = TimeAmount.microseconds(5)
    /// What a client has to read the last answer before its connection closes.
    private static let closingTime = TimeAmount.seconds(5)

    private(set) var core: CoordinatorCore
    let log: DurableLog
    let configuration: CoordinatorConfiguration
    let clock: WallClock
    private let eventLoop: any EventLoop
    private let failures: AsyncStream<String>.Continuation
    private let logger = Logger(label: "coordinator")
    private(set) var connections: [ConnectionID: ClientConnection] = [:]
    private var perAddress: [String: Int] = [:]
    private var nextConnection: UInt64 = 1
    private var ticker: RepeatedTask?
    private var randomness = SystemRandomNumberGenerator()
    /// Connections with answers that may leave; that wait for the disk with a reply; that wait with events alone.
    private var ready: [ClientConnection] = []
    private var blocked: [ClientConnection] = []
    private var backlog = Deque<ClientConnection>()
    private var isDraining = false
    private var eventsAtOnce = 256
    /// When each path's quota was last warned of.
    private var quotaWarnings: [String: Timestamp] = [:]
    /// Connections whose requests wait until the disk keeps up, in the order in which they came to.
    private var clogged = Deque<ClientConnection>()
    private var isFlushing = false
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
            connection.note(request: frame)
            return handle(.request(id, frame))
        }
        var reader = JuteReader(frame)
        guard let request = try? ConnectRequest(from: &reader) else {  // No client of the protocol: nothing to tell it.
            return connection.channel.close(promise: nil)
        }
        connection.lastOperation = "SESS"
        let password = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &randomness) }
        let address = Identity(scheme: "ip", id: connection.address)
        handle(.connect(id, request, password: password, identities: identities.union([address])))
    }

    func disconnected(_ id: ConnectionID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        connection.disconnected()
        perAddress[connection.address, default: 1] -= 1
        if perAddress[connection.address] == 0 { perAddress[connection.address] = nil }
        handle(.disconnected(id))
    }

    func resetConnectionStatistics() {
        for connection in connections.values { connection.resetStatistics() }
    }

    private func handle(_ event: CoordinatorEvent) {
        let isFull = log.admission == .full
        if isFull != core.isDiskFull { _ = core.handle(.diskFull(isFull), at: clock.now) }
        let now = clock.now
        for effect in core.handle(event, at: now) {
            switch effect {
            case .append(let entry): log.append(entry)
            case .send(let id, let frame): queue(id, frame, now, isReply: true)
            case .notify(let ids, let frame): notify(ids, frame, now)
            case .close(let id): queue(id, [], now, isReply: false, closes: true)
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

// How answers leave.
extension CoordinatorShell {
    fileprivate func queue(_ id: ConnectionID, _ frame: [UInt8], _ now: Timestamp, isReply: Bool, closes: Bool = false)
    {
        guard let connection = connections[id], !connection.isClosing else { return }
        connection.isClosing = closes
        connection.append(
            .init(needs: log.appended, frame: frame, receivedAt: now, isReply: isReply, closes: closes))
        if log.appended <= log.synced {
            makeReady(connection)
        } else if isReply || closes {
            guard !connection.isBlocked else { return }
            connection.isBlocked = true
            blocked.append(connection)
        }
    }

    /// One event for each of many.
    fileprivate func notify(_ ids: [ConnectionID], _ frame: [UInt8], _ now: Timestamp) {
        let event = ClientConnection.Answer(
            needs: log.appended, frame: frame, receivedAt: now, isReply: false, closes: false)
        let isDue = log.appended <= log.synced
        let connections = connections
        for id in ids {
            guard let connection = connections[id], !connection.isClosing else { continue }
            connection.append(event)
            if isDue {
                makeReady(connection)
            } else {
                lineUp(connection, until: log.appended)
            }
        }
    }

    /// Has a connection wait for the disk with events alone.
    private func lineUp(_ connection: ClientConnection, until needed: UInt64) {
        guard !connection.isBacklogged else { return }
        connection.isBacklogged = true
        connection.waitsFor = needed
        backlog.append(connection)
    }

    private func makeReady(_ connection: ClientConnection) {
        guard !connection.isReady else { return }
        connection.isReady = true
        ready.append(connection)
    }

    /// Sends what may leave, and takes requests again that waited. Call when the requests that came together are taken
    /// in. A call from within, by a client that goes on, is carried out by the call that let it.
    func flush() {
        guard !isFlushing else { return }
        isFlushing = true
        defer { isFlushing = false }
        repeat {
            while !ready.isEmpty {
                let connections = ready
                ready = []
                for connection in connections {
                    connection.isReady = false
                    send(connection)
                }
            }
        } while resumeClogged()
    }

    /// More of the log is on disk: those who wait for an answer come before those who watch.
    private func synced() {
        let waiting = blocked
        blocked = []
        for connection in waiting {
            connection.isBlocked = false
            makeReady(connection)
            if let last = connection.answers.last, last.needs > log.synced {
                connection.isBlocked = true
                blocked.append(connection)
            }
        }
        flush()
        drain()
    }

    /// Tells watchers, some at a time.
    private func drain() {
        guard !isDraining else { return }
        var due: [ClientConnection] = []
        // The rest waits for the disk as well: what came later is synced later. What the first one was to be told may
        // have gone with a reply; that it waits for more now must not hold up those behind it.
        while due.count < eventsAtOnce, let connection = backlog.first, connection.waitsFor <= log.synced {
            backlog.removeFirst()
            connection.isBacklogged = false
            due.append(connection)
        }
        tell(due)
        for connection in due {
            if let last = connection.answers.last, last.needs > log.synced { lineUp(connection, until: last.needs) }
        }
        flush()
        guard let next = backlog.first, next.waitsFor <= log.synced else { return }
        isDraining = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        // A task that is due at once would come before the sockets.
        eventLoop.scheduleTask(in: Self.eventsPause) {
            bound.value.isDraining = false
            bound.value.drain()
        }
    }

    /// Tells so many as a turn may take; from its time follows how many that are.
    private func tell(_ due: [ClientConnection]) {
        let start = NIODeadline.now()
        // What happens on one channel meanwhile must not send what is about to be sent to another.
        isFlushing = true
        sendTogether(due)
        isFlushing = false
        guard due.count == eventsAtOnce else { return }
        let isLong = NIODeadline.now() - start > Self.eventsTurn
        eventsAtOnce = isLong ? max(32, eventsAtOnce / 2) : min(2048, eventsAtOnce * 5 / 4)
    }

    /// One event for many goes out on several processors.
    private func sendTogether(_ due: [ClientConnection]) {
        var writes: [SocketWrite] = []
        var receivers: [ClientConnection] = []
        writes.reserveCapacity(due.count)
        receivers.reserveCapacity(due.count)
        for connection in due {
            if let write = connection.soleFrame(synced: log.synced) {
                writes.append(write)
                receivers.append(connection)
            } else {
                send(connection)
            }
        }
        SocketWrite.perform(&writes)
        let now = clock.now
        for (index, connection) in receivers.enumerated() {
            let answer = connection.answers.removeFirst()
            connection.queuedBytes -= answer.frame.count
            account(answer, connection, now)
            connection.finish(writes[index])
            goOn(connection)
        }
    }

    /// Sends a connection's answers that are due, all at once.
    private func send(_ connection: ClientConnection) {
        guard connection.channel.isWritable else { return cutOffIfStuck(connection) }
        let now = clock.now
        var bytes: [UInt8] = []
        var closes = false
        while let answer = connection.answers.first, answer.needs <= log.synced, !closes {
            connection.answers.removeFirst()
            connection.queuedBytes -= answer.frame.count
            closes = answer.closes
            // The first is not copied: often it is the only one.
            if bytes.isEmpty { bytes = answer.frame } else { bytes += answer.frame }
            if !answer.frame.isEmpty { account(answer, connection, now) }
        }
        if !bytes.isEmpty { connection.write(bytes) }
        if closes { connection.closeWhenSent(within: Self.closingTime) }
        goOn(connection)
    }

    private func cutOffIfStuck(_ connection: ClientConnection) {
        if connection.isClosing { connection.close(within: Self.closingTime) }
        guard connection.queuedBytes > Self.maximumBacklog else { return }
        logger.warning("\(connection.address):\(connection.port) does not read its events: closing its connection")
        connection.channel.close(promise: nil)
    }

    private func account(_ answer: ClientConnection.Answer, _ connection: ClientConnection, _ now: Timestamp) {
        statistics.sent += 1
        connection.sent += 1
        guard answer.isReply else { return }
        let milliseconds = (now - answer.receivedAt).inSeconds * 1000
        statistics.latency.add(milliseconds)
        connection.latency.add(milliseconds)
        connection.lastLatency = milliseconds
        connection.lastResponse = now
        connection.lastZxid = core.lastZxid
    }

    /// Whether no more of a client's requests are taken for now: it does not read its answers, or the disk does not
    /// keep up with everybody. `resume` is called when they are taken again.
    func isClogged(_ id: ConnectionID, resume: @escaping () -> Void) -> Bool {
        guard let connection = connections[id], isCongested || isUnread(connection) else { return false }
        connection.resume = resume
        goOn(connection)
        return true
    }

    private var isCongested: Bool { outstanding > configuration.outstandingLimit || log.admission == .congested }

    private func isUnread(_ connection: ClientConnection) -> Bool {
        connection.queuedBytes > Self.maximumUnread || !connection.channel.isWritable
    }

    /// A client has read some of its answers.
    func becameWritable(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        send(connection)
        flush()
    }

    /// Lets a client that waits and has read its answers go on when its turn comes.
    private func goOn(_ connection: ClientConnection) {
        guard connection.resume != nil, !connection.isClogged, !isUnread(connection) else { return }
        connection.isClogged = true
        clogged.append(connection)
    }

    /// Whether anybody went on.
    private func resumeClogged() -> Bool {
        var isAny = false
        while !isCongested, let connection = clogged.popFirst() {
            connection.isClogged = false
            // Who has not read what came meanwhile has its turn again when it has.
            guard let resume = connection.resume, !isUnread(connection) else { continue }
            connection.resume = nil
            resume()
            isAny = true
        }
        return isAny
    }
}
