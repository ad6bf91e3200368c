import ServiceKit
import ZooKeeperProtocol

/// A request that changes the tree, or (`check`) guards a change inside a multi.
enum WriteRequest: Sendable, Equatable {
    case create(path: String, data: [UInt8]?, acl: [ACL], flags: Int32, wantsStat: Bool)
    case delete(path: String, version: Int32)
    case setData(path: String, data: [UInt8]?, version: Int32)
    case setACL(path: String, acl: [ACL], version: Int32)
    case check(path: String, version: Int32)

    init(_ operation: OperationCode, from reader: inout JuteReader) throws(JuteError) {
        let path = try reader.text()
        switch operation {
        case .create, .create2:
            let data = try reader.buffer()
            let acl = try reader.vector(ACL.init)
            self = .create(
                path: path, data: data, acl: acl, flags: try reader.int(), wantsStat: operation == .create2)
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

extension CoordinatorCore {
    /// The transaction that a request comes to in the present state; nil for a check that holds.
    func decide(_ request: WriteRequest, session: Int64) -> Result<Transaction?, ZooKeeperErrorCode> {
        switch request {
        case .create(let path, let data, let acl, let flags, _):
            return create(path, data, acl, flags, session: session)
        case .delete(let path, let version):
            guard path.hasPrefix("/"), path != "/", !Self.isReserved(path) else { return .failure(.badArguments) }
            return checked(path, version) { node in
                node.children.isEmpty ? .success(.delete(path: path)) : .failure(.notEmpty)
            }
        case .setData(let path, let data, let version):
            return checked(path, version) { _ in .success(.setData(path: path, data: data)) }
        case .setACL(let path, let acl, let version):
            guard let node = tree[path] else { return .failure(.noNode) }
            guard Self.isSupported(acl) else { return .failure(.invalidACL) }
            guard version == -1 || version == node.aversion else { return .failure(.badVersion) }
            return .success(.setACL(path: path, acl: acl))
        case .check(let path, let version): return checked(path, version) { _ in .success(nil) }
        }
    }

    private func checked(
        _ path: String, _ version: Int32, _ then: (ZNode) -> Result<Transaction?, ZooKeeperErrorCode>
    ) -> Result<Transaction?, ZooKeeperErrorCode> {
        guard let node = tree[path] else { return .failure(.noNode) }
        guard version == -1 || version == node.version else { return .failure(.badVersion) }
        return then(node)
    }

    private func create(
        _ path: String, _ data: [UInt8]?, _ acl: [ACL], _ flags: Int32, session: Int64
    ) -> Result<Transaction?, ZooKeeperErrorCode> {
        guard let mode = CreateMode(flags: flags) else {
            return .failure(flags > 3 && flags <= 6 ? .unimplemented : .badArguments)
        }
        guard let parentPath = ZNodePath.parent(of: path) else { return .failure(.badArguments) }
        guard Self.isSupported(acl) else { return .failure(.invalidACL) }
        guard let parent = tree[parentPath] else { return .failure(.noNode) }
        let final = mode.isSequential ? path + ZNodePath.sequenceSuffix(parent.createdChildren) : path
        guard ZNodePath.isValid(final), !Self.isReserved(final) else { return .failure(.badArguments) }
        guard tree[final] == nil else { return .failure(.nodeExists) }
        guard parent.owner == 0 else { return .failure(.noChildrenForEphemerals) }
        return .success(.create(path: final, data: data, acl: acl, owner: mode.isEphemeral ? session : 0))
    }

    /// Only the open scheme is enforced so far, so that only it may be set.
    private static func isSupported(_ acl: [ACL]) -> Bool {
        !acl.isEmpty && acl.allSatisfy { $0.scheme == "world" && $0.id == "anyone" && $0.permissions == 31 }
    }

    private static func isReserved(_ path: String) -> Bool {
        path == "/zookeeper" || path == "/zookeeper/quota" || path == "/zookeeper/config"
    }

    /// The answer to a request whose transaction was applied.
    func result(of request: WriteRequest, _ transaction: Transaction?) -> WriteResult {
        switch (request, transaction) {
        case (.create(_, _, _, _, let wantsStat), .create(let path, _, _, _)?):
            guard wantsStat, let node = tree[path] else { return .path(path) }
            return .pathAndStat(path, node.stat)
        case (.setData(let path, _, _), _), (.setACL(let path, _, _), _):
            return tree[path].map { .stat($0.stat) } ?? .nothing
        default: return .nothing
        }
    }

    /// All operations or none: they are applied one after another, so that each sees those before it, and taken
    /// back when one fails.
    mutating func multi(
        _ xid: Int32, _ reader: inout JuteReader, _ client: Client, _ now: Timestamp
    ) throws(JuteError) {
        let requests = try multiRequests(&reader)
        var saved: [(ZNodeName, ZNode?)] = []
        var transactions: [Transaction] = []
        var results: [(Int32, WriteResult)] = []
        for (index, (code, request)) in requests.enumerated() {
            switch decide(request, session: client.session) {
            case .success(let transaction):
                if let transaction {
                    transactions.append(transaction)
                    saved += tree.before(changing: transaction.path)
                    _ = apply(transaction, zxid: lastZxid + 1, time: now.milliseconds)
                }
                results.append((code, result(of: request, transaction)))
            case .failure(let error):
                tree.restore(saved)
                return multiFailed(client, xid, count: requests.count, at: index, error)
            }
        }
        tree.restore(saved)
        if !transactions.isEmpty { commit(.multi(transactions), now) }
        reply(client, xid) { writer in
            for (code, result) in results {
                MultiHeader(type: code, isDone: false, error: 0).write(to: &writer)
                result.write(to: &writer)
            }
            MultiHeader.end.write(to: &writer)
        }
    }

    private func multiRequests(_ reader: inout JuteReader) throws(JuteError) -> [(Int32, WriteRequest)] {
        var requests: [(Int32, WriteRequest)] = []
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { return requests }
            guard let operation = OperationCode(rawValue: header.type) else {
                throw JuteError("operation \(header.type) in a multi")
            }
            requests.append((header.type, try WriteRequest(operation, from: &reader)))
        }
    }

    /// Operations before the failing one carry 0, later ones "runtime inconsistency".
    private mutating func multiFailed(
        _ client: Client, _ xid: Int32, count: Int, at index: Int, _ error: ZooKeeperErrorCode
    ) {
        reply(client, xid) { writer in
            for position in 0..<count {
                let code: ZooKeeperErrorCode =
                    position < index ? .ok : position == index ? error : .runtimeInconsistency
                MultiHeader(type: -1, isDone: false, error: code.rawValue).write(to: &writer)
                writer.int(code.rawValue)
            }
            MultiHeader.end.write(to: &writer)
        }
    }
}
