import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("The log on disk")
struct WriteAheadLogTests {
    private let files: LogFiles

    init() throws { files = try LogFiles() }

    @Test("CRC-32C of RFC 3720, appendix B.4")
    func checksum() {
        #expect(Checksum.crc32c([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(Checksum.crc32c([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(Checksum.crc32c([UInt8](0..<32)) == 0x46dd_794e)
        #expect(Checksum.crc32c(Array("123456789".utf8)) == 0xe306_9283)
        #expect(Checksum.crc32c([]) == 0)
    }

    @Test("Every kind of entry reads back equal")
    func entries() throws {
        let acl = ACL.open
        let simple: [Transaction] = [
            .createSession(id: -1, timeout: 4000, password: [1, 2]), .closeSession(id: 5),
            .create(path: "/é", data: nil, acl: acl, kind: .ephemeral(session: 7)),
            .create(path: "/a", data: [], acl: [], kind: .container),
            .create(path: "/t", data: [1], acl: acl, kind: .ttl(5)),
            .delete(path: "/a"), .setData(path: "/a", data: nil), .setData(path: "/a", data: [1]),
            .setACL(path: "/a", acl: acl + acl),
        ]
        for transaction in simple + [.multi(simple), .multi([])] {
            let entry = LogEntry(zxid: .max, time: -1, transaction: transaction)
            #expect(try LogEntry(entry.bytes[...]) == entry)
        }
        let nested = LogEntry(zxid: 1, time: 1, transaction: .multi([.multi([])]))
        #expect(throws: JuteError.self) { try LogEntry(nested.bytes[...]) }
    }

    @Test("What was appended is read back in order")
    func roundTrip() throws {
        let entries = LogFiles.entries(1...300)
        let (path, _) = try files.segment(entries, zeros: 100)
        #expect(try LogSegment.entries(of: path, isNewest: true) == entries)
        #expect(try LogSegment.entries(of: path, isNewest: false) == entries)
    }

    @Test("Names of segments sort as their zxids and tell them", arguments: [0, 1, 255, 256, 1 << 40, Int64.max])
    func names(zxid: Int64) {
        let name = WriteAheadLog.name(zxid: zxid)
        #expect(name.count == 20)
        #expect(WriteAheadLog.firstZxid(of: "/some.dir/\(name)") == zxid)
        #expect(zxid == 0 || WriteAheadLog.name(zxid: zxid - 1) < name)
    }

    @Test("A segment without entries, or without anything, is empty")
    func empty() throws {
        let (path, _) = try files.segment([], zeros: 10)
        #expect(try LogSegment.entries(of: path, isNewest: false).isEmpty)
        for content in [[], [UInt8](repeating: 0, count: 5000)] {
            try files.edit(path) { $0 = content }
            #expect(try LogSegment.entries(of: path, isNewest: true).isEmpty)
            // Before others as well: a start goes on behind it first, and then takes it away.
            #expect(try LogSegment.entries(of: path, isNewest: false).isEmpty)
        }
    }

    @Test("A record that a crash cut short ends the newest segment, wherever it was cut")
    func tornTail() throws {
        let entries = LogFiles.entries(1...3)
        let (path, offsets) = try files.segment(entries)
        for length in offsets[2] + 1..<offsets[3] {
            for zeros in [0, 64] {
                try files.edit(path) { content in
                    content = Array(content[..<min(length, content.count)]) + [UInt8](repeating: 0, count: zeros)
                }
                let found = try LogSegment.entries(of: path, isNewest: true)
                try #require(found == Array(entries[..<2]), "cut at \(length), \(zeros) zeros")
            }
            _ = try files.segment(entries)
        }
    }

    @Test("The same damage in an older segment is an error")
    func tornOlder() throws {
        let (path, offsets) = try files.segment(LogFiles.entries(1...3))
        try files.edit(path) { $0 = Array($0[..<(offsets[3] - 1)]) }
        let error = try #require(throws: LogError.self) { try LogSegment.entries(of: path, isNewest: false) }
        #expect(error.description.hasPrefix("\(path): damaged record at offset \(offsets[2])"))
    }

    @Test("Damage in the middle is an error that names the file and the offset", arguments: [true, false])
    func damage(isNewest: Bool) throws {
        let (path, offsets) = try files.segment(LogFiles.entries(1...5), zeros: 100)
        // A bit of the checksum, the first byte of the entry, the last one.
        for place in [offsets[1] + 4, offsets[1] + 8, offsets[2] - 1] {
            try files.edit(path) { $0[place] ^= 1 }
            let error = try #require(throws: LogError.self) {
                try LogSegment.entries(of: path, isNewest: isNewest)
            }
            #expect(error.description.hasPrefix("\(path): damaged record at offset \(offsets[1]) before later ones"))
            try files.edit(path) { $0[place] ^= 1 }
        }
    }

    @Test("A damaged length in the middle is damage too", arguments: [0, 1, 2, 3])
    func damagedLength(byte: Int) throws {
        let (path, offsets) = try files.segment(LogFiles.entries(1...5), zeros: 100)
        try files.edit(path) { $0[offsets[1] + byte] ^= 0x40 }
        #expect(throws: LogError.self) { try LogSegment.entries(of: path, isNewest: true) }
    }

    @Test("A length of zero before later records is damage too")
    func zeroLength() throws {
        let (path, offsets) = try files.segment(LogFiles.entries(1...5), zeros: 100)
        try files.edit(path) { content in
            for place in offsets[1]..<offsets[1] + 4 { content[place] = 0 }
        }
        #expect(throws: LogError.self) { try LogSegment.entries(of: path, isNewest: true) }
    }

    @Test("A file of another kind is refused")
    func foreign() throws {
        let path = "\(files.directory.path)/log.1"
        try files.edit(path) { $0 = Array("ZKLG....".utf8) + [1, 2, 3] }
        #expect(throws: LogError.self) { try LogSegment.entries(of: path, isNewest: true) }
        #expect(throws: LogError.self) { try LogSegment.entries(of: "\(path).absent", isNewest: true) }
    }

    @Test("Random damage never crashes the reader and never invents entries", arguments: 1...3 as ClosedRange<UInt64>)
    func fuzz(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let entries = LogFiles.entries(1...20)
        let (path, _) = try files.segment(entries, zeros: 50)
        let whole = try SystemFiles().content(path)
        for _ in 0..<100 {
            var content = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<content.count, using: &generator)
                content[place] = UInt8.random(in: 0...255, using: &generator)
            }
            try files.edit(path) { $0 = content }
            guard let found = try? LogSegment.entries(of: path, isNewest: true) else { continue }
            try #require(entries.starts(with: found), "seed \(seed)")
        }
    }
}
