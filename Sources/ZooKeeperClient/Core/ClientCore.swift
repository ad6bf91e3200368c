import DequeModule
import ServiceKit
import ZooKeeperProtocol

/// All decisions of a client: when to connect and where, what to send, whose answer a frame is, when a session is over.
///
///     idle ──> opening ──> greeting ──> established          closed, from anywhere
///                 ^           │              │
///                 └──── waiting <──── lost, silent, refused
///
/// A session that no server has confirmed for its time-out is over even if nobody says so: its ephemeral nodes go then,
/// and their owner must not believe in them any longer than the ensemble does.
struct ClientCore: Sendable {
    struct Configuration: Sendable {
        var servers: [ZooKeeperAddress.Server]
        /// What is asked of the ensemble, in milliseconds.
        var sessionTimeout: Int32 = 10_000
        var credentials: [Credentials] = []
        /// What the order of the servers and the pauses between attempts are made of.
        var seed: UInt64 = 0
    }

    enum Phase: Sendable, Equatable {
        case idle
        case waiting(until: Timestamp)
        case opening(until: Timestamp)
        /// The wish for a session is sent.
        case greeting(since: Timestamp, until: Timestamp)
        case established
        case closed
    }

    struct Sent: Sendable {
        let xid: Int32
        let request: ClientRequest
        let at: Timestamp
    }

    /// A proof of who this client is, and who waits for its answer.
    struct Proof: Sendable {
        let credentials: Credentials
        var waiter: UInt64?
    }

    let configuration: Configuration
    var phase = Phase.idle
    /// The number of the connection that is, or that comes to be.
    var connection: UInt64 = 0
    var server = ""
    var session = ConnectResponse()
    var lastZxid: Int64 = 0
    var watches = WatchRegistry()
    var queued: Deque<ClientRequest> = []
    var inFlight: Deque<Sent> = []
    var proofs: [Proof]
    /// How many proofs the server has answered on this connection.
    var answeredProofs = 0
    var schedule: ReconnectSchedule
    /// Set with the wish to close, which a server answers by closing the connection.
    var isClosing = false
    /// When the server was heard last, and when something was sent last.
    var lastHeard = Timestamp(nanoseconds: 0)
    var lastSent = Timestamp(nanoseconds: 0)
    /// When the ping was sent that is not answered yet.
    var pingSent: Timestamp?
    /// When the newest thing was sent that the server has answered: the session lives for its time-out from then on.
    var confirmed = Timestamp(nanoseconds: 0)
    var nextXID: Int32 = 1
    var effects: [ClientEffect] = []

    init(configuration: Configuration) {
        self.configuration = configuration
        schedule = ReconnectSchedule(
            servers: configuration.servers, sessionTimeout: configuration.sessionTimeout, seed: configuration.seed)
        proofs = configuration.credentials.map { Proof(credentials: $0) }
    }

    mutating func handle(_ event: ClientEvent, at now: Timestamp) -> [ClientEffect] {
        effects = []
        switch event {
        case .start: if phase == .idle { open(now) }
        case .opened(let number): opened(number, now)
        case .openingFailed(let number, let reason):
            guard number == connection, case .opening = phase else { break }
            effects.append(.report(.unreachable, "\(server): \(reason)"))
            retry(now)
        case .received(let number, let frame): if number == connection { received(frame, now) }
        case .lost(let number): if number == connection { lost(now) }
        case .request(let request): take(request, now)
        case .cancel(let number): cancel(number)
        case .authenticate(let number, let credentials): authenticate(number, credentials, now)
        case .close: close(now)
        case .tick: tick(now)
        }
        return effects
    }

    /// When `tick` is due; nil when there is nothing to wait for.
    var nextDeadline: Timestamp? {
        switch phase {
        case .idle, .closed: nil
        case .waiting(let until), .opening(let until), .greeting(_, let until): min(until, sessionEnd ?? until)
        case .established: min(silenceLimit, nextPing)
        }
    }

    /// When the session that may still live ends at the latest as far as this client knows.
    private var sessionEnd: Timestamp? {
        session.sessionID == 0 ? nil : confirmed + .milliseconds(Int64(session.timeout))
    }

    private var silenceLimit: Timestamp { lastHeard + .milliseconds(max(150, Int64(session.timeout) * 2 / 3)) }
    /// While a ping is not answered the limit of silence decides.
    private var nextPing: Timestamp {
        pingSent == nil ? lastSent + .milliseconds(max(50, Int64(session.timeout) / 3)) : silenceLimit
    }

    var sessionName: String { "session 0x" + String(UInt64(bitPattern: session.sessionID), radix: 16) }
}

extension ClientCore {
    private mutating func tick(_ now: Timestamp) {
        if phase != .established, let sessionEnd, now >= sessionEnd { sessionIsOver(now) }
        switch phase {
        case .waiting(let until): if now >= until { open(now) }
        case .opening(let until):
            guard now >= until else { break }
            effects.append(.report(.unreachable, "\(server): no connection in time"))
            giveUp(now)
        case .greeting(_, let until): if now >= until { giveUp(now) }
        case .established:
            if now >= silenceLimit { return giveUp(now) }
            guard now >= nextPing else { break }
            pingSent = now
            send(.ping, xid: ReservedXID.ping, [], now)
        case .idle, .closed: break
        }
    }

    private mutating func open(_ now: Timestamp) {
        guard let next = schedule.server() else { return }
        connection += 1
        server = "\(next.host):\(next.port)"
        let limit = connectLimit
        phase = .opening(until: now + limit)
        effects.append(.open(connection, next, timeout: limit.nanoseconds / 1_000_000))
    }

    /// How long one server may take to open a connection, and then to grant the session: all of them are to be tried
    /// within the session's time.
    private var connectLimit: Duration {
        .milliseconds(max(500, Int64(configuration.sessionTimeout) / Int64(configuration.servers.count + 1)))
    }

    private mutating func opened(_ number: UInt64, _ now: Timestamp) {
        guard number == connection, case .opening = phase else { return effects.append(.disconnect(number)) }
        var request = ConnectRequest()
        request.lastZxidSeen = lastZxid
        request.timeout = configuration.sessionTimeout
        request.sessionID = session.sessionID
        request.password = session.password
        request.readOnly = false
        phase = .greeting(since: now, until: now + connectLimit)
        lastSent = now
        var writer = JuteWriter.beginFrame()
        request.write(to: &writer)
        effects.append(.send(connection, writer.endFrame()))
    }

    /// Closes a connection that is of no use.
    mutating func giveUp(_ now: Timestamp) {
        effects.append(.disconnect(connection))
        lost(now)
    }

    private mutating func lost(_ now: Timestamp) {
        let was = phase
        switch was {
        case .idle, .waiting, .closed: return
        case .opening, .greeting, .established: break
        }
        let broken = inFlight
        inFlight = []
        if isClosing { return finish() }
        retry(now)
        for sent in broken { fail(sent.request, .connectionLoss) }
        if was == .established {
            effects.append(.report(.lost, "\(server), \(sessionName)"))
            effects.append(.tell(.disconnected))
        } else {
            effects.append(.report(.unreachable, "\(server) gave no session"))
        }
    }

    private mutating func retry(_ now: Timestamp) {
        connection += 1
        phase = .waiting(until: now + schedule.delay())
    }

    /// The next connection asks for a new session. The watches are gone with the old one: who waits for a single event
    /// looks again, the persistent ones are set again.
    mutating func sessionIsOver(_ now: Timestamp) {
        effects.append(.report(.expired, sessionName))
        session = ConnectResponse()
        lastZxid = 0
        if case .greeting = phase {
            // It asks for the session that is no more.
            effects.append(.disconnect(connection))
            retry(now)
        }
        effects.append(.tell(.expired))
        for watch in watches.removeSingle() {
            effects.append(.fire(watch: watch.number, WatchEvent(kind: .interrupted, path: watch.path)))
            effects.append(.forget(watch: watch.number))
        }
    }

    private mutating func close(_ now: Timestamp) {
        guard phase != .closed, !isClosing else { return }
        isClosing = true
        guard phase == .established else { return finish() }
        write(ClientRequest(number: 0, operation: .closeSession, body: []), now)
    }

    /// The end: nobody waits for anything any more.
    mutating func finish() {
        isClosing = true
        phase = .closed
        effects.append(.disconnect(connection))
        connection += 1
        for sent in inFlight { fail(sent.request, .closing) }
        for request in queued { fail(request, .closing) }
        for waiter in proofs.compactMap(\.waiter) { effects.append(.answer(waiter, .failure(.closing))) }
        (inFlight, queued, proofs) = ([], [], [])
        for watch in watches.removeAll() { effects.append(.forget(watch: watch.number)) }
        effects.append(.tell(.closed))
    }
}
