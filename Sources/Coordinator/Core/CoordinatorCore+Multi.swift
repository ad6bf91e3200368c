import ServiceKit
import ZooKeeperProtocol

extension CoordinatorCore {
    /// All operations or none: each is decided on what those before it leave, and all are applied as one transaction.
    mutating func multi(
        _ xid: Int32, _ reader: inout JuteReader, _ client: Client, _ now: Timestamp
    ) throws(JuteError) {
        let requests = try multiRequests(&reader)
        var pending = PendingChanges()
        var decided: [Transaction?] = []
        for (index, (_, request)) in requests.enumerated() {
            guard !Self.lacksTimeToLive(request) else { return fail(client, xid, .marshallingError) }
            switch isDiskFull ? .failure(.notReadOnly) : decide(request, client, pending) {
            case .success(let transaction):
                if let transaction { pending.add(transaction, tree) }
                decided.append(transaction)
            case .failure(let error): return multiFailed(client, xid, count: requests.count, at: index, error)
            }
        }
        let results = commit(requests.map(\.1), decided, now)
        reply(client, xid) { writer in
            for ((code, request), result) in zip(requests, results) {
                Self.write(result, of: request, code, to: &writer)
            }
            MultiHeader.end.write(to: &writer)
        }
    }

    /// An operation that is no create with a time to live asks for one. ZooKeeper cannot read such a multi.
    private static func lacksTimeToLive(_ request: WriteRequest) -> Bool {
        guard case .create(let creation) = request, creation.timeToLive == nil else { return false }
        return CreateMode(rawValue: creation.flags)?.hasTTL == true
    }

    /// What a create answers inside a multi goes by the node's kind, whatever operation asked for it.
    private static func write(
        _ result: WriteResult, of request: WriteRequest, _ code: Int32, to writer: inout JuteWriter
    ) {
        guard case .create(let creation) = request, case .pathAndStat(let path, _) = result else {
            MultiHeader(type: code, isDone: false, error: 0).write(to: &writer)
            return result.write(to: &writer)
        }
        let isPlain = (0...3).contains(creation.flags)
        let type = isPlain ? OperationCode.create : .create2
        MultiHeader(type: type.rawValue, isDone: false, error: 0).write(to: &writer)
        if isPlain { writer.string(path) } else { result.write(to: &writer) }
    }

    /// Applies the operations one by one, as each answer shows its node just after it.
    private mutating func commit(
        _ requests: [WriteRequest], _ decided: [Transaction?], _ now: Timestamp
    ) -> [WriteResult] {
        let transactions = decided.compactMap { $0 }
        let time = wallTime(now)
        if !transactions.isEmpty {
            lastZxid += 1
            let entry = LogEntry(zxid: lastZxid, time: time, transaction: .multi(transactions))
            effects.append(.append(entry))
        }
        var changes: [NodeChange] = []
        var results: [WriteResult] = []
        for (request, transaction) in zip(requests, decided) {
            var request = request
            if case .create(var creation) = request {
                creation.wantsStat = true
                request = .create(creation)
            }
            if let transaction { changes += apply(transaction, zxid: lastZxid, time: time) }
            results.append(result(of: request, transaction))
        }
        for change in changes {
            notify(change)
            noteQuota(change)
        }
        return results
    }

    private func multiRequests(_ reader: inout JuteReader) throws(JuteError) -> [(Int32, WriteRequest)] {
        var requests: [(Int32, WriteRequest)] = []
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { return requests }
            guard let operation = OperationCode(rawValue: header.type), operation != .setACL else {
                throw JuteError("operation \(header.type) in a multi")
            }
            var request = try WriteRequest(operation, from: &reader)
            // Inside a multi ZooKeeper overlooks the time of a node that has none.
            if case .create(var creation) = request, operation == .createTTL, (0...4).contains(creation.flags) {
                creation.timeToLive = -1
                request = .create(creation)
            }
            requests.append((header.type, request))
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
