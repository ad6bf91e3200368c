import ZooKeeperProtocol

extension CoordinatorCore {
    /// After a reconnect: a watch whose event the client missed fires now, the others are kept again.
    mutating func setWatches(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client
    ) throws(JuteError) {
        let text = { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
        let seen = try reader.long()
        let data = try reader.vector(text)
        let exist = try reader.vector(text)
        let child = try reader.vector(text)
        let persistent = operation == .setWatches2 ? try reader.vector(text) : []
        let recursive = operation == .setWatches2 ? try reader.vector(text) : []
        for path in data {
            restore(.data, path, client) { $0.map { $0.mzxid > seen ? .dataChanged : nil } ?? .deleted }
        }
        for path in exist { restore(.data, path, client) { $0 == nil ? nil : .created } }
        for path in child {
            restore(.child, path, client) { $0.map { $0.pzxid > seen ? .childrenChanged : nil } ?? .deleted }
        }
        for path in persistent { addPersistent(path, client) }
        for path in recursive { addRecursive(path, client) }
        reply(client, xid)
    }

    private mutating func restore(
        _ kind: WatchTable.Kind, _ path: String, _ client: Client, _ missed: (ZNodeView?) -> WatchEventType?
    ) {
        if let event = missed(tree.find(path).map { tree[$0] }) {
            sendEvent(event, path, to: [client.connection])
        } else {
            watches.add(kind, path, for: client.connection)
        }
    }

    private mutating func addPersistent(_ path: String, _ client: Client) {
        watches.add(.data, path, .persistent, for: client.connection)
        watches.add(.child, path, .persistent, for: client.connection)
    }

    private mutating func addRecursive(_ path: String, _ client: Client) {
        watches.add(.data, path, .recursive, for: client.connection)
        watches.add(.child, path, .recursive, for: client.connection)
    }

    mutating func addWatch(_ xid: Int32, _ reader: inout JuteReader, _ client: Client) throws(JuteError) {
        let path = try reader.text()
        switch try reader.int() {
        case 0: addPersistent(path, client)
        case 1: addRecursive(path, client)
        case let mode: throw JuteError("watch mode \(mode)")
        }
        reply(client, xid) { $0.int(0) }
    }

    /// Removes watches of this client, or (`checkWatches`) says whether there are any.
    mutating func removeWatches(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client
    ) throws(JuteError) {
        let path = try reader.text()
        let kinds: [WatchTable.Kind]
        switch try reader.int() {
        case 1: kinds = [.child]
        case 2: kinds = [.data]
        case 3: kinds = [.child, .data]
        case let type: throw JuteError("watch type \(type)")
        }
        var isFound = false
        for kind in kinds {
            let isThere =
                operation == .checkWatches
                ? watches.contains(kind, path, for: client.connection)
                : watches.remove(kind, path, for: client.connection)
            isFound = isFound || isThere
        }
        isFound ? reply(client, xid) : fail(client, xid, .noWatcher)
    }
}
