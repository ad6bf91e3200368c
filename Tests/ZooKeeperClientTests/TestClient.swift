import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

/// A core whose server is the test: it says what comes, and sees what the client wants.
struct TestClient {
    static let start = Timestamp(seconds: 1000)

    var core: ClientCore
    var now = TestClient.start
    private(set) var effects: [ClientEffect] = []

    init(servers: Int = 1, timeout: Int32 = 6000, credentials: [Credentials] = []) {
        core = ClientCore(
            configuration: .init(
                servers: (1...servers).map { .init(host: "s\($0)", port: 2181) }, sessionTimeout: timeout,
                credentials: credentials, seed: 1))
    }

    @discardableResult
    mutating func handle(_ event: ClientEvent) -> [ClientEffect] {
        effects = core.handle(event, at: now)
        return effects
    }

    /// Lets time pass, and the client do what is due meanwhile. Returns all that it wanted.
    @discardableResult
    mutating func pass(_ duration: Duration) -> [ClientEffect] {
        let end = now + duration
        var all: [ClientEffect] = []
        while let next = core.nextDeadline, next <= end {
            now = max(now, next)
            all += handle(.tick)
            if core.nextDeadline == next {
                Issue.record("what was due at \(next) is still due")
                break
            }
        }
        now = end
        effects = all
        return all
    }

    /// Connects, and has the server grant a session.
    mutating func connect(session: Int64 = 7, timeout: Int32 = 6000) {
        if core.phase == .idle { handle(.start) }
        if case .waiting = core.phase { pass(.seconds(2)) }
        handle(.opened(core.connection))
        grant(session: session, timeout: timeout)
    }

    mutating func grant(session: Int64, timeout: Int32 = 6000) {
        var response = ConnectResponse()
        response.sessionID = session
        response.timeout = session == 0 ? 0 : timeout
        var writer = JuteWriter()
        response.write(to: &writer)
        handle(.received(core.connection, writer.bytes))
    }

    mutating func reply(xid: Int32, zxid: Int64 = 1, error: Int32 = 0, _ body: [UInt8] = []) {
        var writer = JuteWriter()
        ReplyHeader(xid: xid, zxid: zxid, error: error).write(to: &writer)
        writer.raw(body)
        handle(.received(core.connection, writer.bytes))
    }

    mutating func event(_ type: WatchEventType, _ path: String) {
        var writer = JuteWriter()
        writer.int(type.rawValue)
        writer.int(3)
        writer.string(path)
        reply(xid: ReservedXID.notification, zxid: -1, writer.bytes)
    }

    mutating func request(
        _ number: UInt64, _ operation: OperationCode = .setData, watch: Watch? = nil, body: [UInt8] = []
    ) {
        handle(
            .request(
                ClientRequest(number: number, operation: operation, body: body, onSuccess: watch.map { .add($0) })))
    }

    /// What of the last effects was sent: xid, operation and body.
    var sent: [(xid: Int32, operation: OperationCode, body: [UInt8])] {
        get throws {
            try effects.compactMap { effect in
                guard case .send(_, let frame) = effect else { return nil }
                var reader = JuteReader(frame.dropFirst(4))
                let xid = try reader.int()
                return (xid, try #require(OperationCode(rawValue: try reader.int())), Array(frame.dropFirst(12)))
            }
        }
    }

    /// The last effects without what is sent and logged.
    var news: [ClientEffect] {
        effects.filter { effect in
            switch effect {
            case .send, .report: false
            default: true
            }
        }
    }
}
