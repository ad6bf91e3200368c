import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("Random clients of a coordinator")
struct CoordinatorSimulationTests {
    /// The state that the log must bring back.
    private struct State: Equatable {
        let nodes: [ZNodeName: ZNode]
        let ephemerals: [Int64: Set<ZNodeName>]
        let passwords: [Int64: [UInt8]]

        init(_ core: CoordinatorCore) {
            nodes = core.tree.nodes
            ephemerals = core.tree.ephemeralPaths
            passwords = core.sessions.mapValues(\.password)
        }
    }

    @Test(
        "Entries replayed to any cut give the tree and the sessions of that moment",
        arguments: 1...12 as ClosedRange<UInt64>)
    func replay(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var server = TestCoordinator()
        var states: [(entries: Int, state: State)] = []
        for step in 0..<400 {
            try Self.act(&server, &generator)
            try Self.check(server.core, "seed \(seed), step \(step)")
            if step % 10 == 0 { states.append((server.log.count, State(server.core))) }
        }
        let zxids = server.log.map(\.zxid)
        #expect(zxids == Array(1...Int64(zxids.count)))
        for (entries, state) in states.shuffled(using: &generator).prefix(10) {
            var second = TestCoordinator()
            for entry in server.log.prefix(entries) { second.core.recover(try LogEntry(entry.bytes[...])) }
            try #require(State(second.core) == state, "seed \(seed), \(entries) entries")
        }
    }

    /// One random event of one of some connections, most of them requests.
    private static func act(_ server: inout TestCoordinator, _ generator: inout SeededGenerator) throws {
        let connection = UInt64.random(in: 1...4, using: &generator)
        let id = ConnectionID(number: connection)
        if server.core.sessionOf[id] == nil { return try connect(&server, connection, &generator) }
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: server.handle(.disconnected(id))
        case 1: try server.request(connection, .closeSession)
        case 2: server.handle(.request(id, (0..<12).map { _ in UInt8.random(in: 0...20, using: &generator) }))
        case 3:
            server.now = server.now + .milliseconds(Int64.random(in: 0...3000, using: &generator))
            server.handle(.tick)
        default: try request(&server, connection, &generator)
        }
    }

    private static func connect(
        _ server: inout TestCoordinator, _ connection: UInt64, _ generator: inout SeededGenerator
    ) throws {
        let old = server.core.sessions.keys.sorted().randomElement(using: &generator)
        guard let old, Bool.random(using: &generator) else { return _ = try server.connect(connection) }
        try server.connect(connection, session: old, password: TestCoordinator.password)
    }

    private static func request(
        _ server: inout TestCoordinator, _ connection: UInt64, _ generator: inout SeededGenerator
    ) throws {
        let names = ["/a", "/b", "/a/x", "/a/y", "/b/z", "/a/x/deep"]
        let path = names.randomElement(using: &generator) ?? "/a"
        let version = Int32.random(in: -1...2, using: &generator)
        let mode = CreateMode(rawValue: Int32.random(in: 0...3, using: &generator)) ?? .persistent
        let existing = server.core.tree.nodes.keys.map(\.text).filter { !$0.hasPrefix("/zookeeper") && $0 != "/" }
            .sorted()
        do {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0...2: try server.create(path, [1], mode: mode, by: connection)
            case 3: try server.delete(existing.randomElement(using: &generator) ?? path, by: connection)
            case 4: try server.set(path, nil, version: version, by: connection)
            case 5: try server.get(path, watch: true, by: connection)
            case 6: try server.children(path, watch: true, by: connection)
            default: try multi(&server, connection, path, existing.randomElement(using: &generator) ?? path)
            }
        } catch is ZooKeeperErrorCode {
            // Refusals are part of the play.
        }
    }

    private static func multi(
        _ server: inout TestCoordinator, _ connection: UInt64, _ path: String, _ other: String
    ) throws {
        try server.request(connection, .multi) { writer in
            MultiHeader(type: OperationCode.create.rawValue, isDone: false, error: -1).write(to: &writer)
            writer.string(path + "-")
            writer.buffer([])
            writer.vector(ACL.open) { $1.write(to: &$0) }
            writer.int(CreateMode.ephemeralSequential.rawValue)
            MultiHeader(type: OperationCode.delete.rawValue, isDone: false, error: -1).write(to: &writer)
            writer.string(other)
            writer.int(-1)
            MultiHeader.end.write(to: &writer)
        }
    }

    /// What holds of any tree.
    private static func check(_ core: CoordinatorCore, _ note: Comment) throws {
        for (name, node) in core.tree.nodes {
            for child in node.children {
                try #require(core.tree[ZNodePath.child(child.text, of: name.text)] != nil, note)
            }
            if let parent = ZNodePath.parent(of: name.text) {
                let own = ZNodeName(ZNodePath.name(of: name.text))
                try #require(core.tree[parent]?.children.contains(own) == true, note)
            }
            guard node.owner != 0 else { continue }
            try #require(core.sessions[node.owner] != nil && node.children.isEmpty, note)
            try #require(core.tree.ephemeralPaths[node.owner]?.contains(name) == true, note)
        }
        for (connection, session) in core.sessionOf {
            try #require(core.sessions[session]?.connection == connection, note)
        }
        let owned = core.tree.ephemerals.values.reduce(0) { $0 + $1.count }
        try #require(owned == core.tree.nodes.values.count { $0.owner != 0 }, note)
    }
}
