import Foundation
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("The files of an Apache ZooKeeper (reference, 17)")
struct ZooKeeperFilesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(directory.path)/\(name)"))
    }

    private func record(_ zxid: Int64, _ type: Int32, _ body: (inout JuteWriter) -> Void) -> [UInt8] {
        var transaction = JuteWriter()
        transaction.long(1)
        transaction.int(0)
        transaction.long(zxid)
        transaction.long(1000 + zxid)
        transaction.int(type)
        body(&transaction)
        var writer = JuteWriter()
        writer.long(Int64(Adler32.of(transaction.bytes[...])))
        writer.buffer(transaction.bytes)
        writer.byte(0x42)
        return writer.bytes
    }

    private func creation(_ zxid: Int64, _ path: String, parentVersion: Int32) -> [UInt8] {
        record(zxid, 1) { writer in
            writer.string(path)
            writer.buffer([1])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.bool(false)
            writer.int(parentVersion)
        }
    }

    private func log(_ records: [[UInt8]]) -> [UInt8] {
        var writer = JuteWriter()
        writer.int(0x5a4b_4c47)
        writer.int(2)
        writer.long(0)
        return writer.bytes + records.joined() + [UInt8](repeating: 0, count: 100)
    }

    /// A snapshot with nodes of these paths.
    static func snapshot(_ paths: [String]) -> [UInt8] {
        var writer = JuteWriter()
        writer.int(0x5a4b_534e)
        writer.int(2)
        writer.long(-1)
        writer.int(0)
        writer.int(0)
        for path in [""] + paths {
            writer.string(path)
            writer.buffer([9])
            writer.long(-1)
            for _ in 0..<4 { writer.long(7) }
            for _ in 0..<3 { writer.int(1) }
            writer.long(0)
            writer.long(7)
        }
        writer.string("/")
        let checksum = Adler32.of(writer.bytes[...])
        writer.long(Int64(checksum))
        writer.string("/")
        return writer.bytes
    }

    private func read() throws -> ZooKeeperFiles {
        try ZooKeeperFiles(dataDirectory: directory.path, logDirectory: directory.path)
    }

    @Test(
        "A log that was written while the snapshot was taken ends in the same tree, whatever the snapshot has already")
    func fuzzySnapshot() throws {
        try write("snapshot.a", Self.snapshot(["/n", "/n/child", "/kept"]))
        let deletion = record(12, 2) { $0.string("/n") }
        try write(
            "log.b",
            log([
                creation(11, "/n", parentVersion: 2), deletion, creation(13, "/n", parentVersion: 3),
                creation(14, "/n/child", parentVersion: 1),
            ]))
        let files = try read()
        #expect(files.lastZxid == 14)
        #expect(Set(files.tree.nodes.keys.map(\.text)) == ["/", "/n", "/n/child", "/kept"])
        #expect(files.tree["/n"]?.stat.czxid == 13)
        #expect(files.tree["/n"]?.createdChildren == 1)
        #expect(files.tree["/"]?.createdChildren == 3)
    }

    @Test("A damaged snapshot is passed over for an older one, and a torn record ends the newest log")
    func damage() throws {
        try write("snapshot.5", Self.snapshot(["/old"]))
        try write("snapshot.9", Self.snapshot(["/new"]).dropLast(20))
        let whole = log([creation(6, "/a", parentVersion: 2), creation(7, "/b", parentVersion: 3)])
        try write("log.6", Array(whole.dropLast(103)))
        let files = try read()
        #expect(Set(files.tree.nodes.keys.map(\.text)) == ["/", "/old", "/a"])
        #expect(files.notes.count == 1)
        try write("log.8", log([]))
        #expect(throws: LogError.self) { try read() }
    }

    @Test("A log that is missing is missed: before all others, without a snapshot, and between two")
    func missingLog() throws {
        let node = { (zxid: Int64) in self.log([self.creation(zxid, "/n\(zxid)", parentVersion: 1)]) }
        try write("log.3", node(3))
        #expect(try #require(throws: LogError.self) { try read() }.description.contains("no snapshot of what came"))
        try write("snapshot.2", Self.snapshot([]))
        #expect(try read().lastZxid == 3)
        try write("log.5", node(5))
        #expect(try #require(throws: LogError.self) { try read() }.description.contains("a log between them"))
        try write("log.4", node(4))
        // A new leader of an ensemble numbers its transactions anew.
        try write("log.200000001", node(0x2_0000_0001))
        #expect(try read().lastZxid == 0x2_0000_0001)
    }

    @Test("Usage of a quota goes on from a snapshot through the logs behind it")
    func quotaUsage() throws {
        let quota = "/zookeeper/quota/q"
        try write(
            "snapshot.a",
            Self.snapshot(["/zookeeper", "/zookeeper/quota", quota, "\(quota)/zookeeper_limits", "/q"]))
        let usage = record(11, 1) { writer in
            writer.string("\(quota)/zookeeper_stats")
            writer.buffer([])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.bool(false)
            writer.int(2)
        }
        try write("log.b", log([usage, creation(12, "/q/a", parentVersion: 2)]))
        #expect(try read().tree["\(quota)/zookeeper_stats"]?.data == Array("count=2,bytes=2".utf8))
    }

    @Test("The owner's field says what a node is")
    func owners() {
        #expect(ZNodeKind(zooKeeperOwner: .min) == .container)
        #expect(ZNodeKind(zooKeeperOwner: Int64(bitPattern: 0xff00_0000_0000_0064)) == .ttl(100))
        #expect(ZNodeKind(zooKeeperOwner: 0x1000_0000_0000) == .ephemeral(session: 0x1000_0000_0000))
    }
}
