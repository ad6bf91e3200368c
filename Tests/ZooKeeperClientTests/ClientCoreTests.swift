import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

@Suite("Decisions of a client")
struct ClientCoreTests {
    @Test("Requests wait for a session and go out in their order, after proofs and watches")
    func order() throws {
        var client = TestClient(credentials: [Credentials(scheme: "digest", data: [1])])
        client.handle(.start)
        client.request(1, .create)
        client.connect()
        #expect(try client.sent.map(\.operation) == [.auth, .create])
        #expect(client.news == [.tell(.connected(isNew: true))])
        client.reply(xid: ReservedXID.auth, zxid: 0)
        client.reply(xid: 1, [])
        #expect(client.news == [.answer(1, .success([]))])
        client.request(2, .getData, watch: Watch(number: 9, path: "/a", kind: .data))
        client.reply(xid: 2, zxid: 5, [1, 2])
        #expect(client.news == [.answer(2, .success([1, 2]))])
        client.handle(.lost(client.core.connection))
        client.request(3, .delete)
        client.connect()
        #expect(try client.sent.map(\.operation) == [.auth, .setWatches, .delete])
        #expect(client.news == [.tell(.connected(isNew: false))])
        var reader = JuteReader(try #require(try client.sent.dropFirst().first).body)
        #expect(try reader.long() == 5)
        #expect(try ZooKeeperClient.texts(&reader) == ["/a"])
    }

    @Test("What was under way when the connection broke fails, and nothing else")
    func connectionLoss() throws {
        var client = TestClient()
        client.connect()
        client.request(1)
        client.request(2)
        client.reply(xid: 1)
        client.handle(.lost(client.core.connection))
        #expect(client.news == [.answer(2, .failure(.connectionLoss)), .tell(.disconnected)])
        client.request(3)
        #expect(client.effects.isEmpty)
        client.connect()
        #expect(try client.sent.map(\.xid) == [3])
    }

    @Test("News of a connection that was given up changes nothing")
    func stale() {
        var client = TestClient()
        client.handle(.start)
        let first = client.core.connection
        client.pass(.milliseconds(3100))
        #expect(client.core.connection > first)
        #expect(client.handle(.opened(first)) == [.disconnect(first)])
        #expect(client.handle(.lost(first)).isEmpty)
        #expect(client.handle(.received(first, [1])).isEmpty)
        #expect(client.handle(.openingFailed(first, reason: "")).isEmpty)
    }

    @Test("A silent server is left after two thirds of the time-out, and pinged before")
    func silence() throws {
        var client = TestClient()
        client.connect()
        client.pass(.milliseconds(2000))
        #expect(try client.sent.map(\.operation) == [.ping])
        client.pass(.milliseconds(1900))
        #expect(client.effects.isEmpty)
        client.pass(.milliseconds(100))
        #expect(client.news == [.disconnect(1), .tell(.disconnected)])
    }

    @Test("A session that nobody confirms is over when its time is, counted from what was answered last")
    func localExpiry() throws {
        var client = TestClient()
        client.connect(timeout: 6000)
        client.request(1, .getData, watch: Watch(number: 9, path: "/a", kind: .data))
        client.reply(xid: 1, zxid: 3)
        client.pass(.milliseconds(1000))
        client.request(2)
        client.now = client.now + .milliseconds(500)
        client.reply(xid: 2)
        client.handle(.lost(client.core.connection))
        // The server heard the second request at 1000 ms at the earliest.
        client.pass(.milliseconds(5499))
        #expect(!client.effects.contains(.tell(.expired)))
        #expect(client.core.session.sessionID == 7)
        client.pass(.milliseconds(1))
        #expect(client.effects.contains(.tell(.expired)))
        #expect(client.effects.contains(.fire(watch: 9, WatchEvent(kind: .interrupted, path: "/a"))))
        #expect(client.effects.contains(.forget(watch: 9)))
        client.pass(.seconds(5))
        client.handle(.opened(client.core.connection))
        var frame: [UInt8] = []
        for case .send(_, let bytes) in client.effects { frame = bytes }
        var reader = JuteReader(frame.dropFirst(4))
        let request = try ConnectRequest(from: &reader)
        #expect(request.sessionID == 0 && request.lastZxidSeen == 0)
        client.grant(session: 8)
        #expect(client.news == [.tell(.connected(isNew: true))])
    }

    @Test("A session that the server ended is asked for no more")
    func expiry() throws {
        var client = TestClient()
        client.connect()
        client.request(1, .addWatch, watch: Watch(number: 3, path: "/p", kind: .persistent))
        client.reply(xid: 1)
        client.handle(.lost(1))
        client.connect(session: 0)
        #expect(client.news.contains(.tell(.expired)))
        client.connect(session: 8)
        #expect(try client.sent.map(\.operation) == [.setWatches2])
        #expect(
            client.news == [
                .fire(watch: 3, WatchEvent(kind: .interrupted, path: "/p")), .tell(.connected(isNew: true)),
            ])
    }

    @Test("A watch of a node that is missing is one for its coming, and no watch comes of a failure")
    func watches() throws {
        var client = TestClient()
        client.connect()
        client.request(1, .exists, watch: Watch(number: 11, path: "/new", kind: .data))
        client.reply(xid: 1, zxid: 4, error: ZooKeeperErrorCode.noNode.rawValue)
        #expect(client.news == [.answer(1, .failure(.noNode))])
        client.request(2, .getData, watch: Watch(number: 12, path: "/no", kind: .data))
        client.reply(xid: 2, zxid: 4, error: ZooKeeperErrorCode.noNode.rawValue)
        #expect(client.news == [.forget(watch: 12), .answer(2, .failure(.noNode))])
        client.handle(.lost(1))
        client.connect()
        var reader = JuteReader(try #require(try client.sent.first).body)
        #expect(try reader.long() == 4)
        #expect(try ZooKeeperClient.texts(&reader) == [])
        #expect(try ZooKeeperClient.texts(&reader) == ["/new"])
        client.event(.created, "/new")
        #expect(client.news == [.fire(watch: 11, WatchEvent(kind: .created, path: "/new")), .forget(watch: 11)])
        client.event(.deleted, "/new")
        #expect(client.news.isEmpty)
    }

    @Test("Proofs are given again on each connection, but one that was refused when it was new")
    func proofs() throws {
        var client = TestClient()
        client.connect()
        client.handle(.authenticate(1, Credentials(scheme: "digest", data: [1])))
        client.handle(.authenticate(2, Credentials(scheme: "odd", data: [2])))
        client.reply(xid: ReservedXID.auth, zxid: 0)
        #expect(client.news == [.answer(1, .success([]))])
        client.reply(xid: ReservedXID.auth, zxid: 0, error: ZooKeeperErrorCode.authFailed.rawValue)
        #expect(client.news == [.answer(2, .failure(.authFailed))])
        client.handle(.lost(1))
        client.connect()
        #expect(try client.sent.map(\.operation) == [.auth])
    }

    @Test("A proof that the server refuses on each connection does not make the client hammer it")
    func refusedForever() {
        var client = TestClient(credentials: [Credentials(scheme: "odd", data: [])])
        var pauses: [Duration] = []
        for _ in 0..<40 {
            client.connect()
            client.reply(xid: ReservedXID.auth, zxid: 0, error: ZooKeeperErrorCode.authFailed.rawValue)
            #expect(client.effects.contains { if case .report(.refused, _) = $0 { true } else { false } })
            client.handle(.lost(client.core.connection))
            guard case .waiting(let until) = client.core.phase else { continue }
            pauses.append(until - client.now)
        }
        #expect(pauses.suffix(20).reduce(.zero, +) > .seconds(5))
    }

    @Test("Closing ends the session first; nobody is left waiting")
    func close() throws {
        var client = TestClient()
        client.connect()
        client.request(1)
        client.handle(.close)
        #expect(try client.sent.map(\.operation) == [.closeSession])
        client.request(2)
        #expect(client.news == [.answer(2, .failure(.closing))])
        client.reply(xid: 1)
        client.reply(xid: 2)
        #expect(client.news == [.disconnect(1), .tell(.closed)])
        #expect(client.core.nextDeadline == nil)
        client.request(3)
        #expect(client.news == [.answer(3, .failure(.closing))])
        var waiting = TestClient()
        waiting.request(1)
        waiting.handle(.close)
        #expect(waiting.news.contains(.answer(1, .failure(.closing))) && waiting.news.contains(.tell(.closed)))
    }

    @Test("A server that does not answer the wish to close holds it up for the limit of silence only")
    func closeUnanswered() {
        var client = TestClient()
        client.connect()
        client.handle(.close)
        client.pass(.milliseconds(4000))
        #expect(client.effects.contains(.tell(.closed)))
    }

    @Test("A request that was not sent yet can be taken back")
    func cancel() {
        var client = TestClient()
        client.request(1, .getData, watch: Watch(number: 5, path: "/a", kind: .data))
        #expect(client.handle(.cancel(1)) == [.forget(watch: 5), .cancelled(1)])
        client.connect()
        client.request(2)
        #expect(client.handle(.cancel(2)).isEmpty)
    }

    @Test("Bytes that are no answer end the connection", arguments: [[], [1], Array(repeating: UInt8(9), count: 30)])
    func nonsense(bytes: [UInt8]) {
        var client = TestClient()
        client.connect()
        client.handle(.received(1, bytes))
        #expect(client.effects.contains(.disconnect(1)))
        #expect(client.effects.contains(.tell(.disconnected)))
    }

    @Test("When one server fails the next one is tried")
    func nextServer() {
        var client = TestClient(servers: 3)
        var hosts: Set<String> = []
        var effects = client.handle(.start)
        for _ in 0..<3 {
            for case .open(_, let server, _) in effects { hosts.insert(server.host) }
            client.handle(.openingFailed(client.core.connection, reason: "refused"))
            effects = client.pass(.milliseconds(50))
        }
        #expect(hosts == ["s1", "s2", "s3"])
    }
}
