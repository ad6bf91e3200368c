import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Sessions (reference, 2 and 9)")
struct SessionTests {
    private var server = TestCoordinator()

    @Test(
        "The time-out asked for is brought within the limits",
        arguments: [(1000, 4000), (4000, 4000), (10_000, 10_000), (10_000_000, 40_000), (-1, 4000)] as [(Int32, Int32)])
    mutating func timeout(asked: Int32, expected: Int32) throws {
        #expect(try server.connect(1, timeout: asked)?.timeout == expected)
    }

    @Test("A new session has an id, the password and is logged before it is answered")
    mutating func newSession() throws {
        let response = try #require(try server.connect(1))
        #expect(response.password == TestCoordinator.password)
        #expect(response.readOnly == false)
        let expected = LogEntry(
            zxid: 1, time: TestCoordinator.start.milliseconds,
            transaction: .createSession(id: response.sessionID, timeout: 10_000, password: TestCoordinator.password))
        #expect(server.log == [expected])
        guard case .append = server.effects.first else {
            Issue.record("the answer came before the log")
            return
        }
        let second = try #require(try server.connect(2))
        #expect(second.sessionID == response.sessionID + 1)
    }

    @Test("The top byte of a session's id is the server's")
    func serverID() throws {
        var server = TestCoordinator(serverID: 3)
        let id = try #require(try server.connect(1)?.sessionID)
        #expect(id >> 56 == 3)
        #expect(id != 0)
    }

    @Test("A client that did not send the read-only byte gets none")
    mutating func oldClient() throws {
        server.handle(
            .connect(ConnectionID(number: 1), ConnectRequest(), password: TestCoordinator.password, identities: []))
        let lengths = server.effects.map { if case .send(_, let frame) = $0 { frame.count } else { 0 } }
        #expect(lengths == [0, 4 + 36])
    }

    @Test("A client that has seen more than this server knows is turned away without an answer")
    mutating func lastZxid() throws {
        #expect(try server.connect(1, lastZxid: 1) == nil)
        #expect(try server.outputs() == [.close(1)])
        #expect(server.log.isEmpty)
    }

    @Test("A silent session ends within a tick after its time-out, in one transaction, with its ephemerals")
    mutating func expiry() throws {
        try server.connect(1, timeout: 5000)
        try server.connect(2, timeout: 40_000)
        for name in ["/b", "/a"] { try server.create(name, mode: .ephemeral) }
        try server.create("/kept")
        try server.exists("/a", watch: true, by: 2)
        try server.children("/", watch: true, by: 2)
        server.tick(atMilliseconds: 5000)
        #expect(server.effects.isEmpty)
        server.tick(atMilliseconds: 6000)
        let expected: [Output] = [
            .append(zxid: 6), .event(2, .deleted, "/a"), .event(2, .childrenChanged, "/"), .close(1),
        ]
        #expect(try server.outputs() == expected)
        #expect(server.log.last?.transaction == .closeSession(id: try #require(server.core.sessions.keys.max()) - 1))
        #expect(try server.children("/", by: 2) == ["kept", "zookeeper"])
        #expect(server.core.tree.ephemerals.isEmpty)
    }

    @Test("Any request keeps a session alive, a ping as well")
    mutating func alive() throws {
        try server.connect(1, timeout: 4000)
        for second in [3, 6, 9, 12] as [Int64] {
            server.tick(atMilliseconds: second * 1000)
            let (header, reader) = try server.rawRequest(1, OperationCode.ping.rawValue, xid: ReservedXID.ping) { _ in }
            #expect(header.error == 0)
            #expect(reader.isAtEnd)
        }
        server.tick(atMilliseconds: 15_000)
        #expect(server.core.sessions.count == 1)
        server.tick(atMilliseconds: 18_000)
        #expect(server.core.sessions.isEmpty)
    }

    @Test("A session outlives its connection and is taken up again with its password")
    mutating func reconnect() throws {
        let session = try #require(try server.connect(1)?.sessionID)
        try server.create("/e", mode: .ephemeral)
        server.handle(.disconnected(ConnectionID(number: 1)))
        server.tick(atMilliseconds: 3000)
        let response = try server.connect(2, timeout: 8000, session: session, password: TestCoordinator.password)
        #expect(response?.sessionID == session)
        #expect(response?.timeout == 8000)
        #expect(response?.password == TestCoordinator.password)
        server.tick(atMilliseconds: 10_000)
        #expect(try server.exists("/e", by: 2).ephemeralOwner == session)
        try server.delete("/e", by: 2)
    }

    @Test("Taking up a session again ends its older connection and that one's watches")
    mutating func moved() throws {
        let session = try #require(try server.connect(1)?.sessionID)
        try server.exists("/", watch: true, by: 1)
        try server.connect(2, session: session, password: TestCoordinator.password)
        #expect(server.effects.first == .close(ConnectionID(number: 1)))
        try server.set("/", [1], by: 2)
        #expect(try server.events().isEmpty)
        #expect(throws: JuteError.self) { try server.get("/", by: 1) }
        #expect(try server.outputs() == [.close(1)])
        server.handle(.disconnected(ConnectionID(number: 1)))
        try server.get("/", by: 2)
    }

    @Test("A wrong password or an unknown session gets session 0 and the end of the connection")
    mutating func refused() throws {
        let session = try #require(try server.connect(1)?.sessionID)
        for (id, password) in [
            (session, [UInt8](repeating: 0, count: 16)), (session, []), (99, TestCoordinator.password),
        ] {
            let response = try #require(try server.connect(2, session: id, password: password))
            #expect(response.sessionID == 0)
            #expect(response.timeout == 0)
            #expect(response.password == [UInt8](repeating: 0, count: 16))
            #expect(server.effects.last == .close(ConnectionID(number: 2)))
        }
        try server.get("/")
        #expect(server.log.count == 1)
    }

    @Test("Closing a session removes its ephemerals, then answers, then ends the connection")
    mutating func close() throws {
        try server.connect(1)
        try server.connect(2)
        try server.create("/e", mode: .ephemeral)
        try server.exists("/e", watch: true, by: 2)
        try server.request(1, .closeSession)
        let expected: [Output] = [.append(zxid: 4), .event(2, .deleted, "/e"), .reply(1, xid: 3, error: 0), .close(1)]
        #expect(try server.outputs() == expected)
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.get("/e", by: 2) }
        server.handle(.disconnected(ConnectionID(number: 1)))
        #expect(server.core.sessions.count == 1)
    }

    @Test("Bytes that are no request, or of a stranger, end the connection")
    mutating func garbage() throws {
        try server.connect(1)
        server.handle(.request(ConnectionID(number: 1), [1, 2, 3]))
        #expect(try server.outputs() == [.close(1)])
        server.handle(.request(ConnectionID(number: 9), [0, 0, 0, 1, 0, 0, 0, 11]))
        #expect(try server.outputs() == [.close(9)])
        #expect(server.log.count == 1)
    }

    @Test(
        "An operation that is not there is refused and ends the connection",
        arguments: [-10, -1, 20, 99, 108] as [Int32])
    mutating func unknownOperation(code: Int32) throws {
        try server.connect(1)
        let (header, _) = try server.rawRequest(1, code, xid: 5) { _ in }
        #expect(header == ReplyHeader(xid: 5, zxid: -1, error: ZooKeeperErrorCode.unimplemented.rawValue))
        #expect(server.effects.last == .close(ConnectionID(number: 1)))
        #expect(server.log.count == 1)
    }

    @Test("After a restart every session has its full time again, and new ids do not repeat old ones")
    mutating func restart() throws {
        let session = try #require(try server.connect(1, timeout: 4000)?.sessionID)
        try server.create("/e", mode: .ephemeral)
        var second = TestCoordinator()
        for entry in server.log { second.core.recover(entry) }
        second.now = TestCoordinator.start + .seconds(100)
        second.core.finishRecovery(at: second.now)
        second.tick(atMilliseconds: 103_999)
        #expect(second.core.sessions.keys.sorted() == [session])
        #expect(try second.connect(5)?.sessionID == session + 1)
        second.tick(atMilliseconds: 106_000)
        #expect(second.core.tree["/e"] == nil)
    }
}
