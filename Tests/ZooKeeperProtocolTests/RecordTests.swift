import ServiceKit
import Testing

@testable import ZooKeeperProtocol

@Suite("Records of the client protocol (reference, 1 to 3)")
struct RecordTests {
    private func written(_ build: (inout JuteWriter) -> Void) -> [UInt8] {
        var writer = JuteWriter()
        build(&writer)
        return writer.bytes
    }

    private static var stat: Stat {
        var stat = Stat()
        stat.czxid = 1
        stat.mzxid = 2
        stat.ctime = 3
        stat.mtime = 4
        stat.version = 5
        stat.cversion = -1
        stat.aversion = 7
        stat.ephemeralOwner = .min
        stat.dataLength = 9
        stat.numChildren = 10
        stat.pzxid = .max
        return stat
    }

    @Test("A stat has 68 bytes, its fields in order")
    func statBytes() throws {
        let bytes = written { Self.stat.write(to: &$0) }
        #expect(bytes.count == 68)
        #expect(bytes[0..<8] == [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(bytes[32..<36] == [0, 0, 0, 5])
        #expect(bytes[44..<52] == [0x80, 0, 0, 0, 0, 0, 0, 0])
        #expect(bytes[60..<68] == [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
        var reader = JuteReader(bytes)
        #expect(try Stat(from: &reader) == Self.stat)
        #expect(reader.isAtEnd)
    }

    @Test("A connect request may lack its last byte, as clients before 3.4 send it", arguments: [nil, true, false])
    func connectRequest(readOnly: Bool?) throws {
        var request = ConnectRequest()
        request.lastZxidSeen = 5
        request.timeout = 10_000
        request.sessionID = -7
        request.password = [UInt8](0..<16)
        request.readOnly = readOnly
        let bytes = written { request.write(to: &$0) }
        #expect(bytes.count == (readOnly == nil ? 44 : 45))
        var reader = JuteReader(bytes)
        #expect(try ConnectRequest(from: &reader) == request)
    }

    @Test("A connect response mirrors it", arguments: [nil, true, false])
    func connectResponse(readOnly: Bool?) throws {
        var response = ConnectResponse()
        response.timeout = 4000
        response.sessionID = 9
        response.readOnly = readOnly
        let bytes = written { response.write(to: &$0) }
        #expect(bytes.count == (readOnly == nil ? 36 : 37))
        var reader = JuteReader(bytes)
        #expect(try ConnectResponse(from: &reader) == response)
    }

    @Test("Headers and access control lists read back equal")
    func others() throws {
        let header = ReplyHeader(xid: -1, zxid: .max, error: -101)
        var reader = JuteReader(written { header.write(to: &$0) })
        #expect(try ReplyHeader(from: &reader) == header)
        #expect(written { MultiHeader.end.write(to: &$0) } == [0xff, 0xff, 0xff, 0xff, 1, 0xff, 0xff, 0xff, 0xff])
        reader = JuteReader(written { MultiHeader.end.write(to: &$0) })
        #expect(try MultiHeader(from: &reader) == .end)
        let acl = ACL(permissions: 31, scheme: "digest", id: "u:x")
        reader = JuteReader(written { acl.write(to: &$0) })
        #expect(try ACL(from: &reader) == acl)
    }

    @Test("The flags of a create say what the node is")
    func createMode() {
        #expect(CreateMode.allCases.map(\.rawValue) == Array(0...6))
        #expect(CreateMode.allCases.filter(\.isEphemeral) == [.ephemeral, .ephemeralSequential])
        #expect(CreateMode.allCases.filter(\.isSequential).map(\.rawValue) == [2, 3, 6])
        #expect(CreateMode.allCases.filter(\.hasTTL).map(\.rawValue) == [5, 6])
    }

    @Test("Cut or random bytes never crash a reader", arguments: 1...4 as ClosedRange<UInt64>)
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            var bytes = (0..<Int.random(in: 0...50, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            for index in bytes.indices where Int.random(in: 0...3, using: &generator) > 0 { bytes[index] = 0 }
            var readers = [JuteReader](repeating: JuteReader(bytes), count: 7)
            _ = try? Stat(from: &readers[0])
            _ = try? ACL(from: &readers[1])
            _ = try? ConnectRequest(from: &readers[2])
            _ = try? ConnectResponse(from: &readers[3])
            _ = try? ReplyHeader(from: &readers[4])
            _ = try? MultiHeader(from: &readers[5])
            _ = try? readers[6].vector(ACL.init)
        }
    }
}
