import ServiceKit
import ZooKeeperProtocol

/// What a transaction did to one node.
struct NodeChange: Sendable, Equatable {
    let type: WatchEventType
    let path: String
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
            return [NodeChange(type: .created, path: path)]
        case .delete(let path): return [delete(path, zxid: zxid)]
        case .setData(let path, let data):
            let old = tree.find(path).map { tree[$0].content?.dataLength ?? 0 } ?? 0
            tree.setData(path, data, zxid: zxid, time: time)
            tree.addUsage(path, bytes: (data?.count ?? 0) - old, count: 0)
            return [NodeChange(type: .dataChanged, path: path)]
        case .setACL(let path, let acl):
            tree.setACL(path, acl)
            return []
        case .multi(let transactions):
            return transactions.flatMap { apply($0, zxid: zxid, time: time) }
        }
    }

    private mutating func delete(_ path: String, zxid: Int64) -> NodeChange {
        let bytes = tree.find(path).map { tree[$0].content?.dataLength ?? 0 } ?? 0
        tree.delete(path, zxid: zxid)
        tree.countDeleted(path, bytes: bytes)
        return NodeChange(type: .deleted, path: path)
    }

    /// The firing table of ZooKeeper: a node's own watchers first, then its parent's.
    mutating func notify(_ change: NodeChange) {
        switch change.type {
        case .created: sendEvent(.created, change.path, to: watches.fire(.data, change.path))
        case .deleted:
            var watchers = watches.fire(.data, change.path)
            watchers.formUnion(watches.fire(.child, change.path))
            sendEvent(.deleted, change.path, to: watchers)
        case .dataChanged: return sendEvent(.dataChanged, change.path, to: watches.fire(.data, change.path))
        case .childrenChanged: break
        }
        guard let parent = ZNodePath.parent(of: change.path) else { return }
        sendEvent(.childrenChanged, parent, to: watches.fire(.child, parent, isChildChange: true))
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
        let due = tree.mortals.filter { isDue($0, now.milliseconds) }.map { ZNodeName(tree.path(of: $0)) }.sorted()
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
