import ZooKeeperProtocol

/// Who the client is, and who may do what.
extension ZooKeeperClient {
    /// Proves to the ensemble who this client is, now and on each connection to come; several proofs add up. A server
    /// that does not believe it is the error `authFailed`; it closes the connection, and the client goes on without.
    ///
    /// - Parameters:
    ///   - scheme: `digest`, or another one that the servers know.
    ///   - data: For `digest` the bytes of `user:password`.
    public func addAuth(scheme: String, data: [UInt8]) async throws {
        try await prove(Credentials(scheme: scheme, data: data))
    }

    /// Who may do what with a node. Those who may not change it see the digests masked.
    public func getACL(_ path: String) async throws -> (acl: [ACL], stat: Stat) {
        var reader = JuteReader(try await send(.getACL, Self.record(chroot.full(path))))
        let acl = try reader.vector { (reader: inout JuteReader) throws(JuteError) in try ACL(from: &reader) }
        return (acl, try Stat(from: &reader))
    }

    /// Says who may do what with a node; the version is the list's own (`Stat.aversion`), -1 is any.
    @discardableResult
    public func setACL(_ path: String, _ acl: [ACL], version: Int32 = -1) async throws -> Stat {
        let body = Self.record(chroot.full(path)) { writer in
            writer.vector(acl) { $1.write(to: &$0) }
            writer.int(version)
        }
        var reader = JuteReader(try await send(.setACL, body))
        return try Stat(from: &reader)
    }

    /// Who the server takes this client for: schemes and, without passwords, their ids.
    public func whoAmI() async throws -> [(scheme: String, id: String)] {
        var reader = JuteReader(try await send(.whoAmI, []))
        return try reader.vector { (reader: inout JuteReader) throws(JuteError) in
            (try reader.text(), try reader.string() ?? "")
        }
    }
}
