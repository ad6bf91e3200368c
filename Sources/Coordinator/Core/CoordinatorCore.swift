import ServiceKit
import ZooKeeperProtocol

/// What happens to a coordinator.
enum CoordinatorEvent: Sendable {
    /// A client sent its first frame. The random bytes become the password of a new session; the identities are what
    /// its connection says of it: its address, and its certificate if it has one.
    case connect(ConnectionID, ConnectRequest, password: [UInt8], identities: Set<Identity>)
    /// A client with a session sent a frame.
    case request(ConnectionID, [UInt8])
    case disconnected(ConnectionID)
    /// Time passed: call it a few times each tick.
    case tick
    /// The disk has no room for more transactions, or has it again.
    case diskFull(Bool)
    /// The machine's clock is by so many milliseconds ahead of what it would be had nobody set it since the start.
    case clockSet(Int64)
}

/// What a coordinator wants done, in this order: an answer behind an `append` may leave only when that entry is on
/// disk.
enum CoordinatorEffect: Sendable, Equatable {
    case append(LogEntry)
    /// One frame, with its length.
    case send(ConnectionID, [UInt8])
    /// The same event for several watchers.
    case notify([ConnectionID], [UInt8])
    /// Close the connection after what was sent to it.
    case close(ConnectionID)
    /// A client could not prove who it says it is.
    case authenticationFailed(ConnectionID)
    /// What is below this path has grown beyond its soft quota, or further beyond it.
    case overQuota(String, usage: QuotaNumbers, limits: QuotaNumbers)
}

/// A client's session; it outlives its connections.
struct Session: Sendable, Equatable {
    let timeout: Int32
    let password: [UInt8]
    var deadline: Timestamp
    var connection: ConnectionID?
}

/// All decisions of a standalone coordinator: the tree, its sessions and watches.
///
///     connect ──> session ──requests──> read:  answer from the tree
///                                       write: validate ──> LogEntry ──> apply ──> watch events, answer
struct CoordinatorCore: Sendable {
    struct Configuration: Sendable {
        /// Milliseconds.
        var tickTime: Int32 = 2000
        var minimumSessionTimeout: Int32 = 4000
        var maximumSessionTimeout: Int32 = 40_000
        /// The top byte of session ids (`myid`).
        var serverID: UInt8 = 0
        /// Whether nodes may have a time to live (`extendedTypesEnabled`).
        var allowsTTL = false
        var access = AccessControl()
        /// How passwords of the scheme `digest` are hashed.
        var digestAlgorithm = DigestScheme.Algorithm.sha1
        /// The digest of the super user, `super:base64(sha1(super:password))`; nil when there is none.
        var superDigest: String?
        /// Users and passwords of SASL DIGEST-MD5; nil when there is no SASL.
        var saslPasswords: [String: String]?
        /// The SASL user who is the super user (`superUser`).
        var saslSuperUser: String?
        /// The subject of the certificate whose owner is the super user (`X509AuthenticationProvider.superUser`).
        var certificateSuperUser: String?
        /// A client may do nothing before it has authenticated by one of these; none asks for nothing
        /// (`sessionRequireClientSASLAuth`, `enforce.auth.schemes`).
        var requiredSchemes: Set<String> = []
        /// What nonces are made of: random bytes that are kept secret.
        var nonceSecret: [UInt8] = []
        /// Whether hard quotas are enforced (`enforceQuota`).
        var enforcesQuota = false
        /// Whether a client may ask for a reconfiguration at all; it then hears that one server has none.
        var isReconfigurable = false
        /// How often containers and TTL nodes are looked at, how many go in a minute, and after how long a container
        /// goes that never had a child (never, if nil): milliseconds.
        var containerInterval: Int64 = 60_000
        var containersPerMinute: Int64 = 10_000
        var containerNeverUsed: Int64?
    }

    let configuration: Configuration
    var tree = ZNodeTree()
    var sessions: [Int64: Session] = [:]
    var watches = WatchTable()
    var sessionOf: [ConnectionID: Int64] = [:]
    var identities: [ConnectionID: Set<Identity>] = [:]
    /// Authentications under way.
    var logins: [ConnectionID: SASLDigest] = [:]
    var lastZxid: Int64 = 0
    /// While true nothing may be written.
    var isDiskFull = false
    /// Milliseconds between the machine's clock and the one that sessions go by, which nobody sets.
    var clockCorrection: Int64 = 0
    var nextContainerCheck: Timestamp
    private var nextSessionID: Int64
    var effects: [CoordinatorEffect] = []

    init(configuration: Configuration, startedAt now: Timestamp) {
        self.configuration = configuration
        // 40 bits of milliseconds, as ZooKeeper has them: numbers come again after 34 years.
        let clock = (now.milliseconds << 16) & 0x00ff_ffff_ffff_ffff
        nextSessionID = Int64(configuration.serverID) << 56 | clock | 1
        nextContainerCheck = now + .milliseconds(configuration.containerInterval)
    }

    /// Brings back one entry of the log.
    mutating func recover(_ entry: LogEntry) {
        guard entry.zxid > lastZxid else { return }
        _ = apply(entry.transaction, zxid: entry.zxid, time: entry.time)
        lastZxid = entry.zxid
    }

    /// Call once after recovery: every session starts with its full time again.
    mutating func finishRecovery(at now: Timestamp) {
        for id in sessions.keys {
            touch(id, now)
            let isOurs = UInt8(truncatingIfNeeded: id >> 56) == configuration.serverID
            if isOurs, id >= nextSessionID { nextSessionID = id &+ 1 }
        }
    }

    mutating func handle(_ event: CoordinatorEvent, at now: Timestamp) -> [CoordinatorEffect] {
        effects = []
        switch event {
        case .connect(let connection, let request, let password, let identities):
            connect(connection, request, password, identities, now)
        case .request(let connection, let frame): self.request(connection, frame, now)
        case .disconnected(let connection): disconnected(connection)
        case .tick:
            expireSessions(now)
            removeMortals(now)
        case .diskFull(let isFull): isDiskFull = isFull
        case .clockSet(let milliseconds): clockCorrection = milliseconds
        }
        return effects
    }

    private mutating func connect(
        _ connection: ConnectionID, _ request: ConnectRequest, _ password: [UInt8], _ identities: Set<Identity>,
        _ now: Timestamp
    ) {
        guard request.lastZxidSeen <= lastZxid else { return effects.append(.close(connection)) }
        let limits = configuration.minimumSessionTimeout...configuration.maximumSessionTimeout
        var response = ConnectResponse()
        response.readOnly = request.readOnly == nil ? nil : false
        response.timeout = min(max(request.timeout, limits.lowerBound), limits.upperBound)
        if request.sessionID == 0 {
            // A session would have to be written down.
            guard !isDiskFull else { return effects.append(.close(connection)) }
            response.sessionID = nextSessionID
            response.password = password
            nextSessionID &+= 1
            commit(.createSession(id: response.sessionID, timeout: response.timeout, password: password), now)
        } else if let session = sessions[request.sessionID], session.password == request.password {
            if let old = session.connection, old != connection { leave(old) }
            response.sessionID = request.sessionID
            response.password = session.password
            sessions[request.sessionID] = Session(
                timeout: response.timeout, password: session.password, deadline: now)
        } else {
            response.timeout = 0
            send(connection) { response.write(to: &$0) }
            return effects.append(.close(connection))
        }
        sessions[response.sessionID]?.connection = connection
        sessionOf[connection] = response.sessionID
        self.identities[connection] = identities
        touch(response.sessionID, now)
        send(connection) { response.write(to: &$0) }
    }

    /// Ends what a connection has here, and closes it.
    mutating func leave(_ connection: ConnectionID) {
        sessionOf[connection] = nil
        identities[connection] = nil
        logins[connection] = nil
        watches.remove(connection)
        effects.append(.close(connection))
    }

    private mutating func disconnected(_ connection: ConnectionID) {
        watches.remove(connection)
        identities[connection] = nil
        logins[connection] = nil
        guard let session = sessionOf.removeValue(forKey: connection) else { return }
        if sessions[session]?.connection == connection { sessions[session]?.connection = nil }
    }

    private mutating func expireSessions(_ now: Timestamp) {
        guard !isDiskFull else { return }
        for id in sessions.filter({ $0.value.deadline <= now }).keys.sorted() {
            let connection = sessions[id]?.connection
            commit(.closeSession(id: id), now)
            if let connection { leave(connection) }
        }
    }

    /// A sign of life: the session ends at the first whole tick after its time-out.
    mutating func touch(_ id: Int64, _ now: Timestamp) {
        guard let session = sessions[id] else { return }
        let tick = Int64(configuration.tickTime)
        let end = now.milliseconds + Int64(session.timeout)
        sessions[id]?.deadline = Timestamp(nanoseconds: (end / tick + 1) * tick * 1_000_000)
    }

    /// Writes a decided transaction down and applies it; watchers hear of it before the client that wrote.
    mutating func commit(_ transaction: Transaction, _ now: Timestamp) {
        lastZxid += 1
        let time = wallTime(now)
        effects.append(.append(LogEntry(zxid: lastZxid, time: time, transaction: transaction)))
        let changes = apply(transaction, zxid: lastZxid, time: time)
        for change in changes {
            notify(change)
            noteQuota(change)
        }
    }

    /// A soft quota forbids nothing: whoever looks after the server hears of it (ZooKeeper's guide, "Quotas").
    mutating func noteQuota(_ change: NodeChange) {
        guard change.type == .created || change.type == .dataChanged, let subject = tree.quotas.nearest(change.path),
            let limits = tree.limits(of: subject), let usage = tree.usage(of: subject)
        else { return }
        let isOver = { (limit: Int64, used: Int64) in limit > -1 && used > limit }
        guard isOver(limits.count, usage.count) || isOver(limits.bytes, usage.bytes) else { return }
        effects.append(.overQuota(subject, usage: usage, limits: limits))
    }

    /// What nodes say of when they were made and changed: milliseconds since 1970.
    func wallTime(_ now: Timestamp) -> Int64 { now.milliseconds &+ clockCorrection }

    mutating func send(_ connection: ConnectionID, capacity: Int = 128, _ record: (inout JuteWriter) -> Void) {
        var writer = JuteWriter.beginFrame(capacity: capacity)
        record(&writer)
        effects.append(.send(connection, writer.endFrame()))
    }
}
