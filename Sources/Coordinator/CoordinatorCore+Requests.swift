import ServiceKit
import ZooKeeperProtocol

extension CoordinatorCore {
    /// One request of a connected client. Bytes that are no request end the connection.
    mutating func request(_ connection: ConnectionID, _ frame: [UInt8], _ now: Timestamp) {
        guard let session = sessionOf[connection] else { return effects.append(.close(connection)) }
        touch(session, now)
        var reader = JuteReader(frame)
        do {
            let xid = try reader.int()
            let code = try reader.int()
            guard let operation = OperationCode(rawValue: code), operation != .error else {
                return refuse(connection, xid, .unimplemented)
            }
            try perform(operation, xid, &reader, Client(connection: connection, session: session), now)
        } catch {
            effects.append(.close(connection))
        }
    }

    struct Client {
        let connection: ConnectionID
        let session: Int64
    }

    private mutating func refuse(_ connection: ConnectionID, _ xid: Int32, _ code: ZooKeeperErrorCode) {
        send(connection) { ReplyHeader(xid: xid, zxid: -1, error: code.rawValue).write(to: &$0) }
        effects.append(.close(connection))
    }

    private mutating func perform(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client, _ now: Timestamp
    ) throws(JuteError) {
        switch operation {
        case .ping: reply(client, xid)
        case .auth:
            // Schemes are not there yet: better refused than believed.
            send(client.connection) {
                ReplyHeader(xid: xid, zxid: 0, error: ZooKeeperErrorCode.authFailed.rawValue).write(to: &$0)
            }
            effects.append(.close(client.connection))
        case .closeSession:
            commit(.closeSession(id: client.session), now)
            reply(client, xid)
            sessionOf[client.connection] = nil
            effects.append(.close(client.connection))
        case .multi: try multi(xid, &reader, client, now)
        case .create, .create2, .delete, .setData, .setACL, .check:
            try write(operation, xid, &reader, client, now)
        case .setWatches: try setWatches(xid, &reader, client)
        case .exists, .getData, .getACL, .getChildren, .getChildren2, .sync:
            try read(operation, xid, &reader, client)
        case .error: break
        }
    }

    private mutating func write(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client, _ now: Timestamp
    ) throws(JuteError) {
        let request = try WriteRequest(operation, from: &reader)
        switch decide(request, session: client.session) {
        case .success(let transaction):
            if let transaction { commit(transaction, now) }
            let zxid = lastZxid
            let result = self.result(of: request, transaction)
            send(client.connection) { writer in
                ReplyHeader(xid: xid, zxid: zxid, error: 0).write(to: &writer)
                result.write(to: &writer)
            }
        case .failure(let code): fail(client, xid, code)
        }
    }

    mutating func reply(_ client: Client, _ xid: Int32, _ body: (inout JuteWriter) -> Void = { _ in }) {
        let zxid = lastZxid
        send(client.connection) { writer in
            ReplyHeader(xid: xid, zxid: zxid, error: 0).write(to: &writer)
            body(&writer)
        }
    }

    mutating func fail(_ client: Client, _ xid: Int32, _ code: ZooKeeperErrorCode) {
        let zxid = lastZxid
        send(client.connection) { ReplyHeader(xid: xid, zxid: zxid, error: code.rawValue).write(to: &$0) }
    }

    private mutating func read(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client
    ) throws(JuteError) {
        let path = try reader.text()
        switch operation {
        case .sync: return reply(client, xid) { $0.string(path) }
        case .getACL:
            guard let node = tree[path] else { return fail(client, xid, .noNode) }
            return reply(client, xid) { writer in
                writer.vector(node.acl) { $1.write(to: &$0) }
                node.stat.write(to: &writer)
            }
        default: break
        }
        let isWatched = try reader.bool()
        let kind: WatchTable.Kind = operation == .exists || operation == .getData ? .data : .child
        guard let node = tree[path] else {
            if isWatched, operation == .exists { watches.add(.data, path, for: client.connection) }
            return fail(client, xid, .noNode)
        }
        if isWatched { watches.add(kind, path, for: client.connection) }
        reply(client, xid) { writer in
            if operation == .getData { writer.buffer(node.data) }
            if kind == .child { writer.vector(Array(node.children)) { $0.string($1.text) } }
            if operation != .getChildren { node.stat.write(to: &writer) }
        }
    }

    /// After a reconnect: a watch whose event the client missed fires now, the others are kept again.
    private mutating func setWatches(
        _ xid: Int32, _ reader: inout JuteReader, _ client: Client
    ) throws(JuteError) {
        let text = { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
        let seen = try reader.long()
        let data = try reader.vector(text)
        let exist = try reader.vector(text)
        let child = try reader.vector(text)
        for path in data {
            if let node = tree[path] {
                if node.mzxid > seen {
                    sendEvent(.dataChanged, path, to: client.connection)
                } else {
                    watches.add(.data, path, for: client.connection)
                }
            } else {
                sendEvent(.deleted, path, to: client.connection)
            }
        }
        for path in exist {
            if tree[path] != nil {
                sendEvent(.created, path, to: client.connection)
            } else {
                watches.add(.data, path, for: client.connection)
            }
        }
        for path in child {
            if let node = tree[path] {
                if node.pzxid > seen {
                    sendEvent(.childrenChanged, path, to: client.connection)
                } else {
                    watches.add(.child, path, for: client.connection)
                }
            } else {
                sendEvent(.deleted, path, to: client.connection)
            }
        }
        reply(client, xid)
    }
}
