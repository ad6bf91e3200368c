import ZooKeeperProtocol

/// What a decision needs to know of a node.
struct NodeState: Sendable {
    var kind: ZNodeKind
    var version: Int32 = 0
    var aversion: Int32 = 0
    var createdChildren: Int32 = 0
    var childCount: Int32 = 0
    var acl: [ACL]
    var dataLength: Int
}

/// The nodes as the decided, not yet applied operations of a multi leave them.
struct PendingChanges: Sendable {
    /// Nil for a node that is going to be deleted.
    private var states: [ZNodeName: NodeState?] = [:]

    func state(_ path: String, _ tree: ZNodeTree) -> NodeState? {
        if !states.isEmpty, let pending = states[ZNodeName(path)] { return pending }
        guard let index = tree.find(path) else { return nil }
        let record = tree[index]
        return NodeState(
            kind: record.kind, version: record.version, aversion: record.aversion,
            createdChildren: record.createdChildren, childCount: record.childCount, acl: tree.acls[record.acl],
            dataLength: record.content?.dataLength ?? 0)
    }

    /// Takes a decided operation into account.
    mutating func add(_ transaction: Transaction, _ tree: ZNodeTree) {
        switch transaction {
        case .create(let path, let data, let acl, let kind):
            changeParent(of: path, tree) {
                $0.createdChildren &+= 1
                $0.childCount += 1
            }
            states.updateValue(NodeState(kind: kind, acl: acl, dataLength: data?.count ?? 0), forKey: ZNodeName(path))
        case .delete(let path):
            changeParent(of: path, tree) { $0.childCount -= 1 }
            states.updateValue(nil, forKey: ZNodeName(path))
        case .setData(let path, let data):
            change(path, tree) {
                $0.version &+= 1
                $0.dataLength = data?.count ?? 0
            }
        case .setACL(let path, let acl):
            change(path, tree) {
                $0.aversion &+= 1
                $0.acl = acl
            }
        case .createSession, .closeSession, .multi: break
        }
    }

    private mutating func changeParent(of path: String, _ tree: ZNodeTree, _ body: (inout NodeState) -> Void) {
        if let parent = ZNodePath.parent(of: path) { change(parent, tree, body) }
    }

    private mutating func change(_ path: String, _ tree: ZNodeTree, _ body: (inout NodeState) -> Void) {
        guard var state = state(path, tree) else { return }
        body(&state)
        states.updateValue(state, forKey: ZNodeName(path))
    }
}
