import ZooKeeperProtocol

extension CoordinatorCore {
    mutating func read(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client
    ) throws(JuteError) {
        switch operation {
        case .whoAmI:
            let identities = client.identities.sorted { ($0.scheme, $0.id) < ($1.scheme, $1.id) }
            return reply(client, xid) { writer in
                writer.vector(identities) {
                    $0.string($1.scheme)
                    $0.string($1.userName)
                }
            }
        case .getEphemerals: return ephemerals(xid, below: try reader.string() ?? "", client)
        default: break
        }
        let text = try reader.text()
        // ZooKeeper keeps its root under the empty path as well.
        let path = text.isEmpty && operation != .sync ? "/" : text
        switch operation {
        case .sync: reply(client, xid) { $0.string(path) }
        case .getACL: getACL(xid, path, client)
        case .getAllChildrenNumber:
            readable(xid, path, client) { core, node in
                // Without its slash ZooKeeper counts the root as well.
                let count = Int32(clamping: core.tree.descendants(of: node) + (text.isEmpty ? 1 : 0))
                core.reply(client, xid) { $0.int(count) }
            }
        case .exists: exists(xid, path, isWatched: try reader.bool(), client)
        default: readNode(operation, xid, path, isWatched: try reader.bool(), client)
        }
    }

    /// Goes on with a node that is there and that the client may read; answers itself otherwise.
    private mutating func readable(
        _ xid: Int32, _ path: String, _ client: Client, _ then: (inout CoordinatorCore, ZNodeIndex) -> Void
    ) {
        guard let node = tree.find(path) else { return fail(client, xid, .noNode) }
        guard configuration.access.allows(Permission.read, tree.acl(of: node), to: client.identities) else {
            return fail(client, xid, .noAuth)
        }
        then(&self, node)
    }

    private mutating func exists(_ xid: Int32, _ path: String, isWatched: Bool, _ client: Client) {
        guard !path.utf8.contains(0) else { return fail(client, xid, .badArguments) }
        if isWatched { watches.add(.data, path, for: client.connection) }
        guard let node = tree.find(path) else { return fail(client, xid, .noNode) }
        let stat = tree[node].stat
        reply(client, xid) { stat.write(to: &$0) }
    }

    private mutating func readNode(
        _ operation: OperationCode, _ xid: Int32, _ path: String, isWatched: Bool, _ client: Client
    ) {
        readable(xid, path, client) { core, node in
            if isWatched { core.watches.add(operation == .getData ? .data : .child, path, for: client.connection) }
            let tree = core.tree
            let length = operation == .getData ? tree[node].content?.dataLength ?? 0 : 16 * Int(tree[node].childCount)
            core.reply(client, xid, capacity: 100 + length) { writer in
                if operation == .getData {
                    tree[node].content?.withData { writer.buffer(copying: $0) }
                } else {
                    tree.writeChildren(of: node, to: &writer)
                }
                if operation != .getChildren { tree[node].stat.write(to: &writer) }
            }
        }
    }

    private mutating func getACL(_ xid: Int32, _ path: String, _ client: Client) {
        guard let node = tree.find(path) else { return fail(client, xid, .noNode) }
        let acl = tree.acl(of: node)
        let access = configuration.access
        guard access.allows(Permission.read | Permission.admin, acl, to: client.identities) else {
            return fail(client, xid, .noAuth)
        }
        let isAdmin = access.allows(Permission.admin, acl, to: client.identities)
        let stat = tree[node].stat
        reply(client, xid) { writer in
            writer.vector(isAdmin ? acl : AccessControl.masked(acl)) { $1.write(to: &$0) }
            stat.write(to: &writer)
        }
    }

    /// The ephemeral nodes of the session whose paths begin with a text.
    private mutating func ephemerals(_ xid: Int32, below prefix: String, _ client: Client) {
        let paths = (tree.ephemerals[client.session] ?? []).map { ZNodeName(tree.path(of: $0)) }
            .filter { prefix == "/" || $0.text.utf8.starts(with: prefix.utf8) }.sorted()
        reply(client, xid) { writer in writer.vector(paths) { $0.string($1.text) } }
    }

    /// Reads that are answered together, each for itself.
    mutating func multiRead(_ xid: Int32, _ reader: inout JuteReader, _ client: Client) throws(JuteError) {
        var writer = JuteWriter()
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { break }
            guard let operation = OperationCode(rawValue: header.type),
                operation == .getData || operation == .getChildren
            else { throw JuteError("operation \(header.type) in a multi of reads") }
            let path = try reader.text()
            _ = try reader.bool()
            readPart(operation, path, client, &writer)
        }
        MultiHeader.end.write(to: &writer)
        let body = writer.bytes
        reply(client, xid, capacity: 20 + body.count) { $0.raw(body) }
    }

    private func readPart(_ operation: OperationCode, _ path: String, _ client: Client, _ writer: inout JuteWriter) {
        let node = tree.find(path.isEmpty ? "/" : path)
        let isAllowed = node.map {
            configuration.access.allows(Permission.read, tree.acl(of: $0), to: client.identities)
        }
        guard let node, isAllowed == true else {
            let code: ZooKeeperErrorCode = isAllowed == nil ? .noNode : .noAuth
            MultiHeader(type: -1, isDone: false, error: code.rawValue).write(to: &writer)
            return writer.int(code.rawValue)
        }
        MultiHeader(type: operation.rawValue, isDone: false, error: 0).write(to: &writer)
        guard operation == .getData else { return tree.writeChildren(of: node, to: &writer) }
        tree[node].content?.withData { writer.buffer(copying: $0) }
        tree[node].stat.write(to: &writer)
    }
}

extension ZNodeTree {
    fileprivate func writeChildren(of node: ZNodeIndex, to writer: inout JuteWriter) {
        writer.int(self[node].childCount)
        forEachChild(of: node) { child in
            self[child].content?.withName { writer.buffer(copying: UnsafeRawBufferPointer($0)) }
        }
    }
}
