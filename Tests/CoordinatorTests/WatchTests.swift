import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Watches (reference, 7)")
struct WatchTests {
    private var server = TestCoordinator()

    init() throws {
        for connection in [1, 2, 3] as [UInt64] { try server.connect(connection) }
        try server.create("/a")
    }

    @Test("A create fires the watch on the absent node and the parent's child watch, before its reply")
    mutating func create() throws {
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.exists("/a/b", watch: true, by: 2) }
        try server.children("/a", watch: true, by: 2)
        try server.get("/a", watch: true, by: 2)
        try server.create("/a/b")
        let expected: [Output] = [
            .append(zxid: 5), .event(2, .created, "/a/b"), .event(2, .childrenChanged, "/a"),
            .reply(1, xid: 5, error: 0),
        ]
        #expect(try server.outputs() == expected)
    }

    @Test("A delete fires data, exists and child watches of the node as one event, then the parent's")
    mutating func delete() throws {
        try server.get("/a", watch: true, by: 2)
        try server.children("/a", watch: true, by: 2)
        try server.children("/", watch: true, by: 2)
        try server.exists("/a", watch: true, by: 3)
        try server.delete("/a")
        let expected: [Output] = [
            .event(2, .deleted, "/a"), .event(3, .deleted, "/a"), .event(2, .childrenChanged, "/"),
        ]
        #expect(try server.events() == expected)
    }

    @Test("Data changes fire data watches alone, also with the same data")
    mutating func setData() throws {
        try server.get("/a", watch: true, by: 2)
        try server.children("/a", watch: true, by: 2)
        try server.children("/", watch: true, by: 2)
        try server.set("/a", [])
        #expect(try server.events() == [.event(2, .dataChanged, "/a")])
    }

    @Test("A watch fires once, and once however often it was set")
    mutating func once() throws {
        try server.get("/a", watch: true)
        try server.exists("/a", watch: true)
        try server.set("/a", [1])
        #expect(try server.events() == [.event(1, .dataChanged, "/a")])
        try server.set("/a", [2])
        #expect(try server.events().isEmpty)
    }

    @Test("A failed write fires nothing")
    mutating func failure() throws {
        try server.get("/a", watch: true, by: 2)
        try server.children("/", watch: true, by: 2)
        #expect(throws: ZooKeeperErrorCode.badVersion) { try server.set("/a", [], version: 9) }
        #expect(try server.events().isEmpty)
        #expect(throws: ZooKeeperErrorCode.nodeExists) { try server.create("/a") }
        #expect(try server.events().isEmpty)
    }

    @Test("Reads of an absent node set no watch, except exists")
    mutating func absent() throws {
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.get("/b", watch: true, by: 2) }
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.children("/b", watch: true, by: 2) }
        #expect(server.core.watches.count == 0)
        try server.create("/b")
        #expect(try server.events().isEmpty)
    }

    @Test("The watches of a connection go with it")
    mutating func disconnect() throws {
        try server.get("/a", watch: true, by: 2)
        try server.children("/a", watch: true, by: 2)
        #expect(server.core.watches.count == 2)
        server.handle(.disconnected(ConnectionID(number: 2)))
        #expect(server.core.watches.count == 0)
        try server.set("/a", [])
        #expect(try server.events().isEmpty)
    }

    @Test("After a reconnect missed events fire at once and other watches are kept")
    mutating func setWatches() throws {
        for name in ["/same", "/changed", "/gone", "/parent"] { try server.create(name) }
        let seen = server.core.lastZxid
        try server.set("/changed", [1])
        try server.delete("/gone")
        try server.create("/parent/child")
        try server.create("/new")
        try server.setWatches(
            since: seen, data: ["/same", "/changed", "/gone"], exist: ["/new", "/absent"],
            child: ["/same", "/parent", "/gone"], by: 2)
        let expected: [Output] = [
            .event(2, .dataChanged, "/changed"), .event(2, .deleted, "/gone"), .event(2, .created, "/new"),
            .event(2, .childrenChanged, "/parent"), .event(2, .deleted, "/gone"), .reply(2, xid: -8, error: 0),
        ]
        #expect(try server.outputs() == expected)
        #expect(server.core.watches.count == 3)
        try server.set("/same", [])
        #expect(try server.events() == [.event(2, .dataChanged, "/same")])
        try server.create("/absent")
        #expect(try server.events() == [.event(2, .created, "/absent")])
        try server.create("/same/child")
        #expect(try server.events() == [.event(2, .childrenChanged, "/same")])
    }

    @Test("Watches on one node of many connections fire in the order of the connections")
    mutating func order() throws {
        for connection in [3, 1, 2] as [UInt64] { try server.get("/a", watch: true, by: connection) }
        try server.set("/a", [])
        #expect(try server.events() == [1, 2, 3].map { .event($0, .dataChanged, "/a") })
    }
}
