import ZooKeeperProtocol

extension CoordinatorCore {
    /// Adds what a client proves to be to its connection, or ends the connection.
    mutating func authenticate(_ xid: Int32, _ reader: inout JuteReader, _ client: Client) throws(JuteError) {
        _ = try reader.int()
        let scheme = try reader.string() ?? ""
        let proof = try reader.buffer() ?? []
        switch scheme {
        case "digest":
            let identity = Identity(scheme: "digest", id: DigestScheme.id(of: proof))
            if identity.id == configuration.superDigest { identities[client.connection]?.insert(.superUser) }
            identities[client.connection]?.insert(identity)
        case "ip": break  // Every connection has its address from the start.
        default:
            answerAuthentication(client, xid, .authFailed)
            return effects.append(.close(client.connection))
        }
        answerAuthentication(client, xid, .ok)
    }

    private mutating func answerAuthentication(_ client: Client, _ xid: Int32, _ code: ZooKeeperErrorCode) {
        send(client.connection, capacity: 20) { ReplyHeader(xid: xid, zxid: 0, error: code.rawValue).write(to: &$0) }
    }
}
