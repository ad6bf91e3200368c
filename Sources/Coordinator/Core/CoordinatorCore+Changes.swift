import ServiceKit
import ZooKeeperProtocol

/// What a transaction did to one node.
struct NodeChange: Sendable, Equatable {
    let type: WatchEventType
    let path: String
    /// Who may read the node, or might before it was deleted.
    let acl: [ACL]
}

extension CoordinatorCore {
    /// Changes tree and sessions; returns what watchers must hear. The one place where state changes.
    mutating func apply(_ transaction: Transaction, zxid: Int64, time: Int64) -> [NodeChange] {
        switch transaction {
        case .createSession(let id, let timeout, let password):
            sessions[id] = Session(timeout: timeout, password: password, deadline: Timestamp(nanoseconds: 0))
            return []
        case .closeSession(let id):
            sessions[id] = nil
            let paths = (tree.ephemerals[id] ?? []).map { ZNodeName(tree.path(of: $0)) }.sorted()
            return paths.map { delete($0.text, zxid: zxid) }
        case .create(let path, let data, let acl, let kind):
            tree.create(path, data: data, acl: acl, kind: kind, zxid: zxid, time: time)
            tree.countCreated(path, bytes: data?.count ?? 0)
            return [NodeChange(type: .created, path: path, acl: acl)]
        case .delete(let path): return [delete(path, zxid: zxid)]
        case .setData(let path, let data):
            guard let node = tree.find(path) else { return [] }
            let old = tree[node].content?.dataLength ?? 0
            tree.setData(node, data, zxid: zxid, time: time)
            tree.addUsage(path, bytes: (data?.count ?? 0) - old, count: 0)
            return [NodeChange(type: .dataChanged, path: path, acl: tree.acl(of: node))]
        case .setACL(let path, let acl):
            tree.setACL(path, acl)
            return []
        case .multi(let transactions):
            return transactions.flatMap { apply($0, zxid: zxid, time: time) }
        }
    }

    private mutating func delete(_ path: String, zxid: Int64) -> NodeChange {
        let node = tree.find(path)
        let acl = node.map { tree.acl(of: $0) } ?? []
        let bytes = node.map { tree[$0].content?.dataLength ?? 0 } ?? 0
        tree.delete(path, zxid: zxid)
        tree.countDeleted(path, bytes: bytes)
        return NodeChange(type: .deleted, path: path, acl: acl)
    }

    /// The firing table of ZooKeeper: a node's own watchers first, then its parent's. Only those hear of a change who
    /// may read what changed (ZOOKEEPER-4799); a one-shot watch is used up all the same.
    mutating func notify(_ change: NodeChange) {
        switch change.type {
        case .created: tell(.created, change.path, change.acl, watches.fire(.data, change.path))
        case .deleted:
            var watchers = watches.fire(.data, change.path)
            watchers.formUnion(watches.fire(.child, change.path))
            tell(.deleted, change.path, change.acl, watchers)
        case .dataChanged: return tell(.dataChanged, change.path, change.acl, watches.fire(.data, change.path))
        case .childrenChanged: break
        }
        guard let parent = ZNodePath.parent(of: change.path) else { return }
        let watchers = watches.fire(.child, parent, isChildChange: true)
        guard !watchers.isEmpty else { return }
        tell(.childrenChanged, parent, tree.find(parent).map { tree.acl(of: $0) } ?? [], watchers)
    }

    private mutating func tell(
        _ type: WatchEventType, _ path: String, _ acl: [ACL], _ watchers: Set<ConnectionID>
    ) {
        let access = configuration.access
        // Mostly everybody may read, and nobody in particular need be asked about.
        guard !watchers.isEmpty, !access.allows(Permission.read, acl, to: []) else {
            return sendEvent(type, path, to: watchers)
        }
        let readers = watchers.filter { access.allows(Permission.read, acl, to: identities[$0] ?? []) }
        sendEvent(type, path, to: readers)
    }

    /// Tells each watcher once, in the order in which they came.
    mutating func sendEvent(_ type: WatchEventType, _ path: String, to watchers: Set<ConnectionID>) {
        guard !watchers.isEmpty else { return }
        var writer = JuteWriter.beginFrame(capacity: 32 + path.utf8.count)
        ReplyHeader(xid: ReservedXID.notification, zxid: -1, error: 0).write(to: &writer)
        writer.int(type.rawValue)
        writer.int(3)  // SyncConnected, the only state a server reports.
        writer.string(path)
        effects.append(.notify(watchers.sorted { $0.number < $1.number }, writer.endFrame()))
    }

    /// Containers that lost their last child, and TTL nodes whose time is over.
    mutating func removeMortals(_ now: Timestamp) {
        guard !isDiskFull, now >= nextContainerCheck else { return }
        nextContainerCheck = now + .milliseconds(configuration.containerInterval)
        let due = tree.mortals.filter { isDue($0, wallTime(now)) }.map { ZNodeName(tree.path(of: $0)) }.sorted()
        let most = max(1, configuration.containersPerMinute * configuration.containerInterval / 60_000)
        for path in due.prefix(Int(clamping: most)) { commit(.delete(path: path.text), now) }
    }

    private func isDue(_ index: ZNodeIndex, _ milliseconds: Int64) -> Bool {
        let record = tree[index]
        guard record.childCount == 0 else { return false }
        switch record.kind {
        case .ttl(let time): return milliseconds - record.mtime > time
        case .container where record.createdChildren > 0: return true
        case .container: return configuration.containerNeverUsed.map { milliseconds - record.ctime > $0 } ?? false
        case .persistent, .ephemeral: return false
        }
    }
}
