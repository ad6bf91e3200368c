import ServiceKit
import ZooKeeperProtocol

/// What happens to a coordinator.
enum CoordinatorEvent: Sendable {
    /// A client sent its first frame. The random bytes become the password of a new session.
    case connect(ConnectionID, ConnectRequest, password: [UInt8])
    /// A client with a session sent a frame.
    case request(ConnectionID, [UInt8])
    case disconnected(ConnectionID)
    /// Time passed: call it a few times each tick.
    case tick
}

/// What a coordinator wants done, in this order: an answer behind an `append` may leave only when that entry is on
/// disk.
enum CoordinatorEffect: Sendable, Equatable {
    case append(LogEntry)
    /// One frame, with its length.
    case send(ConnectionID, [UInt8])
    /// Close the connection after what was sent to it.
    case close(ConnectionID)
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
    }

    let configuration: Configuration
    var tree = ZNodeTree()
    var sessions: [Int64: Session] = [:]
    var watches = WatchTable()
    var sessionOf: [ConnectionID: Int64] = [:]
    var lastZxid: Int64 = 0
    private var nextSessionID: Int64
    var effects: [CoordinatorEffect] = []

    init(configuration: Configuration, startedAt now: Timestamp) {
        self.configuration = configuration
        let clock = (now.milliseconds << 24) & 0x00ff_ffff_ffff_ffff
        nextSessionID = Int64(configuration.serverID) << 56 | clock | 1
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
        case .connect(let connection, let request, let password): connect(connection, request, password, now)
        case .request(let connection, let frame): self.request(connection, frame, now)
        case .disconnected(let connection): disconnected(connection)
        case .tick: expireSessions(now)
        }
        return effects
    }

    private mutating func connect(
        _ connection: ConnectionID, _ request: ConnectRequest, _ password: [UInt8], _ now: Timestamp
    ) {
        guard request.lastZxidSeen <= lastZxid else { return effects.append(.close(connection)) }
        let limits = configuration.minimumSessionTimeout...configuration.maximumSessionTimeout
        var response = ConnectResponse()
        response.readOnly = request.readOnly == nil ? nil : false
        response.timeout = min(max(request.timeout, limits.lowerBound), limits.upperBound)
        if request.sessionID == 0 {
            response.sessionID = nextSessionID
            response.password = password
            nextSessionID &+= 1
            commit(.createSession(id: response.sessionID, timeout: response.timeout, password: password), now)
        } else if let session = sessions[request.sessionID], session.password == request.password {
            if let old = session.connection, old != connection {
                sessionOf[old] = nil
                watches.remove(old)
                effects.append(.close(old))
            }
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
        touch(response.sessionID, now)
        send(connection) { response.write(to: &$0) }
    }

    private mutating func disconnected(_ connection: ConnectionID) {
        watches.remove(connection)
        guard let session = sessionOf.removeValue(forKey: connection) else { return }
        if sessions[session]?.connection == connection { sessions[session]?.connection = nil }
    }

    private mutating func expireSessions(_ now: Timestamp) {
        for id in sessions.filter({ $0.value.deadline <= now }).keys.sorted() {
            let connection = sessions[id]?.connection
            commit(.closeSession(id: id), now)
            if let connection {
                sessionOf[connection] = nil
                watches.remove(connection)
                effects.append(.close(connection))
            }
        }
    }

    /// A sign of life: the session ends at the first whole tick after its time-out.
    mutating func touch(_ id: Int64, _ now: Timestamp) {
        guard let session = sessions[id] else { return }
        let tick = Int64(configuration.tickTime)
        let end = now.milliseconds + Int64(session.timeout)
        sessions[id]?.deadline = Timestamp(nanoseconds: (end / tick + 1) * tick * 1_000_000)
    }

    /// Logs and applies a decided change and tells the watchers.
    mutating func commit(_ transaction: Transaction, _ now: Timestamp) {
        lastZxid += 1
        effects.append(.append(LogEntry(zxid: lastZxid, time: now.milliseconds, transaction: transaction)))
        let changes = apply(transaction, zxid: lastZxid, time: now.milliseconds)
        for change in changes { notify(change) }
    }

    mutating func send(_ connection: ConnectionID, _ record: (inout JuteWriter) -> Void) {
        var writer = JuteWriter()
        record(&writer)
        effects.append(.send(connection, writer.frame))
    }
}

/// What a transaction did to one node.
struct NodeChange: Sendable, Equatable {
    let type: WatchEventType
    let path: String
}

extension CoordinatorCore {
    /// Changes tree and sessions; returns what watchers must hear. The one place where state changes.
    mutating func apply(_ transaction: Transaction, zxid: Int64, time: Int64) -> [NodeChange] {
        switch transaction {
        case .createSession(let id, let timeout, let password):
            sessions[id] = Session(timeout: timeout, password: password, deadline: Timestamp(nanoseconds: 0))
            return []
        case .closeSession(let id):
            sessions[id] = nil
            return (tree.ephemerals[id] ?? []).sorted().map { name in
                tree.delete(name.text, zxid: zxid)
                return NodeChange(type: .deleted, path: name.text)
            }
        case .create(let path, let data, let acl, let owner):
            tree.create(path, data: data, acl: acl, owner: owner, zxid: zxid, time: time)
            return [NodeChange(type: .created, path: path)]
        case .delete(let path):
            tree.delete(path, zxid: zxid)
            return [NodeChange(type: .deleted, path: path)]
        case .setData(let path, let data):
            tree.setData(path, data, zxid: zxid, time: time)
            return [NodeChange(type: .dataChanged, path: path)]
        case .setACL(let path, let acl):
            tree.setACL(path, acl)
            return []
        case .multi(let transactions):
            return transactions.flatMap { apply($0, zxid: zxid, time: time) }
        }
    }

    /// The firing table of ZooKeeper: a node's own watchers first, then its parent's.
    mutating func notify(_ change: NodeChange) {
        switch change.type {
        case .created: fire([.data], .created, change.path)
        case .deleted: fire([.data, .child], .deleted, change.path)
        case .dataChanged: return fire([.data], .dataChanged, change.path)
        case .childrenChanged: break
        }
        if let parent = ZNodePath.parent(of: change.path) { fire([.child], .childrenChanged, parent) }
    }

    private mutating func fire(_ kinds: [WatchTable.Kind], _ type: WatchEventType, _ path: String) {
        for connection in watches.fire(kinds, path) { sendEvent(type, path, to: connection) }
    }

    mutating func sendEvent(_ type: WatchEventType, _ path: String, to connection: ConnectionID) {
        send(connection) { writer in
            ReplyHeader(xid: ReservedXID.notification, zxid: -1, error: 0).write(to: &writer)
            writer.int(type.rawValue)
            writer.int(3)  // SyncConnected, the only state a server reports.
            writer.string(path)
        }
    }
}
