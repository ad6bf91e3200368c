import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Persistent watches (reference, 7)")
struct PersistentWatchTests {
    private var server = TestCoordinator()

    init() throws {
        try server.connect(1)
        try server.connect(2)
    }

    private mutating func addWatch(_ path: String, _ mode: Int32) throws {
        try server.request(2, .addWatch) {
            $0.string(path)
            $0.int(mode)
        }
    }

    private mutating func watches(_ operation: OperationCode, _ path: String, _ type: Int32) throws {
        try server.request(2, operation) {
            $0.string(path)
            $0.int(type)
        }
    }

    @Test("A persistent watch stays, and hears of the node and its children")
    mutating func persistent() throws {
        try addWatch("/a", 0)
        try server.create("/a")
        #expect(try server.events() == [.event(2, .created, "/a")])
        try server.set("/a", [1])
        #expect(try server.events() == [.event(2, .dataChanged, "/a")])
        try server.create("/a/b")
        #expect(try server.events() == [.event(2, .childrenChanged, "/a")])
        try server.create("/a/b/c")
        #expect(try server.events().isEmpty)
        try server.delete("/a/b/c")
        try server.delete("/a/b")
        try server.delete("/a")
        #expect(try server.events() == [.event(2, .deleted, "/a")])
        try server.create("/a")
        #expect(try server.events() == [.event(2, .created, "/a")])
    }

    @Test("A recursive watch hears of everything below, but of no changed children")
    mutating func recursive() throws {
        try addWatch("/", 1)
        try server.create("/a")
        #expect(try server.events() == [.event(2, .created, "/a")])
        try server.create("/a/b")
        #expect(try server.events() == [.event(2, .created, "/a/b")])
        try server.set("/a/b", [1])
        #expect(try server.events() == [.event(2, .dataChanged, "/a/b")])
        try server.delete("/a/b")
        #expect(try server.events() == [.event(2, .deleted, "/a/b")])
    }

    @Test("One-shot watches beside a persistent one do not end it, and each change is told once")
    mutating func both() throws {
        try server.create("/a")
        try addWatch("/a", 0)
        try server.get("/a", watch: true, by: 2)
        try server.children("/a", watch: true, by: 2)
        for _ in 0..<2 {
            try server.set("/a", [])
            #expect(try server.events() == [.event(2, .dataChanged, "/a")])
        }
        try server.delete("/a")
        #expect(try server.events() == [.event(2, .deleted, "/a")])
    }

    @Test("A recursive watch takes the place of a persistent one, and the other way round")
    mutating func replaced() throws {
        try server.create("/a")
        try addWatch("/a", 0)
        try addWatch("/a", 1)
        try server.create("/a/b")
        #expect(try server.events() == [.event(2, .created, "/a/b")])
        try addWatch("/a", 0)
        try server.create("/a/c")
        #expect(try server.events() == [.event(2, .childrenChanged, "/a")])
    }

    @Test("Watches are looked for and removed by their kind")
    mutating func remove() throws {
        try server.create("/a")
        try server.get("/a", watch: true, by: 2)
        try watches(.checkWatches, "/a", 2)
        #expect(throws: ZooKeeperErrorCode.noWatcher) { try watches(.checkWatches, "/a", 1) }
        #expect(throws: ZooKeeperErrorCode.noWatcher) { try watches(.removeWatches, "/a", 1) }
        try watches(.removeWatches, "/a", 3)
        #expect(throws: ZooKeeperErrorCode.noWatcher) { try watches(.removeWatches, "/a", 3) }
        try addWatch("/a", 1)
        try watches(.removeWatches, "/a", 3)
        try server.create("/a/b")
        #expect(try server.events().isEmpty)
        #expect(throws: ZooKeeperErrorCode.marshallingError) { try watches(.checkWatches, "/a", 9) }
        #expect(throws: ZooKeeperErrorCode.marshallingError) { try addWatch("/a", 2) }
    }

    @Test("A closed connection leaves no watch behind")
    mutating func closed() throws {
        try addWatch("/a", 1)
        try addWatch("/b", 0)
        server.handle(.disconnected(ConnectionID(number: 2)))
        #expect(server.core.watches.count == 0)
        #expect(server.core.watches.watchers.isEmpty)
        try server.create("/a")
        #expect(try server.events().isEmpty)
    }

    @Test("Persistent watches come back with setWatches2")
    mutating func restored() throws {
        _ = try server.rawRequest(2, OperationCode.setWatches2.rawValue, xid: ReservedXID.setWatches) { writer in
            writer.long(0)
            for paths in [[], [], [], ["/a"], ["/b"]] as [[String]] { writer.vector(paths) { $0.string($1) } }
        }
        #expect(try server.events().isEmpty)
        try server.create("/a")
        #expect(try server.events() == [.event(2, .created, "/a")])
        try server.create("/b")
        try server.create("/b/c")
        #expect(try server.events() == [.event(2, .created, "/b/c")])
    }
}
