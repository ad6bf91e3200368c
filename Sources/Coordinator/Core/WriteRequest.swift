import ZooKeeperProtocol

/// A request that changes the tree, or (`check`) guards a change inside a multi.
enum WriteRequest: Sendable, Equatable {
    case create(Creation)
    case delete(path: String, version: Int32)
    case setData(path: String, data: [UInt8]?, version: Int32)
    case setACL(path: String, acl: [ACL], version: Int32)
    case check(path: String, version: Int32)

    struct Creation: Sendable, Equatable {
        var path: String
        var data: [UInt8]?
        var acl: [ACL]
        /// Of `CreateMode`, as the client sent it.
        var flags: Int32
        /// Milliseconds; nil for a request without one.
        var timeToLive: Int64?
        /// Whether the answer has a Stat beside the path.
        var wantsStat: Bool
    }

    init(_ operation: OperationCode, from reader: inout JuteReader) throws(JuteError) {
        let path = try reader.text()
        switch operation {
        case .create, .create2, .createContainer, .createTTL:
            let data = try reader.buffer()
            let acl = try reader.vector(ACL.init)
            let flags = try reader.int()
            let timeToLive = operation == .createTTL ? try reader.long() : nil
            self = .create(
                Creation(
                    path: path, data: data, acl: acl, flags: flags, timeToLive: timeToLive,
                    wantsStat: operation != .create))
        case .delete: self = .delete(path: path, version: try reader.int())
        case .setData:
            let data = try reader.buffer()
            self = .setData(path: path, data: data, version: try reader.int())
        case .setACL:
            let acl = try reader.vector(ACL.init)
            self = .setACL(path: path, acl: acl, version: try reader.int())
        case .check: self = .check(path: path, version: try reader.int())
        default: throw JuteError("operation \(operation) changes nothing")
        }
    }
}

/// What a write answers with.
enum WriteResult: Sendable, Equatable {
    case path(String)
    case pathAndStat(String, Stat)
    case stat(Stat)
    case nothing

    func write(to writer: inout JuteWriter) {
        switch self {
        case .path(let path): writer.string(path)
        case .pathAndStat(let path, let stat):
            writer.string(path)
            stat.write(to: &writer)
        case .stat(let stat): stat.write(to: &writer)
        case .nothing: break
        }
    }
}
