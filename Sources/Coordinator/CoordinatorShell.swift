import Logging
import NIOCore
import NIOPosix
import ServiceKit
import ZooKeeperProtocol

/// Carries out what the core decides: answers wait here until what they tell of is on disk. Confined to its event
/// loop.
final class CoordinatorShell {
    /// Answers of one client beyond this stop the reading of its requests.
    private static let maximumUnread = 4 << 20

    private struct Answer {
        let needs: UInt64
        let frame: [UInt8]
        let receivedAt: Timestamp
        let closes: Bool
    }

    private final class Connection {
        let channel: any Channel
        var answers: [Answer] = []
        var received = 0
        var sent = 0
        /// Bytes of answers that the kernel has not taken yet.
        var unsent = 0
        /// Goes on reading requests when the client has read its answers.
        var resume: (() -> Void)?

        init(channel: any Channel) { self.channel = channel }
    }

    private var core: CoordinatorCore
    private let log: DurableLog
    private let configuration: CoordinatorConfiguration
    private let clock: WallClock
    private let eventLoop: any EventLoop
    private let failures: AsyncStream<String>.Continuation
    private let logger = Logger(label: "coordinator")
    private var connections: [ConnectionID: Connection] = [:]
    private var perAddress: [String: Int] = [:]
    private var nextConnection: UInt64 = 1
    private var status = FourLetterWord.Status()
    private var ticker: RepeatedTask?
    private var waiting: Set<ConnectionID> = []
    private var randomness = SystemRandomNumberGenerator()

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
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        log.onSynced = { bound.value.release() }
        log.onFailure = { bound.value.failed($0) }
        let interval = TimeAmount.milliseconds(Int64(max(50, configuration.tickTime / 2)))
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let shell = bound.value
            shell.handle(.tick)
            shell.log.takeSnapshotIfDue {
                Snapshot(zxid: shell.core.lastZxid, nodes: shell.core.tree.nodes, sessions: shell.core.sessions)
            }
        }
    }

    /// Ends the connections and returns the threads that are left to stop.
    func stop() -> [NIOThreadPool] {
        ticker?.cancel()
        for connection in connections.values { connection.channel.close(promise: nil) }
        failures.finish()
        return log.threads
    }

    /// Nil when the address has as many connections as it may.
    func connected(_ channel: any Channel) -> ConnectionID? {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let limit = configuration.maximumClientConnections
        guard limit == 0 || perAddress[address, default: 0] < limit else {
            logger.warning("too many connections from \(address): the limit maxClientCnxns is \(limit)")
            return nil
        }
        perAddress[address, default: 0] += 1
        let id = ConnectionID(number: nextConnection)
        nextConnection += 1
        connections[id] = Connection(channel: channel)
        return id
    }

    /// Whether a client has so many answers unread that no more of its requests are taken. `resume` is called when
    /// it has read some.
    func isClogged(_ id: ConnectionID, resume: @escaping () -> Void) -> Bool {
        guard let connection = connections[id], connection.unsent > Self.maximumUnread else { return false }
        connection.resume = resume
        return true
    }

    func received(_ id: ConnectionID, _ frame: [UInt8], isFirst: Bool) {
        status.received += 1
        connections[id]?.received += 1
        guard isFirst else { return handle(.request(id, frame)) }
        var reader = JuteReader(frame)
        guard let request = try? ConnectRequest(from: &reader) else {  // No client of the protocol: nothing to tell it.
            connections[id]?.channel.close(promise: nil)
            return
        }
        let password = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &randomness) }
        handle(.connect(id, request, password: password))
    }

    func disconnected(_ id: ConnectionID, _ channel: any Channel) {
        guard connections.removeValue(forKey: id) != nil else { return }
        waiting.remove(id)
        let address = channel.remoteAddress?.ipAddress ?? ""
        perAddress[address, default: 1] -= 1
        if perAddress[address] == 0 { perAddress[address] = nil }
        handle(.disconnected(id))
    }

    /// The answer to a four-letter word, or nil for an unknown one.
    func answer(_ text: String) -> String? {
        guard let word = FourLetterWord(rawValue: text) else { return nil }
        guard configuration.fourLetterWords.contains(text) else {
            return "\(text) is not executed because it is not in the whitelist.\n"
        }
        var status = status
        status.zxid = core.lastZxid
        status.nodes = core.tree.nodes.count
        status.outstanding = connections.values.reduce(0) { $0 + $1.answers.count }
        status.clients = connections.sorted { $0.key.number < $1.key.number }.map { _, connection in
            let peer = connection.channel.remoteAddress
            let address = "\(peer?.ipAddress ?? ""):\(peer?.port ?? 0)"
            let counts = "queued=\(connection.answers.count),recved=\(connection.received),sent=\(connection.sent)"
            return " /\(address)[1](\(counts))\n"
        }
        return word.answer(status)
    }

    private func handle(_ event: CoordinatorEvent) {
        let now = clock.now
        for effect in core.handle(event, at: now) {
            switch effect {
            case .append(let entry): log.append(entry)
            case .send(let id, let frame): queue(id, frame, now, closes: false)
            case .close(let id): queue(id, [], now, closes: true)
            }
        }
        release()
    }

    private func queue(_ id: ConnectionID, _ frame: [UInt8], _ now: Timestamp, closes: Bool) {
        connections[id]?.unsent += frame.count
        connections[id]?.answers.append(
            Answer(needs: log.appended, frame: frame, receivedAt: now, closes: closes))
        waiting.insert(id)
    }

    /// Sends every answer whose entries are on disk, each connection's with one flush.
    private func release() {
        for id in waiting {
            guard let connection = connections[id] else { continue }
            let ready = connection.answers.prefix { $0.needs <= log.synced }
            guard !ready.isEmpty else { continue }
            var buffer = connection.channel.allocator.buffer(capacity: ready.reduce(0) { $0 + $1.frame.count })
            for answer in ready { buffer.writeBytes(answer.frame) }
            let closes = ready.contains(where: \.closes)
            account(ready, connection)
            connection.answers.removeFirst(ready.count)
            if connection.answers.isEmpty { waiting.remove(id) }
            send(buffer, to: connection, closes: closes)
        }
    }

    private func send(_ buffer: ByteBuffer, to connection: Connection, closes: Bool) {
        let bound = NIOLoopBound(connection, eventLoop: eventLoop)
        let count = buffer.readableBytes
        connection.channel.writeAndFlush(buffer).whenComplete { _ in
            let connection = bound.value
            connection.unsent -= count
            if closes { connection.channel.close(promise: nil) }
            guard connection.unsent <= Self.maximumUnread / 2, let resume = connection.resume else { return }
            connection.resume = nil
            resume()
        }
    }

    private func account(_ answers: ArraySlice<Answer>, _ connection: Connection) {
        let now = clock.now
        for answer in answers where !answer.frame.isEmpty {
            let milliseconds = (now - answer.receivedAt).inSeconds * 1000
            status.latencyMinimum = status.latencyCount == 0 ? milliseconds : min(status.latencyMinimum, milliseconds)
            status.latencyMaximum = max(status.latencyMaximum, milliseconds)
            status.latencyTotal += milliseconds
            status.latencyCount += 1
            status.sent += 1
            connection.sent += 1
        }
    }

    /// Without its log a coordinator can promise nothing: no answer leaves any more.
    private func failed(_ error: any Error) {
        logger.critical("the log cannot be written, stopping: \(error)")
        for connection in connections.values { connection.channel.close(promise: nil) }
        failures.yield("\(error)")
        failures.finish()
    }
}
