import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Multi (reference, 3.4)")
struct MultiTests {
    private enum Operation {
        case create(String, CreateMode)
        case create2(String)
        case delete(String)
        case set(String, Int32)
        case check(String, Int32)
    }

    private var server = TestCoordinator()

    init() throws {
        try server.connect(1)
        try server.connect(2)
    }

    private mutating func multi(_ operations: [Operation]) throws -> JuteReader {
        try server.request(1, .multi) { writer in
            for operation in operations { Self.write(operation, to: &writer) }
            MultiHeader.end.write(to: &writer)
        }
    }

    private static func write(_ operation: Operation, to writer: inout JuteWriter) {
        func header(_ code: OperationCode, _ path: String) {
            MultiHeader(type: code.rawValue, isDone: false, error: -1).write(to: &writer)
            writer.string(path)
        }
        func content(_ mode: CreateMode) {
            writer.buffer([])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.int(mode.rawValue)
        }
        switch operation {
        case .create(let path, let mode):
            header(.create, path)
            content(mode)
        case .create2(let path):
            header(.create2, path)
            content(.persistent)
        case .delete(let path):
            header(.delete, path)
            writer.int(-1)
        case .set(let path, let version):
            header(.setData, path)
            writer.buffer([1])
            writer.int(version)
        case .check(let path, let version):
            header(.check, path)
            writer.int(version)
        }
    }

    /// The errors of a failed multi, one for each operation.
    private func errors(_ reader: JuteReader) throws -> [Int32] {
        var reader = reader
        var errors: [Int32] = []
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { return errors }
            #expect(header.type == -1)
            errors.append(try reader.int())
            #expect(header.error == errors.last)
        }
    }

    @Test("All operations succeed in one transaction, each sees those before it")
    mutating func success() throws {
        var reader = try multi([
            .create("/a", .persistent), .check("/a", 0), .set("/a", 0), .create("/a/n", .ephemeralSequential),
            .create2("/b"), .delete("/b"),
        ])
        #expect(try MultiHeader(from: &reader) == MultiHeader(type: 1, isDone: false, error: 0))
        #expect(try reader.text() == "/a")
        #expect(try MultiHeader(from: &reader).type == 13)
        #expect(try MultiHeader(from: &reader).type == 5)
        #expect(try Stat(from: &reader).version == 1)
        #expect(try MultiHeader(from: &reader).type == 1)
        #expect(try reader.text() == "/a/n0000000000")
        // ZooKeeper answers a create2 like a create here.
        #expect(try MultiHeader(from: &reader).type == 1)
        #expect(try reader.text() == "/b")
        #expect(try MultiHeader(from: &reader).type == 2)
        #expect(try MultiHeader(from: &reader) == .end)
        #expect(reader.isAtEnd)
        #expect(server.log.count == 3)
        let stat = try server.get("/a").1
        #expect([stat.czxid, stat.mzxid, stat.pzxid] == [3, 3, 3])
        #expect(try server.exists("/a/n0000000000").ephemeralOwner == server.core.sessionOf[ConnectionID(number: 1)])
    }

    @Test("When one operation fails none leaves a trace, not even a counter")
    mutating func failure() throws {
        try server.create("/q")
        try server.children("/q", watch: true, by: 2)
        let before = server.core.tree.nodes
        let reader = try multi([
            .create("/q/n", .persistentSequential), .set("/q", -1), .check("/q", 7), .delete("/zookeeper"),
        ])
        #expect(try errors(reader) == [0, 0, -103, -2])
        #expect(server.core.tree.nodes == before)
        #expect(try server.events().isEmpty)
        #expect(server.log.count == 3)
        #expect(try server.create("/q/n", mode: .persistentSequential) == "/q/n0000000000")
    }

    @Test("The events of all operations come after the whole, before the reply")
    mutating func events() throws {
        try server.create("/a")
        try server.get("/a", watch: true, by: 2)
        try server.children("/", watch: true, by: 2)
        _ = try multi([.set("/a", -1), .create("/b", .persistent), .delete("/a")])
        let expected: [Output] = [
            .append(zxid: 4), .event(2, .dataChanged, "/a"), .event(2, .childrenChanged, "/"),
            .reply(1, xid: 4, error: 0),
        ]
        #expect(try server.outputs() == expected)
    }

    @Test("A multi of nothing, or of checks alone, is answered and not logged")
    mutating func nothing() throws {
        var reader = try multi([])
        #expect(try MultiHeader(from: &reader) == .end)
        reader = try multi([.check("/", -1)])
        #expect(try MultiHeader(from: &reader) == MultiHeader(type: 13, isDone: false, error: 0))
        #expect(server.log.count == 2)
    }

    @Test("A multi with an operation that changes nothing cannot be read")
    mutating func strange() throws {
        #expect(throws: ZooKeeperErrorCode.marshallingError) {
            try server.request(1, .multi) { writer in
                MultiHeader(type: OperationCode.getData.rawValue, isDone: false, error: -1).write(to: &writer)
                writer.string("/")
                MultiHeader.end.write(to: &writer)
            }
        }
    }

    @Test("A multi that ends early cannot be read and changes nothing")
    mutating func cut() throws {
        let count = server.log.count
        #expect(throws: ZooKeeperErrorCode.marshallingError) {
            try server.request(1, .multi) { Self.write(.create("/a", .persistent), to: &$0) }
        }
        #expect(server.log.count == count)
    }

    @Test("A replayed multi gives the same nodes")
    mutating func replay() throws {
        _ = try multi([
            .create("/a", .persistent), .create("/a/s", .persistentSequential), .set("/a", 0),
            .delete("/a/s0000000000"),
        ])
        var second = TestCoordinator()
        for entry in server.log { second.core.recover(try LogEntry(entry.bytes[...])) }
        #expect(second.core.tree.nodes == server.core.tree.nodes)
    }
}
