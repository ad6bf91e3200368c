import ServiceKit
import ZooKeeperProtocol

/// One server of an ensemble, asked by the word `srvr` and by a session of its own.
struct ZooKeeperProbe {
    let address: String
    let port: Int
    /// `user:password`.
    let credentials: String?
    /// Where masters register; nil when they do not matter.
    let path: String?
    let end: ContinuousClock.Instant

    /// Children lists of a whole cluster are far below this.
    private static let maximumFrame = 8 << 20
    /// A cluster has a handful of masters.
    private static let maximumMasters = 32

    /// Fails when there is no connection; a server that takes it and does not answer has no word.
    func word() throws(Connection.Failure) -> ServerFacts.Word {
        let connection = try Connection.open(address, port, until: end)
        do {
            try connection.send(Array("srvr".utf8))
            return SystemText.word(String(decoding: try connection.receiveAll(maximum: 65_536), as: UTF8.self))
        } catch {
            return .none
        }
    }

    /// Only sees whether the server takes connections.
    func connect() throws(Connection.Failure) { _ = try Connection.open(address, port, until: end) }

    func session() throws -> ServerFacts.Session {
        let connection = try Connection.open(address, port, until: end)
        var request = ConnectRequest()
        request.timeout = 4000
        request.password = [UInt8](repeating: 0, count: 16)
        request.readOnly = false
        var writer = JuteWriter()
        request.write(to: &writer)
        try connection.send(writer.frame)
        var reader = JuteReader(try frame(connection))
        guard try ConnectResponse(from: &reader).sessionID != 0 else { return .none }
        if let credentials { try authenticate(connection, credentials) }
        defer { close(connection) }
        guard let path else { return .opened }
        return try masters(connection, path)
    }

    private func masters(_ connection: Connection, _ path: String) throws -> ServerFacts.Session {
        switch try ask(connection, .getChildren, path) {
        case .failure(.noNode): return .noNode
        case .failure(.noAuth): return .isForbidden
        case .failure: return .opened
        case .success(var reader):
            let names = try reader.vector { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
            let nodes = names.filter { $0.hasPrefix("json.info_") }.prefix(Self.maximumMasters)
            return .masters(try nodes.compactMap { try master(connection, $0, path) })
        }
    }

    /// Nil for one that is gone meanwhile, or is none.
    private func master(_ connection: Connection, _ node: String, _ path: String) throws -> MasterFacts? {
        guard case .success(var reader) = try ask(connection, .getData, path == "/" ? "/\(node)" : "\(path)/\(node)")
        else { return nil }
        return SystemText.master(node: node, try reader.buffer() ?? [])
    }

    private func authenticate(_ connection: Connection, _ credentials: String) throws {
        var writer = JuteWriter()
        writer.int(ReservedXID.auth)
        writer.int(OperationCode.auth.rawValue)
        writer.int(0)
        writer.string("digest")
        writer.buffer(Array(credentials.utf8))
        try connection.send(writer.frame)
        _ = try frame(connection)
    }

    private func ask(
        _ connection: Connection, _ operation: OperationCode, _ path: String
    ) throws -> Result<JuteReader, ZooKeeperErrorCode> {
        var writer = JuteWriter()
        writer.int(1)
        writer.int(operation.rawValue)
        writer.string(path)
        writer.bool(false)
        try connection.send(writer.frame)
        var reader = JuteReader(try frame(connection))
        let error = try ReplyHeader(from: &reader).error
        return error == 0 ? .success(reader) : .failure(ZooKeeperErrorCode(rawValue: error) ?? .systemError)
    }

    private func frame(_ connection: Connection) throws -> [UInt8] {
        var reader = JuteReader(try connection.receive(count: 4))
        let length = Int(try reader.int())
        guard (0...Self.maximumFrame).contains(length) else {
            throw Connection.Failure(description: "it speaks another protocol than ZooKeeper's")
        }
        return try connection.receive(count: length)
    }

    /// A session that is not closed lives on until its time-out.
    private func close(_ connection: Connection) {
        var writer = JuteWriter()
        writer.int(2)
        writer.int(OperationCode.closeSession.rawValue)
        guard (try? connection.send(writer.frame)) != nil else { return }  // It ends by itself.
        _ = try? frame(connection)  // The answer only says that it has ended.
    }
}
