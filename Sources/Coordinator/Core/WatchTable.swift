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
    private(set) var watched: [ConnectionID: Set<Key>] = [:]
    /// While there is none, no ancestor needs a look.
    private var recursiveCount = 0

    /// Watches kept, for `stat` and the metrics.
    var count: Int { watched.values.reduce(0) { $0 + $1.count } }
    var pathCount: Int { Set(watchers.keys.map(\.path)).count }

    mutating func add(_ kind: Kind, _ path: String, _ mode: Modes = .once, for connection: ConnectionID) {
        let key = Key(path: ZNodeName(path), kind: kind)
        let old = watchers[key]?[connection] ?? []
        // The two that stay replace each other; a one-shot watch may be there beside them.
        let modes = mode == .once ? old.union(.once) : old.intersection(.once).union(mode)
        recursiveCount += (modes.contains(.recursive) ? 1 : 0) - (old.contains(.recursive) ? 1 : 0)
        watchers[key, default: [:]][connection] = modes
        watched[connection, default: []].insert(key)
    }

    func contains(_ kind: Kind, _ path: String, for connection: ConnectionID) -> Bool {
        watchers[Key(path: ZNodeName(path), kind: kind)]?[connection] != nil
    }

    /// Whether there was one to remove.
    mutating func remove(_ kind: Kind, _ path: String, for connection: ConnectionID) -> Bool {
        let key = Key(path: ZNodeName(path), kind: kind)
        guard watched[connection]?.remove(key) != nil else { return false }
        forget(key, connection)
        return true
    }

    mutating func remove(_ connection: ConnectionID) {
        for key in watched.removeValue(forKey: connection) ?? [] { forget(key, connection) }
    }

    private mutating func forget(_ key: Key, _ connection: ConnectionID) {
        guard let modes = watchers[key]?.removeValue(forKey: connection) else { return }
        if modes.contains(.recursive) { recursiveCount -= 1 }
        if watchers[key]?.isEmpty == true { watchers[key] = nil }
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
            if left.isEmpty { watched[connection]?.remove(key) } else { kept[connection] = left }
        }
        watchers[key] = kept.isEmpty ? nil : kept
        return fired
    }
}

/// A connection, numbered as it came.
struct ConnectionID: Hashable, Sendable {
    let number: UInt64
}
