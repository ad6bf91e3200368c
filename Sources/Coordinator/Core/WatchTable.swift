import ZooKeeperProtocol

/// The watches of the connected clients: those on the node itself (`data`) and those on its children (`child`), each
/// one-shot, persistent, or persistent for everything below. A client may have several kinds on one path and hears of
/// a change once (org.apache.zookeeper.server.watch.WatchManager).
struct WatchTable: Sendable {
    enum Kind: Sendable, Hashable { case data, child }

    struct Modes: OptionSet, Sendable {
        let rawValue: UInt8
        static let once = Modes(rawValue: 1)
        static let persistent = Modes(rawValue: 2)
        static let recursive = Modes(rawValue: 4)
    }

    struct Key: Hashable, Sendable {
        let path: ZNodeName
        let kind: Kind
    }

    private(set) var watchers: [Key: [ConnectionID: Modes]] = [:]
    /// What each connection watches, and what it did: of 10,000 one-shot watches that fire together none is looked up
    /// here. What is over is taken out when there is no room for more.
    private(set) var watched: [ConnectionID: Set<Key>] = [:]
    /// While there is none, no ancestor needs a look.
    private var recursiveCount = 0

    /// Watches kept, for `stat` and the metrics.
    var count: Int { watchers.values.reduce(0) { $0 + $1.count } }
    var pathCount: Int { Set(watchers.keys.map(\.path)).count }
    var connectionCount: Int { watchers.values.reduce(into: Set<ConnectionID>()) { $0.formUnion($1.keys) }.count }

    mutating func add(_ kind: Kind, _ path: String, _ mode: Modes = .once, for connection: ConnectionID) {
        let key = Key(path: ZNodeName(path), kind: kind)
        let old = watchers[key]?[connection] ?? []
        // The two that stay replace each other; a one-shot watch may be there beside them.
        let modes = mode == .once ? old.union(.once) : old.intersection(.once).union(mode)
        recursiveCount += (modes.contains(.recursive) ? 1 : 0) - (old.contains(.recursive) ? 1 : 0)
        watchers[key, default: [:]][connection] = modes
        if let keys = watched[connection], keys.count == keys.capacity, !keys.contains(key) {
            var kept = keys.filter { watchers[$0]?[connection] != nil }
            kept.reserveCapacity(2 * kept.count)  // So that this is seldom.
            watched[connection] = kept
        }
        watched[connection, default: []].insert(key)
    }

    /// What a connection watches.
    func keys(of connection: ConnectionID) -> Set<Key> {
        watched[connection]?.filter { watchers[$0]?[connection] != nil } ?? []
    }

    func contains(_ kind: Kind, _ path: String, for connection: ConnectionID) -> Bool {
        watchers[Key(path: ZNodeName(path), kind: kind)]?[connection] != nil
    }

    /// Whether there was one to remove.
    mutating func remove(_ kind: Kind, _ path: String, for connection: ConnectionID) -> Bool {
        let key = Key(path: ZNodeName(path), kind: kind)
        watched[connection]?.remove(key)
        return forget(key, connection)
    }

    mutating func remove(_ connection: ConnectionID) {
        for key in watched.removeValue(forKey: connection) ?? [] { forget(key, connection) }
    }

    @discardableResult
    private mutating func forget(_ key: Key, _ connection: ConnectionID) -> Bool {
        guard let modes = watchers[key]?.removeValue(forKey: connection) else { return false }
        if modes.contains(.recursive) { recursiveCount -= 1 }
        if watchers[key]?.isEmpty == true { watchers[key] = nil }
        return true
    }

    /// Those to tell of a change of a node, and those of its one-shot watches are taken away. Recursive watches hear of
    /// nothing that they see below themselves anyway: a change of children.
    mutating func fire(_ kind: Kind, _ path: String, isChildChange: Bool = false) -> Set<ConnectionID> {
        var fired: Set<ConnectionID> = []
        let key = Key(path: ZNodeName(path), kind: kind)
        if let found = watchers[key] { fired = take(key, found, isChildChange: isChildChange) }
        guard recursiveCount > 0, !isChildChange else { return fired }
        var next = ZNodePath.parent(of: path)
        while let ancestor = next {
            for (connection, modes) in watchers[Key(path: ZNodeName(ancestor), kind: kind)] ?? [:]
            where modes.contains(.recursive) {
                fired.insert(connection)
            }
            next = ZNodePath.parent(of: ancestor)
        }
        return fired
    }

    private mutating func take(_ key: Key, _ found: [ConnectionID: Modes], isChildChange: Bool) -> Set<ConnectionID> {
        var fired = Set<ConnectionID>(minimumCapacity: found.count)
        var kept: [ConnectionID: Modes] = [:]
        for (connection, modes) in found {
            if !isChildChange || !modes.isDisjoint(with: [.once, .persistent]) { fired.insert(connection) }
            let left = modes.subtracting(.once)
            if !left.isEmpty { kept[connection] = left }
        }
        watchers[key] = kept.isEmpty ? nil : kept
        return fired
    }
}

/// A connection, numbered as it came.
struct ConnectionID: Hashable, Sendable {
    let number: UInt64
}
