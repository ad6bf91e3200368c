import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Nodes (reference, 3, 5 and 6)")
struct TreeTests {
    private var server = TestCoordinator()

    init() throws { try server.connect(1) }

    @Test("An empty server has its own nodes")
    mutating func initial() throws {
        #expect(try server.children("/") == ["zookeeper"])
        #expect(try server.children("/zookeeper") == ["config", "quota"])
        #expect(server.core.tree.nodes.count == 4)
    }

    @Test("Data is kept as it is: null, empty or bytes", arguments: [nil, [], [0, 255]] as [[UInt8]?])
    mutating func data(content: [UInt8]?) throws {
        #expect(try server.create("/a", content) == "/a")
        let (data, stat) = try server.get("/a")
        #expect(data == content)
        #expect(stat.dataLength == Int32(content?.count ?? 0))
        try server.set("/a", nil)
        #expect(try server.get("/a").0 == nil)
    }

    @Test("A stat tells what happened to a node and its children")
    mutating func stat() throws {
        try server.create("/a")
        server.now = TestCoordinator.start + .seconds(1)
        try server.create("/a/x")
        try server.create("/a/y")
        try server.delete("/a/x")
        try server.set("/a", [1, 2])
        try server.set("/a/y", [])
        let stat = try server.get("/a").1
        let start = TestCoordinator.start.milliseconds
        #expect([stat.czxid, stat.mzxid, stat.pzxid] == [2, 6, 5])
        #expect([stat.ctime, stat.mtime] == [start, start + 1000])
        #expect([stat.version, stat.cversion, stat.aversion] == [1, 3, 0])
        #expect([stat.dataLength, stat.numChildren] == [2, 1])
        #expect(stat.ephemeralOwner == 0)
    }

    @Test("create2 answers with the stat as well, exists and getChildren2 too")
    mutating func stats() throws {
        var reader = try server.request(1, .create2) { writer in
            writer.string("/a")
            writer.buffer([1])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.int(0)
        }
        #expect(try reader.text() == "/a")
        let created = try Stat(from: &reader)
        #expect(created == (try server.exists("/a")))
        reader = try server.request(1, .getChildren2) {
            $0.string("/a")
            $0.bool(false)
        }
        #expect(try reader.int() == 0)
        #expect(try Stat(from: &reader) == created)
    }

    @Test("A sequential node is numbered by all creates of its parent; deletes do not count")
    mutating func sequence() throws {
        try server.create("/q")
        #expect(try server.create("/q/n-", mode: .persistentSequential) == "/q/n-0000000000")
        try server.create("/q/other")
        try server.delete("/q/other")
        #expect(try server.create("/q/n-", mode: .ephemeralSequential) == "/q/n-0000000002")
        try server.delete("/q/n-0000000002")
        #expect(try server.create("/q/", mode: .persistentSequential) == "/q/0000000003")
    }

    @Test(
        "A create that may not be is refused",
        arguments: [
            ("/a", .nodeExists), ("/a/", .badArguments), ("a", .badArguments), ("", .badArguments),
            ("/", .nodeExists),
            ("/b//c", .noNode), ("/b/c", .noNode), ("/e/c", .noChildrenForEphemerals), ("/..", .badArguments),
            ("/a\u{0}", .badArguments), ("/zookeeper/quota", .nodeExists),
        ] as [(String, ZooKeeperErrorCode)])
    mutating func createErrors(path: String, error: ZooKeeperErrorCode) throws {
        try server.create("/a")
        try server.create("/e", mode: .ephemeral)
        let count = server.log.count
        #expect(throws: error) { try server.create(path) }
        #expect(server.log.count == count)
    }

    @Test(
        "Flags of nodes that are not there are refused",
        arguments: [(5, -6), (6, -6), (7, -8), (-1, -8), (100, -8)] as [(Int32, Int32)])
    mutating func createFlags(flags: Int32, error: Int32) throws {
        let (header, _) = try server.rawRequest(1, OperationCode.create.rawValue, xid: 9) { writer in
            writer.string("/a")
            writer.buffer(nil)
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.int(flags)
        }
        #expect(header.error == error)
    }

    @Test("Versions guard changes; -1 guards nothing")
    mutating func versions() throws {
        try server.create("/a")
        #expect(throws: ZooKeeperErrorCode.badVersion) { try server.set("/a", [], version: 1) }
        #expect(try server.set("/a", [], version: 0).version == 1)
        #expect(try server.set("/a", [], version: -1).version == 2)
        #expect(throws: ZooKeeperErrorCode.badVersion) { try server.delete("/a", version: 1) }
        try server.delete("/a", version: 2)
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.exists("/a") }
    }

    @Test(
        "A delete that may not be is refused",
        arguments: [
            ("/a", .notEmpty), ("/absent", .noNode), ("/", .badArguments), ("/zookeeper", .badArguments),
            ("/zookeeper/config", .badArguments), ("a", .badArguments),
        ] as [(String, ZooKeeperErrorCode)])
    mutating func deleteErrors(path: String, error: ZooKeeperErrorCode) throws {
        try server.create("/a")
        try server.create("/a/b")
        #expect(throws: error) { try server.delete(path) }
        #expect(server.core.tree.nodes.count == 6)
    }

    @Test("Reads of what is not there say so, whatever the path", arguments: ["/absent", "/zookeeper/", "x", "//"])
    mutating func readErrors(path: String) {
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.get(path) }
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.exists(path) }
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.children(path) }
    }

    @Test("Writes look at the path first", arguments: ["/zookeeper/", "x", "", "//", "/a/../b"])
    mutating func writeErrors(path: String) {
        #expect(throws: ZooKeeperErrorCode.badArguments) { try server.set(path, []) }
    }

    @Test("Sync answers with its path, a check outside a multi is checked")
    mutating func syncAndCheck() throws {
        var reader = try server.request(1, .sync) { $0.string("/any") }
        #expect(try reader.text() == "/any")
        for (version, error) in [(0, nil), (-1, nil), (5, ZooKeeperErrorCode.badVersion)]
            as [(Int32, ZooKeeperErrorCode?)]
        {
            let (header, _) = try server.rawRequest(1, OperationCode.check.rawValue, xid: 7) {
                $0.string("/zookeeper")
                $0.int(version)
            }
            #expect(header.error == error?.rawValue ?? 0)
        }
        #expect(server.log.count == 1)
    }

    @Test("A reply carries the newest zxid, a write its own")
    mutating func zxids() throws {
        for expected in Int64(2)...4 {
            let (header, _) = try server.rawRequest(1, OperationCode.setData.rawValue, xid: 1) {
                $0.string("/")
                $0.buffer([])
                $0.int(-1)
            }
            #expect(header.zxid == expected)
        }
        let (header, _) = try server.rawRequest(1, OperationCode.ping.rawValue, xid: -2) { _ in }
        #expect(header.zxid == 4)
    }
}
