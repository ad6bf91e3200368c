import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

/// What a coordinator did, in order, as far as a test looks at it.
enum Output: Equatable {
    case append(zxid: Int64)
    case event(UInt64, WatchEventType, String)
    case reply(UInt64, xid: Int32, error: Int32)
    case close(UInt64)
}

/// A core with clients that speak its protocol. Clients are known by the numbers of their connections.
struct TestCoordinator {
    static let start = Timestamp(seconds: 1_000_000)
    static let password = [UInt8](1...16)

    var core: CoordinatorCore
    var now = TestCoordinator.start
    /// Everything that was to be made durable.
    private(set) var log: [LogEntry] = []
    /// What came of the last event.
    private(set) var effects: [CoordinatorEffect] = []
    private var connecting: Set<UInt64> = []
    private var nextXid: Int32 = 1

    init(serverID: UInt8 = 0, configure: (inout CoordinatorCore.Configuration) -> Void = { _ in }) {
        var configuration = CoordinatorCore.Configuration(serverID: serverID)
        configure(&configuration)
        core = CoordinatorCore(configuration: configuration, startedAt: Self.start)
    }

    mutating func handle(_ event: CoordinatorEvent) {
        effects = core.handle(event, at: now)
        // One event for several watchers is as good as one for each.
        effects = effects.flatMap { effect in
            guard case .notify(let watchers, let frame) = effect else { return [effect] }
            return watchers.map { .send($0, frame) }
        }
        for case .append(let entry) in effects { log.append(entry) }
    }

    /// Lets time pass to a moment after the start, with a tick.
    mutating func tick(atMilliseconds milliseconds: Int64) {
        now = Self.start + .milliseconds(milliseconds)
        handle(.tick)
    }

    /// The answer to a client's first frame; nil when there was none.
    @discardableResult
    mutating func connect(
        _ connection: UInt64, timeout: Int32 = 10_000, session: Int64 = 0, password: [UInt8] = [], lastZxid: Int64 = 0
    ) throws -> ConnectResponse? {
        var request = ConnectRequest()
        request.timeout = timeout
        request.sessionID = session
        request.password = password
        request.lastZxidSeen = lastZxid
        request.readOnly = false
        handle(
            .connect(
                ConnectionID(number: connection), request, password: Self.password,
                identities: [Identity(scheme: "ip", id: "10.0.0.\(connection)")]))
        for case .send(ConnectionID(number: connection), let frame) in effects {
            var reader = JuteReader(frame.dropFirst(4))
            return try ConnectResponse(from: &reader)
        }
        return nil
    }

    /// One request and the body of its reply. Errors of the protocol are thrown.
    @discardableResult
    mutating func request(
        _ connection: UInt64, _ operation: OperationCode, _ build: (inout JuteWriter) -> Void = { _ in }
    ) throws -> JuteReader {
        let (header, reader) = try rawRequest(connection, operation.rawValue, xid: nextXid, build)
        nextXid += 1
        guard header.error == 0 else { throw try #require(ZooKeeperErrorCode(rawValue: header.error)) }
        return reader
    }

    mutating func rawRequest(
        _ connection: UInt64, _ code: Int32, xid: Int32, _ build: (inout JuteWriter) -> Void
    ) throws -> (ReplyHeader, JuteReader) {
        var writer = JuteWriter()
        writer.int(xid)
        writer.int(code)
        build(&writer)
        handle(.request(ConnectionID(number: connection), writer.bytes))
        for case .send(ConnectionID(number: connection), let frame) in effects {
            var reader = JuteReader(frame.dropFirst(4))
            let header = try ReplyHeader(from: &reader)
            if header.xid == xid { return (header, reader) }
        }
        throw JuteError("no reply to request \(xid)")
    }

    /// The effects of the last event in short.
    func outputs() throws -> [Output] {
        try effects.compactMap { effect in
            switch effect {
            case .notify, .overQuota, .authenticationFailed: return nil
            case .append(let entry): return .append(zxid: entry.zxid)
            case .close(let connection): return .close(connection.number)
            case .send(let connection, let frame):
                var reader = JuteReader(frame.dropFirst(4))
                let header = try ReplyHeader(from: &reader)
                guard header.xid == ReservedXID.notification else {
                    return .reply(connection.number, xid: header.xid, error: header.error)
                }
                let type = try #require(WatchEventType(rawValue: try reader.int()))
                _ = try reader.int()
                return .event(connection.number, type, try reader.text())
            }
        }
    }

    /// The watch events of the last event, in order.
    func events() throws -> [Output] {
        try outputs().filter { if case .event = $0 { true } else { false } }
    }
}

/// The requests that tests make, by name.
extension TestCoordinator {
    @discardableResult
    mutating func create(
        _ path: String, _ data: [UInt8]? = [], mode: CreateMode = .persistent, acl: [ACL] = ACL.open,
        by connection: UInt64 = 1
    ) throws -> String {
        var reader = try request(connection, .create) { writer in
            writer.string(path)
            writer.buffer(data)
            writer.vector(acl) { $1.write(to: &$0) }
            writer.int(mode.rawValue)
        }
        return try reader.text()
    }

    mutating func delete(_ path: String, version: Int32 = -1, by connection: UInt64 = 1) throws {
        try request(connection, .delete) {
            $0.string(path)
            $0.int(version)
        }
    }

    @discardableResult
    mutating func set(_ path: String, _ data: [UInt8]?, version: Int32 = -1, by connection: UInt64 = 1) throws -> Stat {
        var reader = try request(connection, .setData) {
            $0.string(path)
            $0.buffer(data)
            $0.int(version)
        }
        return try Stat(from: &reader)
    }

    @discardableResult
    mutating func get(_ path: String, watch: Bool = false, by connection: UInt64 = 1) throws -> ([UInt8]?, Stat) {
        var reader = try request(connection, .getData) {
            $0.string(path)
            $0.bool(watch)
        }
        let data = try reader.buffer()
        return (data, try Stat(from: &reader))
    }

    @discardableResult
    mutating func exists(_ path: String, watch: Bool = false, by connection: UInt64 = 1) throws -> Stat {
        var reader = try request(connection, .exists) {
            $0.string(path)
            $0.bool(watch)
        }
        return try Stat(from: &reader)
    }

    @discardableResult
    mutating func children(_ path: String, watch: Bool = false, by connection: UInt64 = 1) throws -> [String] {
        var reader = try request(connection, .getChildren) {
            $0.string(path)
            $0.bool(watch)
        }
        let item = { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
        return try reader.vector(item).sorted()
    }

    mutating func setWatches(
        since zxid: Int64, data: [String] = [], exist: [String] = [], child: [String] = [], by connection: UInt64
    ) throws {
        _ = try rawRequest(connection, OperationCode.setWatches.rawValue, xid: ReservedXID.setWatches) { writer in
            writer.long(zxid)
            for paths in [data, exist, child] { writer.vector(paths) { $0.string($1) } }
        }
    }
}
