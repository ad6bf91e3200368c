import Foundation
import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

/// What is read from the network before there is a session, and from files: damaged in every way.
/// `CASES=1000000` plays as many for each seed.
@Suite("Damaged records")
struct RecordFuzzTests {
    private static let cases = ProcessInfo.processInfo.environment["CASES"].flatMap { Int($0) } ?? 500_000

    private static let entries: [[UInt8]] = {
        let acl = ACL.open + [ACL(permissions: 1, scheme: "digest", id: "a:b")]
        let changes: [Transaction] = [
            .createSession(id: 7, timeout: 4000, password: [1, 2, 3]), .closeSession(id: 7),
            .create(path: "/a/b", data: [1, 2], acl: acl, kind: .ephemeral(session: 7)),
            .create(path: "/ü", data: nil, acl: acl, kind: .ttl(9)), .delete(path: "/a"),
            .setData(path: "/a", data: [3]), .setACL(path: "/a", acl: acl),
        ]
        return (changes + [.multi(changes)]).map { LogEntry(zxid: 5, time: 6, transaction: $0).bytes }
    }()

    @Test(
        "An entry of the log is read as something that is written the same again, or refused",
        arguments: 1...2 as ClosedRange<UInt64>)
    func entries(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var read = 0
        for number in 0..<Self.cases {
            let bytes = Damage.to(
                Self.entries.randomElement(using: &generator) ?? [], times: 1...3, using: &generator)
            guard let entry = try? LogEntry(bytes[...]) else { continue }
            read += 1
            try #require(try LogEntry(entry.bytes[...]) == entry, "seed \(seed), case \(number)")
        }
        #expect(read > 0 && read < Self.cases)
    }

    @Test("A greeting is read or refused", arguments: 1...2 as ClosedRange<UInt64>)
    func greetings(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var writer = JuteWriter()
        var greeting = ConnectRequest()
        greeting.password = [UInt8](repeating: 1, count: 16)
        greeting.readOnly = true
        greeting.write(to: &writer)
        var read = 0
        for _ in 0..<Self.cases {
            var reader = JuteReader(Damage.to(writer.bytes, times: 1...3, using: &generator))
            if (try? ConnectRequest(from: &reader)) != nil { read += 1 }
        }
        #expect(read > 0 && read < Self.cases)
    }

    @Test("A ZooKeeper's snapshot is refused when its checksum is wrong", arguments: 1...2 as ClosedRange<UInt64>)
    func snapshots(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let whole = ZooKeeperFilesTests.snapshot(["/a", "/a/b", "/c"])
        _ = try ZooKeeperSnapshot.read(whole)
        for number in 0..<(Self.cases / 10) {
            let bytes = Damage.to(whole, times: 1...3, using: &generator)
            guard bytes != whole, (try? ZooKeeperSnapshot.read(bytes)) != nil else { continue }
            // What stands behind the checksum is not under it.
            try #require(bytes.prefix(whole.count - 5) == whole.prefix(whole.count - 5), "seed \(seed), case \(number)")
        }
    }
}
