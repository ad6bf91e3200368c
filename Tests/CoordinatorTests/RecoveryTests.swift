import Foundation
import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Starting again from disk")
struct RecoveryTests {
    private let files: LogFiles

    init() throws { files = try LogFiles() }

    private func creates(_ range: ClosedRange<Int64>) -> [LogEntry] {
        range.map {
            LogEntry(
                zxid: $0, time: $0, transaction: .create(path: "/n\($0)", data: [], acl: ACL.open, kind: .persistent))
        }
    }

    @Test("An empty directory starts an empty server with a first segment")
    func first() throws {
        let core = try files.recover()
        #expect(core.lastZxid == 0)
        #expect(files.segments == ["\(files.directory.path)/log.0000000000000001"])
    }

    @Test("Starting again and again without a change leaves one empty segment")
    func idle() throws {
        for _ in 0..<3 { _ = try files.recover() }
        #expect(files.segments.count == 1)
    }

    @Test("Entries of all segments come back, and the next segment starts behind them")
    func segments() throws {
        _ = try files.segment(creates(1...3), first: 1)
        _ = try files.segment(creates(4...5), first: 4, zeros: 20)
        let core = try files.recover()
        #expect(core.lastZxid == 5)
        #expect(core.tree["/n5"] != nil)
        #expect(files.segments.count == 3)
        #expect(try files.recover().lastZxid == 5)
        #expect(files.segments.count == 3)
    }

    @Test("What a crash tore off is gone from disk before the next segment starts")
    func tornThenAgain() throws {
        let (path, offsets) = try files.segment(creates(1...3), first: 1)
        try files.edit(path) { $0 = Array($0[..<(offsets[2] + 5)]) }
        #expect(try files.recover().lastZxid == 2)
        #expect(files.segments.last?.hasSuffix("log.0000000000000003") == true)
        #expect(try files.recover().lastZxid == 2)
        #expect(try LogSegment.entries(of: path, isNewest: false) == creates(1...2))
    }

    @Test("Damage in the middle stops the start and changes nothing")
    func damage() throws {
        let (path, offsets) = try files.segment(creates(1...5))
        try files.edit(path) { $0[offsets[1] + 9] ^= 1 }
        let before = try SystemFiles().content(path)
        #expect(throws: LogError.self) { try files.recover() }
        #expect(try SystemFiles().content(path) == before)
        #expect(files.segments == [path])
    }

    @Test("A file that a crash left half replaced does not count as a segment")
    func leftOver() throws {
        let (path, offsets) = try files.segment(creates(1...3), first: 1)
        // The crash tore the last record; the other file is none of ours.
        try files.edit(path) { $0 = Array($0[..<(offsets[2] + 5)]) }
        try files.edit("\(path).new") { $0 = Array(WriteAheadLog.magic[..<4]) }
        #expect(try files.recover().lastZxid == 2)
    }

    @Test("What a crash left of a snapshot is removed")
    func unfinishedSnapshot() throws {
        let unfinished = "\(files.directory.path)/snapshot.0000000000000002.new"
        try files.edit(unfinished) { $0 = [1, 2, 3] }
        _ = try files.segment(creates(1...3), first: 1)
        #expect(try files.recover().lastZxid == 3)
        #expect(!FileManager.default.fileExists(atPath: unfinished))
    }

    @Test("A snapshot reads back with nodes, children, ephemerals and sessions")
    func snapshot() throws {
        var server = TestCoordinator()
        try server.connect(1)
        try server.create("/a", nil)
        try server.create("/a/e", [1], mode: .ephemeralSequential)
        try server.set("/a", [2])
        try Snapshot(server.core).write(to: files.directory.path)
        let path = try #require(Snapshot.files(in: files.directory.path).first)
        #expect(path.hasSuffix("/snapshot.0000000000000004"))
        let read = try SnapshotReader(path)
        #expect(read.zxid == 4)
        #expect(read.tree.nodes == server.core.tree.nodes)
        #expect(read.sessions.mapValues(\.password) == server.core.sessions.mapValues(\.password))
        _ = try files.segment([], first: 5)
        let core = try files.recover()
        #expect(core.tree.nodes == server.core.tree.nodes)
        #expect(core.tree.ephemeralPaths == server.core.tree.ephemeralPaths)
        #expect(core.sessions.keys == server.core.sessions.keys)
        #expect(core.lastZxid == 4)
    }

    @Test("The newest snapshot and the entries behind it come back; entries that it holds are passed over")
    func snapshotAndLog() throws {
        var server = TestCoordinator()
        for entry in creates(1...3) { server.core.recover(entry) }
        try Snapshot(CoordinatorCore(configuration: .init(), startedAt: TestCoordinator.start))
            .write(to: files.directory.path)
        try Snapshot(server.core).write(to: files.directory.path)
        _ = try files.segment(creates(2...6), first: 2)
        let core = try files.recover()
        #expect(core.lastZxid == 6)
        for entry in creates(4...6) { server.core.recover(entry) }
        #expect(core.tree.nodes == server.core.tree.nodes)
    }

    @Test("A snapshot whose log is not there is refused until somebody gives the log up")
    func lostLog() throws {
        var server = TestCoordinator()
        for entry in creates(1...3) { server.core.recover(entry) }
        try Snapshot(server.core).write(to: files.directory.path)
        let error = try #require(throws: LogError.self) { try files.recover() }
        #expect(error.description.contains("the log is missing"))
        let agreement = "\(files.directory.path)/\(Recovery.initializeName)"
        try Data().write(to: URL(fileURLWithPath: agreement))
        #expect(try files.recover().lastZxid == 3)
        #expect(!FileManager.default.fileExists(atPath: agreement))
        // It left a segment.
        #expect(try files.recover().lastZxid == 3)
    }

    @Test("A log that goes missing soon after the first start is missed as well")
    func lostFirstLog() throws {
        _ = try files.recover()
        for path in files.segments { SystemFiles().remove(path) }
        #expect(throws: LogError.self) { try files.recover() }
    }

    @Test("A segment that is missing is missed, even if those behind it hold nothing")
    func missingSegment() throws {
        let (first, _) = try files.segment(creates(1...3), first: 1)
        let (second, _) = try files.segment(creates(4...6), first: 4)
        _ = try files.segment([], first: 7)
        let whole = try SystemFiles().content(second)
        for damage in [nil, [UInt8](repeating: 0, count: 5000)] {
            SystemFiles().remove(second)
            if let damage { try Data(damage).write(to: URL(fileURLWithPath: second)) }
            let error = try #require(throws: LogError.self) { try files.recover() }
            #expect(error.description.contains("begins at zxid 0x7, but what comes before it ends at 0x3"))
        }
        try files.edit(second) { $0 = whole }
        SystemFiles().remove(first)
        #expect(throws: LogError.self) { try files.recover() }
    }

    @Test("Usage of a quota goes on from a snapshot through the log behind it")
    func quotaUsage() throws {
        var server = TestCoordinator()
        try server.connect(1)
        try server.create("/q")
        for name in ["", "/zookeeper_limits", "/zookeeper_stats"] {
            try server.create("/zookeeper/quota/q\(name)", Array("count=9,bytes=90".utf8))
        }
        try Snapshot(server.core).write(to: files.directory.path)
        let written = server.log.count
        try server.create("/q/a", [1, 2, 3])
        let entries = try server.log[written...].map { try LogEntry($0.bytes[...]) }
        _ = try files.segment(entries, first: try #require(entries.first).zxid)
        let core = try files.recover()
        #expect(core.tree["/zookeeper/quota/q/zookeeper_stats"]?.data == Array("count=2,bytes=3".utf8))
    }

    @Test("A damaged snapshot is refused by name")
    func damagedSnapshot() throws {
        let server = TestCoordinator()
        try Snapshot(server.core).write(to: files.directory.path)
        let path = try #require(Snapshot.files(in: files.directory.path).first)
        let whole = try SystemFiles().content(path)
        for content in [
            Array(whole.dropLast()), whole + [0], [], Array(whole.prefix(8)), [UInt8(0)] + whole.dropFirst(),
        ] {
            try files.edit(path) { $0 = content }
            let error = try #require(throws: LogError.self) { try SnapshotReader(path) }
            #expect(error.description.hasPrefix(path))
        }
    }
}
