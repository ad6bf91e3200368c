import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

@Suite("The table of watches")
struct WatchTableTests {
    private let paths = ["/a", "/a/b", "/c", "/d"]
    private let connections = (1...4 as ClosedRange<UInt64>).map { ConnectionID(number: $0) }

    @Test("Knows what is watched by whom, as a plain list of watches does", arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = WatchTable()
        var model: Set<String> = []
        func name(_ kind: WatchTable.Kind, _ path: String, _ connection: ConnectionID) -> String {
            "\(kind) \(path) \(connection.number)"
        }
        for _ in 0..<2000 {
            let kind: WatchTable.Kind = Bool.random(using: &generator) ? .data : .child
            guard let path = paths.randomElement(using: &generator),
                let connection = connections.randomElement(using: &generator)
            else { return }
            let key = name(kind, path, connection)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<10:
                table.add(kind, path, for: connection)
                model.insert(key)
            case 10..<14:
                let fired = table.fire(kind, path)
                #expect(fired == Set(connections.filter { model.contains(name(kind, path, $0)) }), "seed \(seed)")
                for connection in connections { model.remove(name(kind, path, connection)) }
            case 14..<19: #expect(table.remove(kind, path, for: connection) == (model.remove(key) != nil))
            default:
                table.remove(connection)
                model = model.filter { !$0.hasSuffix(" \(connection.number)") }
            }
            #expect(table.count == model.count, "seed \(seed)")
            #expect(table.contains(kind, path, for: connection) == model.contains(key), "seed \(seed)")
            let kept = table.keys(of: connection).map { name($0.kind, $0.path.text, connection) }
            #expect(Set(kept) == model.filter { $0.hasSuffix(" \(connection.number)") }, "seed \(seed)")
        }
    }

    @Test("A client that watches ever other nodes, each once, takes no more room for it")
    func room() {
        var table = WatchTable()
        for number in 0..<10_000 {
            table.add(.data, "/n\(number)", for: connections[0])
            #expect(table.fire(.data, "/n\(number)") == [connections[0]])
        }
        #expect(table.count == 0)
        #expect((table.watched[connections[0]]?.count ?? 0) < 20)
    }
}
