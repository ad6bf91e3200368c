import Foundation
import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

/// Requests of every kind, damaged in every way. `CASES=1000000` plays as many for each seed.
@Suite("Damaged requests")
struct RequestFuzzTests {
    private static let cases = ProcessInfo.processInfo.environment["CASES"].flatMap { Int($0) } ?? 50_000

    /// A whole request of each operation.
    private static let requests: [[UInt8]] = {
        func request(_ operation: OperationCode, _ body: (inout JuteWriter) -> Void) -> [UInt8] {
            var writer = JuteWriter()
            writer.int(1)
            writer.int(operation.rawValue)
            body(&writer)
            return writer.bytes
        }
        func creation(_ writer: inout JuteWriter, _ flags: Int32) {
            writer.string("/a/n")
            writer.buffer([1, 2, 3])
            writer.vector([ACL(permissions: 31, scheme: "ip", id: "10.0.0.0/8")] + ACL.open) { $1.write(to: &$0) }
            writer.int(flags)
        }
        let pathAndNumber: [OperationCode] = [.delete, .check, .addWatch, .removeWatches, .checkWatches]
        let pathAndFlag: [OperationCode] = [.exists, .getData, .getChildren, .getChildren2]
        let pathAlone: [OperationCode] = [.getACL, .sync, .getEphemerals, .getAllChildrenNumber]
        var all = [OperationCode.create, .create2, .createContainer].map { code in
            request(code) { creation(&$0, 2) }
        }
        all += pathAndNumber.map { code in
            request(code) {
                $0.string("/a")
                $0.int(1)
            }
        }
        all += pathAndFlag.map { code in
            request(code) {
                $0.string("/a")
                $0.bool(true)
            }
        }
        all += pathAlone.map { code in request(code) { $0.string("/a") } }
        all += [OperationCode.ping, .whoAmI, .closeSession].map { code in request(code) { _ in } }
        all.append(
            request(.createTTL) {
                creation(&$0, 5)
                $0.long(1000)
            })
        all.append(
            request(.setData) {
                $0.string("/a")
                $0.buffer([9])
                $0.int(-1)
            })
        all.append(
            request(.setACL) { writer in
                writer.string("/a")
                writer.vector(ACL.open) { $1.write(to: &$0) }
                writer.int(-1)
            })
        all.append(
            request(.auth) {
                $0.int(0)
                $0.string("digest")
                $0.buffer(Array("a:b".utf8))
            })
        all.append(request(.sasl) { $0.buffer(Array("username=\"a\",nonce=b".utf8)) })
        all.append(
            request(.setWatches2) { writer in
                writer.long(0)
                for path in ["/a", "/b", "/c", "/d", "/e"] { writer.vector([path]) { $0.string($1) } }
            })
        all.append(
            request(.multi) { writer in
                for flags in [Int32(0), 1] {
                    MultiHeader(type: 1, isDone: false, error: -1).write(to: &writer)
                    creation(&writer, flags)
                }
                MultiHeader.end.write(to: &writer)
            })
        all.append(
            request(.multiRead) { writer in
                MultiHeader(type: 4, isDone: false, error: -1).write(to: &writer)
                writer.string("/a")
                writer.bool(false)
                MultiHeader.end.write(to: &writer)
            })
        return all
    }()

    private static func damaged(_ generator: inout SeededGenerator) -> [UInt8] {
        Damage.to(requests.randomElement(using: &generator) ?? [], times: 0...3, using: &generator)
    }

    @Test(
        "Each is answered or ends its connection, and the log replays to the same tree",
        arguments: 1...4 as ClosedRange<UInt64>)
    func fuzz(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var server = TestCoordinator(configure: {
            $0.allowsTTL = true
            $0.saslPasswords = ["a": "b"]
        })
        for number in 0..<Self.cases {
            let connection = UInt64.random(in: 1...3, using: &generator)
            let id = ConnectionID(number: connection)
            if server.core.sessionOf[id] == nil {
                server.handle(.disconnected(id))
                try server.connect(connection)
            }
            server.handle(.request(id, Self.damaged(&generator)))
            let isAnswered = server.effects.contains { effect in
                switch effect {
                case .send(id, let frame): Self.isWhole(frame)
                case .close(id): true
                default: false
                }
            }
            try #require(isAnswered, "seed \(seed), case \(number)")
        }
        var second = TestCoordinator()
        for entry in server.log { second.core.recover(try LogEntry(entry.bytes[...])) }
        second.core.finishRecovery(at: second.now)
        try #require(second.core.tree.nodes == server.core.tree.nodes, "seed \(seed)")
        #expect(second.core.tree.size == server.core.tree.size)
    }

    /// Whether a frame says its own length and has the header of a reply.
    private static func isWhole(_ frame: [UInt8]) -> Bool {
        var reader = JuteReader(frame)
        guard let length = try? reader.int() else { return false }
        return Int(length) == frame.count - 4 && frame.count >= 20
    }
}
