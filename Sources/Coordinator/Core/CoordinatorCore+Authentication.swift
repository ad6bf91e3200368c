import ZooKeeperProtocol

extension CoordinatorCore {
    /// Adds what a client proves to be to its connection, or ends the connection.
    mutating func authenticate(_ xid: Int32, _ reader: inout JuteReader, _ client: Client) throws(JuteError) {
        _ = try reader.int()
        let scheme = try reader.string() ?? ""
        let proof = try reader.buffer()
        switch scheme {
        case "digest" where proof != nil && configuration.access.hasDigest:
            guard let id = DigestScheme.id(of: proof ?? [], configuration.digestAlgorithm) else {
                return refuse(client, xid)
            }
            let identity = Identity(scheme: "digest", id: id)
            if identity.id == configuration.superDigest { identities[client.connection]?.insert(.superUser) }
            identities[client.connection]?.insert(identity)
        case "ip": break  // Every connection has its address from the start.
        default: return refuse(client, xid)
        }
        answerAuthentication(client, xid, .ok)
    }

    func isAuthenticated(_ client: Client) -> Bool {
        let schemes = configuration.requiredSchemes
        return schemes.isEmpty || client.identities.contains { schemes.contains($0.scheme) }
    }

    /// One step of a SASL exchange; a client that fails is told so and cut off.
    mutating func login(_ xid: Int32, _ reader: inout JuteReader, _ client: Client) throws(JuteError) {
        let token = try reader.buffer() ?? []
        let connection = client.connection
        guard let passwords = configuration.saslPasswords, let nonce = nonce(connection) else {
            return refuse(client, xid)
        }
        var login = logins.removeValue(forKey: connection) ?? SASLDigest(nonce: nonce, passwords: passwords)
        switch login.step(token) {
        case .challenge(let challenge):
            logins[connection] = login
            answerLogin(client, xid, challenge)
        case .done(let proof, let user):
            identities[connection]?.insert(Identity(scheme: "sasl", id: user))
            if user == configuration.saslSuperUser { identities[connection]?.insert(.superUser) }
            answerLogin(client, xid, proof)
        case .refused: refuse(client, xid)
        }
    }

    private func nonce(_ connection: ConnectionID) -> String? {
        DigestScheme.nonce(of: configuration.nonceSecret + Array(":\(connection.number)".utf8))
    }

    private mutating func answerLogin(_ client: Client, _ xid: Int32, _ token: [UInt8]) {
        send(client.connection) { writer in
            ReplyHeader(xid: xid, zxid: 0, error: 0).write(to: &writer)
            writer.buffer(token)
        }
    }

    private mutating func refuse(_ client: Client, _ xid: Int32) {
        effects.append(.authenticationFailed(client.connection))
        answerAuthentication(client, xid, .authFailed)
        effects.append(.close(client.connection))
    }

    private mutating func answerAuthentication(_ client: Client, _ xid: Int32, _ code: ZooKeeperErrorCode) {
        send(client.connection, capacity: 20) { ReplyHeader(xid: xid, zxid: 0, error: code.rawValue).write(to: &$0) }
    }
}
