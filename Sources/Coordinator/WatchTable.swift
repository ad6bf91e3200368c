import ZooKeeperProtocol

/// The one-shot watches of the connected clients.
struct WatchTable: Sendable {
    enum Kind: Sendable { case data, child }

    private struct Key: Hashable, Sendable {
        let path: ZNodeName
        let kind: Kind
    }

    private var watchers: [Key: Set<ConnectionID>] = [:]
    private var watched: [ConnectionID: Set<Key>] = [:]

    /// Watches kept, for `stat` and the metrics.
    var count: Int { watched.values.reduce(0) { $0 + $1.count } }

    mutating func add(_ kind: Kind, _ path: String, for connection: ConnectionID) {
        let key = Key(path: ZNodeName(path), kind: kind)
        watchers[key, default: []].insert(connection)
        watched[connection, default: []].insert(key)
    }

    /// Takes and returns the watchers of a node, in a fixed order.
    mutating func fire(_ kinds: [Kind], _ path: String) -> [ConnectionID] {
        var fired: Set<ConnectionID> = []
        for kind in kinds {
            let key = Key(path: ZNodeName(path), kind: kind)
            guard let connections = watchers.removeValue(forKey: key) else { continue }
            for connection in connections { watched[connection]?.remove(key) }
            fired.formUnion(connections)
        }
        return fired.sorted { $0.number < $1.number }
    }

    mutating func remove(_ connection: ConnectionID) {
        for key in watched.removeValue(forKey: connection) ?? [] {
            watchers[key]?.remove(connection)
            if watchers[key]?.isEmpty == true { watchers[key] = nil }
        }
    }
}

/// A connection, numbered as it came.
struct ConnectionID: Hashable, Sendable {
    let number: UInt64
}
