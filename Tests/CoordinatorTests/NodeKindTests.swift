import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Containers, nodes with a time to live, quotas (reference, 6 and 11)")
struct NodeKindTests {
    private var server = TestCoordinator(configure: {
        $0.allowsTTL = true
        $0.enforcesQuota = true
    })

    init() throws { try server.connect(1, timeout: 40_000) }

    private mutating func create(_ path: String, _ mode: Int32, ttl: Int64? = nil) throws -> (String, Stat) {
        var reader = try server.request(1, ttl == nil ? .createContainer : .createTTL) { writer in
            writer.string(path)
            writer.buffer([])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.int(mode)
            if let ttl { writer.long(ttl) }
        }
        return (try reader.text(), try Stat(from: &reader))
    }

    /// Lets the time pass, with the session kept alive.
    private mutating func wait(minutes: Int64) throws {
        for _ in 0..<minutes * 2 {
            server.now = server.now + .seconds(30)
            try server.exists("/")
            server.handle(.tick)
        }
    }

    @Test("A container goes when it had a child and has none any more")
    mutating func container() throws {
        #expect(try create("/c", 4).1.ephemeralOwner == 0)
        try wait(minutes: 3)
        try server.create("/c/x")
        try wait(minutes: 3)
        try server.delete("/c/x")
        try server.exists("/c", watch: true)
        try wait(minutes: 2)
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.exists("/c") }
        #expect(server.core.tree.mortals.isEmpty)
    }

    @Test("A node with a time to live goes when it has no children and was not changed for so long")
    mutating func timeToLive() throws {
        let (path, stat) = try create("/t", 6, ttl: 100_000)
        #expect(path == "/t0000000000")
        #expect(stat.ephemeralOwner == 0)
        try server.create("\(path)/child")
        try wait(minutes: 5)
        try server.delete("\(path)/child")
        try server.set(path, [1])
        try wait(minutes: 1)
        try server.exists(path)
        try wait(minutes: 3)
        #expect(throws: ZooKeeperErrorCode.noNode) { try server.exists(path) }
    }

    @Test("Times to live are refused out of range, for other nodes, and where they are not allowed")
    mutating func invalid() throws {
        for ttl in [0, -1, 1 << 40] as [Int64] {
            #expect(throws: ZooKeeperErrorCode.badArguments) { try create("/t", 5, ttl: ttl) }
        }
        #expect(throws: ZooKeeperErrorCode.badArguments) { try create("/t", 0, ttl: 5) }
        server = TestCoordinator()
        try server.connect(1)
        #expect(throws: ZooKeeperErrorCode.unimplemented) { try create("/t", 5, ttl: 5) }
    }

    @Test("Kinds and quotas come back from the log")
    mutating func replay() throws {
        _ = try create("/c", 4)
        _ = try create("/t", 5, ttl: 100)
        try quota("/c", "count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=3")
        var second = TestCoordinator()
        for entry in server.log { second.core.recover(try LogEntry(entry.bytes[...])) }
        second.core.finishRecovery(at: second.now)
        #expect(second.core.tree.nodes == server.core.tree.nodes)
        #expect(second.core.tree.mortals.count == 2)
        #expect(second.core.tree.quotas.nearest("/c/d/e") == "/c")
    }

    private mutating func quota(_ path: String, _ limits: String) throws {
        try server.create("/zookeeper/quota\(path)")
        try server.create("/zookeeper/quota\(path)/zookeeper_limits", Array(limits.utf8))
        try server.create("/zookeeper/quota\(path)/zookeeper_stats", Array("count=0,bytes=0".utf8))
    }

    private func usage(_ path: String) -> String? {
        server.core.tree["/zookeeper/quota\(path)/zookeeper_stats"]?.data.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("Usage below a quota is counted: what was there, what comes, changes and goes")
    mutating func usageCounts() throws {
        try server.create("/q", [1, 2, 3])
        try server.create("/q/a", [1])
        try quota("/q", "count=10,bytes=10")
        #expect(usage("/q") == "count=2,bytes=4")
        try server.create("/q/b", [1, 2])
        try server.set("/q/a", [])
        try server.create("/r", [1])
        #expect(usage("/q") == "count=3,bytes=5")
        try server.delete("/q/b")
        #expect(usage("/q") == "count=2,bytes=3")
    }

    @Test("Hard limits refuse, soft ones do not")
    mutating func hardLimits() throws {
        try server.create("/q")
        try quota("/q", "count=1,bytes=1=;byteHardLimit=4;countHardLimit=3")
        try server.create("/q/a", [1, 2])
        try server.create("/q/b", [1, 2])
        #expect(throws: ZooKeeperErrorCode.quotaExceeded) { try server.create("/q/c") }
        #expect(throws: ZooKeeperErrorCode.quotaExceeded) { try server.set("/q/a", [1, 2, 3]) }
        try server.set("/q/a", [1])
        try server.delete("/zookeeper/quota/q/zookeeper_limits")
        try server.create("/q/c")
    }

    @Test("A soft limit that is exceeded is noted, by one request as by several together")
    mutating func softLimits() throws {
        try server.create("/q")
        try quota("/q", "count=1,bytes=-1")
        let isNoted = { (effects: [CoordinatorEffect]) in
            effects.contains { if case .overQuota("/q", _, _) = $0 { true } else { false } }
        }
        try server.create("/q/a")
        #expect(isNoted(server.effects))
        try server.request(1, .multi) { writer in
            MultiHeader(type: OperationCode.create.rawValue, isDone: false, error: -1).write(to: &writer)
            writer.string("/q/b")
            writer.buffer([])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.int(0)
            MultiHeader.end.write(to: &writer)
        }
        #expect(isNoted(server.effects))
    }
}
