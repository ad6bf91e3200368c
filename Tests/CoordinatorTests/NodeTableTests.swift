import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("The tables of nodes")
struct NodeTableTests {
    @Test("Paths are found by their hash, whatever comes, goes and collides", arguments: 1...20 as ClosedRange<UInt64>)
    func paths(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // Few hashes, and all of them near the end of the table: collisions, and places that go round to its start.
        let range: Range<UInt32> = 0..<(seed % 2 == 0 ? 50 : .max)
        let hashes = (0..<400).map { _ in UInt32.max - UInt32.random(in: range, using: &generator) }
        var table = PathTable(hashes: Array(hashes.prefix(100)), from: 1)
        var present = Set(1...100 as ClosedRange<ZNodeIndex>)
        for _ in 0..<2000 {
            let index = ZNodeIndex.random(in: 1...400, using: &generator)
            let hash = hashes[Int(index) - 1]
            if present.remove(index) != nil {
                table.remove(index, hash: hash)
            } else {
                present.insert(index)
                table.insert(index, hash: hash)
            }
            table.remove(1000, hash: hash)
        }
        #expect(table.count == present.count, "seed \(seed)")
        for (offset, hash) in hashes.enumerated() {
            let index = ZNodeIndex(offset + 1)
            #expect(table.first(hash) { $0 == index } == (present.contains(index) ? index : nil), "seed \(seed)")
        }
    }

    @Test("A time and a list's number share their place and leave each other alone")
    func birth() {
        var record = ZNodeRecord()
        for time in [0, -1, 1_700_000_000_000, -(1 << 47), (1 << 47) - 1] as [Int64] {
            for acl in [0, 1, .max] as [UInt16] {
                record.ctime = time
                record.lowACL = acl
                #expect((record.ctime, record.lowACL) == (time, acl))
                record.ctime = 5
                #expect((record.ctime, record.lowACL) == (5, acl))
            }
        }
        (record.ctime, record.lowACL) = (.max, 7)
        #expect((record.ctime, record.lowACL) == ((1 << 47) - 1, 7))
        record.ctime = .min
        #expect((record.ctime, record.lowACL) == (-(1 << 47), 7))
        #expect(MemoryLayout<ZNodeRecord>.stride == 40)
    }

    @Test("More lists than 16 bits can number, kept through a snapshot and given back")
    func lists() throws {
        var core = TestCoordinator().core
        let list = { (number: Int) in [ACL(permissions: Permission.all, scheme: "digest", id: "user:\(number)")] }
        let numbers = 0..<70_000
        for number in numbers {
            core.tree.create("/n\(number)", data: nil, acl: list(number), kind: .persistent, zxid: 1, time: 1)
        }
        core.tree.setACL("/n1", list(69_999))
        let files = try LogFiles()
        try Snapshot(core).write(to: files.directory.path)
        let path = try #require(Snapshot.files(in: files.directory.path).last)
        for var tree in [core.tree, try SnapshotReader(path).tree] {
            let wrong = numbers.filter { number in
                tree.find("/n\(number)").map { tree.acl(of: $0) } != list(number == 1 ? 69_999 : number)
            }
            #expect(wrong.isEmpty)
            for number in numbers { tree.delete("/n\(number)", zxid: 2) }
            #expect(tree.acls.count == 2)
        }
    }
}
