import ServiceKit
import ZooKeeperProtocol

extension CoordinatorCore {
    struct Client {
        let connection: ConnectionID
        let session: Int64
        let identities: Set<Identity>
    }

    /// One request of a connected client. A request that cannot be read is answered as such; bytes that are not even
    /// the header of one end the connection.
    mutating func request(_ connection: ConnectionID, _ frame: [UInt8], _ now: Timestamp) {
        guard let session = sessionOf[connection] else { return effects.append(.close(connection)) }
        touch(session, now)
        var reader = JuteReader(frame)
        guard let xid = try? reader.int(), let code = try? reader.int() else {  // No header: no client of ours.
            return effects.append(.close(connection))
        }
        let client = Client(connection: connection, session: session, identities: identities[connection] ?? [])
        guard let operation = OperationCode(rawValue: code), operation != .error else {
            send(connection) {
                ReplyHeader(xid: xid, zxid: -1, error: ZooKeeperErrorCode.unimplemented.rawValue).write(to: &$0)
            }
            return effects.append(.close(connection))
        }
        guard isAuthenticated(client) || operation == .auth || operation == .sasl else {
            fail(client, xid, .sessionClosedRequiresSASL)
            return effects.append(.close(connection))
        }
        do { try perform(operation, xid, &reader, client, now) } catch { fail(client, xid, .marshallingError) }
    }

    private mutating func perform(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client, _ now: Timestamp
    ) throws(JuteError) {
        switch operation {
        case .ping: reply(client, xid)
        case .auth: try authenticate(xid, &reader, client)
        case .closeSession: closeSession(xid, client, now)
        case .multi: try multi(xid, &reader, client, now)
        case .multiRead: try multiRead(xid, &reader, client)
        case .create, .create2, .createContainer, .createTTL, .delete, .setData, .setACL, .check:
            try write(operation, xid, &reader, client, now)
        case .setWatches, .setWatches2: try setWatches(operation, xid, &reader, client)
        case .addWatch: try addWatch(xid, &reader, client)
        case .checkWatches, .removeWatches: try removeWatches(operation, xid, &reader, client)
        case .exists, .getData, .getACL, .getChildren, .getChildren2, .getAllChildrenNumber, .getEphemerals, .sync,
            .whoAmI:
            try read(operation, xid, &reader, client)
        case .reconfig: fail(client, xid, configuration.isReconfigurable ? .unimplemented : .reconfigDisabled)
        case .sasl: try login(xid, &reader, client)
        case .error: break
        }
    }

    private mutating func closeSession(_ xid: Int32, _ client: Client, _ now: Timestamp) {
        // Without room on the disk the session ends by its time-out, when there is room again.
        if !isDiskFull { commit(.closeSession(id: client.session), now) }
        reply(client, xid)
        leave(client.connection)
    }

    private mutating func write(
        _ operation: OperationCode, _ xid: Int32, _ reader: inout JuteReader, _ client: Client, _ now: Timestamp
    ) throws(JuteError) {
        let request = try WriteRequest(operation, from: &reader)
        guard !isDiskFull else { return fail(client, xid, .notReadOnly) }
        switch decide(request, client) {
        case .success(let transaction):
            if let transaction { commit(transaction, now) }
            let result = self.result(of: request, transaction)
            reply(client, xid) { result.write(to: &$0) }
        case .failure(let code): fail(client, xid, code)
        }
    }

    mutating func reply(
        _ client: Client, _ xid: Int32, capacity: Int = 128, _ body: (inout JuteWriter) -> Void = { _ in }
    ) {
        let zxid = lastZxid
        send(client.connection, capacity: capacity) { writer in
            ReplyHeader(xid: xid, zxid: zxid, error: 0).write(to: &writer)
            body(&writer)
        }
    }

    mutating func fail(_ client: Client, _ xid: Int32, _ code: ZooKeeperErrorCode) {
        let zxid = lastZxid
        send(client.connection, capacity: 20) {
            ReplyHeader(xid: xid, zxid: zxid, error: code.rawValue).write(to: &$0)
        }
    }
}
