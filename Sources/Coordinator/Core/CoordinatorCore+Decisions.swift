import ZooKeeperProtocol

/// Whether a write may be done, and what it comes to. The order of the checks is that of
/// org.apache.zookeeper.server.PrepRequestProcessor: a client hears of the first that fails.
extension CoordinatorCore {
    typealias Decision = Result<Transaction?, ZooKeeperErrorCode>

    /// The transaction that a request comes to in the present state; nil for a check that holds.
    func decide(_ request: WriteRequest, _ client: Client, _ pending: PendingChanges = PendingChanges()) -> Decision {
        switch request {
        case .create(let creation): return create(creation, client, pending)
        case .delete(let path, let version): return delete(path, version, client, pending)
        case .setData(let path, let data, let version):
            return checked(path, Permission.write, client, pending) { node in
                if isOverQuota(path, bytes: (data?.count ?? 0) - node.dataLength, count: 0) {
                    return .failure(.quotaExceeded)
                }
                return Self.isVersion(version, node.version)
                    ? .success(.setData(path: path, data: data)) : .failure(.badVersion)
            }
        case .setACL(let path, let acl, let version):
            guard ZNodePath.isValid(path) else { return .failure(.badArguments) }
            guard let resolved = configuration.access.resolve(acl, for: client.identities) else {
                return .failure(.invalidACL)
            }
            return checked(path, Permission.admin, client, pending) { node in
                Self.isVersion(version, node.aversion)
                    ? .success(.setACL(path: path, acl: resolved)) : .failure(.badVersion)
            }
        case .check(let path, let version):
            return checked(path, Permission.read, client, pending) { node in
                Self.isVersion(version, node.version) ? .success(nil) : .failure(.badVersion)
            }
        }
    }

    private static func isVersion(_ wanted: Int32, _ present: Int32) -> Bool { wanted == -1 || wanted == present }

    private func checked(
        _ path: String, _ permission: Int32, _ client: Client, _ pending: PendingChanges,
        _ then: (NodeState) -> Decision
    ) -> Decision {
        guard ZNodePath.isValid(path) else { return .failure(.badArguments) }
        guard let node = pending.state(path, tree) else { return .failure(.noNode) }
        guard configuration.access.allows(permission, node.acl, to: client.identities) else {
            return .failure(.noAuth)
        }
        return then(node)
    }

    private func create(_ creation: WriteRequest.Creation, _ client: Client, _ pending: PendingChanges) -> Decision {
        let kind: ZNodeKind
        switch self.kind(creation, client.session) {
        case .success(let found): kind = found
        case .failure(let code): return .failure(code)
        }
        let path = creation.path
        // A sequential node may be asked for by the path "/": the number is its name.
        guard let parentPath = path == "/" ? path : ZNodePath.parent(of: path), !path.utf8.contains(0) else {
            return .failure(.badArguments)
        }
        guard let acl = configuration.access.resolve(creation.acl, for: client.identities) else {
            return .failure(.invalidACL)
        }
        guard let parent = pending.state(parentPath, tree) else { return .failure(.noNode) }
        guard configuration.access.allows(Permission.create, parent.acl, to: client.identities) else {
            return .failure(.noAuth)
        }
        let isSequential = CreateMode(rawValue: creation.flags)?.isSequential == true
        let final = isSequential ? path + ZNodePath.sequenceSuffix(parent.createdChildren) : path
        guard ZNodePath.isValid(final) else { return .failure(.badArguments) }
        guard pending.state(final, tree) == nil else { return .failure(.nodeExists) }
        if case .ephemeral = parent.kind { return .failure(.noChildrenForEphemerals) }
        if isOverQuota(final, bytes: creation.data?.count ?? 0, count: 1) { return .failure(.quotaExceeded) }
        return .success(.create(path: final, data: creation.data, acl: acl, kind: kind))
    }

    private func kind(
        _ creation: WriteRequest.Creation, _ session: Int64
    ) -> Result<ZNodeKind, ZooKeeperErrorCode> {
        guard let mode = CreateMode(rawValue: creation.flags) else { return .failure(.badArguments) }
        guard mode.hasTTL else {
            if let time = creation.timeToLive, time != -1 { return .failure(.badArguments) }
            return .success(
                mode.isEphemeral ? .ephemeral(session: session) : mode == .container ? .container : .persistent)
        }
        guard configuration.allowsTTL else { return .failure(.unimplemented) }
        // 40 bits, as ZooKeeper keeps it in the owner's field.
        guard let time = creation.timeToLive, (1...0xff_ffff_ffff).contains(time) else {
            return .failure(.badArguments)
        }
        return .success(.ttl(time))
    }

    private func delete(_ path: String, _ version: Int32, _ client: Client, _ pending: PendingChanges) -> Decision {
        guard path != "/", let parentPath = ZNodePath.parent(of: path), !path.utf8.contains(0), !Self.isReserved(path)
        else { return .failure(.badArguments) }
        guard let parent = pending.state(parentPath, tree) else { return .failure(.noNode) }
        guard configuration.access.allows(Permission.delete, parent.acl, to: client.identities) else {
            return .failure(.noAuth)
        }
        guard let node = pending.state(path, tree) else { return .failure(.noNode) }
        guard Self.isVersion(version, node.version) else { return .failure(.badVersion) }
        guard node.childCount == 0 else { return .failure(.notEmpty) }
        return .success(.delete(path: path))
    }

    private static func isReserved(_ path: String) -> Bool {
        path == "/zookeeper" || path == "/zookeeper/quota" || path == "/zookeeper/config"
    }

    /// Whether a hard limit of the nearest quota forbids so much more.
    private func isOverQuota(_ path: String, bytes: Int, count: Int64) -> Bool {
        guard configuration.enforcesQuota, let subject = tree.quotas.nearest(path),
            let limits = tree.limits(of: subject), let usage = tree.usage(of: subject)
        else { return false }
        if count > 0, limits.countHardLimit > -1, usage.count + count > limits.countHardLimit { return true }
        return bytes > 0 && limits.bytesHardLimit > -1 && usage.bytes + Int64(bytes) > limits.bytesHardLimit
    }

    /// The answer to a request whose transaction was applied just now.
    func result(of request: WriteRequest, _ transaction: Transaction?) -> WriteResult {
        switch (request, transaction) {
        case (.create(let creation), .create(let path, _, _, _)?):
            guard creation.wantsStat, let node = tree.find(path) else { return .path(path) }
            return .pathAndStat(path, tree[node].stat)
        case (.setData(let path, _, _), _), (.setACL(let path, _, _), _):
            return tree.find(path).map { .stat(tree[$0].stat) } ?? .nothing
        default: return .nothing
        }
    }
}
