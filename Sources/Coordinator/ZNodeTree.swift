import ZooKeeperProtocol

/// One node of the tree.
struct ZNode: Sendable, Equatable {
    var data: [UInt8]?
    var acl: [ACL]
    var czxid: Int64
    var mzxid: Int64
    var pzxid: Int64
    var ctime: Int64
    var mtime: Int64
    var version: Int32 = 0
    var aversion: Int32 = 0
    /// Creates of children, ever: the next sequence number.
    var createdChildren: Int32 = 0
    var owner: Int64
    var children: Set<String> = []

    init(data: [UInt8]?, acl: [ACL], zxid: Int64, time: Int64, owner: Int64 = 0) {
        self.data = data
        self.acl = acl
        czxid = zxid
        mzxid = zxid
        pzxid = zxid
        ctime = time
        mtime = time
        self.owner = owner
    }

    /// The wire's cversion counts creates and deletes; the tree keeps creates alone.
    var stat: Stat {
        var stat = Stat()
        stat.czxid = czxid
        stat.mzxid = mzxid
        stat.ctime = ctime
        stat.mtime = mtime
        stat.version = version
        stat.cversion = 2 &* createdChildren &- Int32(children.count)
        stat.aversion = aversion
        stat.ephemeralOwner = owner
        stat.dataLength = Int32(data?.count ?? 0)
        stat.numChildren = Int32(children.count)
        stat.pzxid = pzxid
        return stat
    }
}

/// All nodes. Changes come as decided transactions and never fail.
struct ZNodeTree: Sendable {
    private(set) var nodes: [String: ZNode] = [:]
    private(set) var ephemerals: [Int64: Set<String>] = [:]

    init() {
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
            nodes[path] = ZNode(data: [], acl: ACL.open, zxid: 0, time: 0)
        }
        nodes["/"]?.children = ["zookeeper"]
        nodes["/zookeeper"]?.children = ["quota", "config"]
    }

    /// The tree that a snapshot holds.
    init(nodes: [String: ZNode]) {
        self.nodes = nodes
        for (path, node) in nodes where node.owner != 0 { ephemerals[node.owner, default: []].insert(path) }
    }

    subscript(path: String) -> ZNode? { nodes[path] }

    mutating func create(_ path: String, data: [UInt8]?, acl: [ACL], owner: Int64, zxid: Int64, time: Int64) {
        guard let parent = ZNodePath.parent(of: path) else { return }
        nodes[path] = ZNode(data: data, acl: acl, zxid: zxid, time: time, owner: owner)
        nodes[parent]?.children.insert(ZNodePath.name(of: path))
        nodes[parent]?.createdChildren &+= 1
        nodes[parent]?.pzxid = zxid
        if owner != 0 { ephemerals[owner, default: []].insert(path) }
    }

    mutating func delete(_ path: String, zxid: Int64) {
        guard let node = nodes.removeValue(forKey: path), let parent = ZNodePath.parent(of: path) else { return }
        nodes[parent]?.children.remove(ZNodePath.name(of: path))
        if let known = nodes[parent]?.pzxid { nodes[parent]?.pzxid = max(known, zxid) }
        guard node.owner != 0 else { return }
        ephemerals[node.owner]?.remove(path)
        if ephemerals[node.owner]?.isEmpty == true { ephemerals[node.owner] = nil }
    }

    mutating func setData(_ path: String, _ data: [UInt8]?, zxid: Int64, time: Int64) {
        nodes[path]?.data = data
        nodes[path]?.version &+= 1
        nodes[path]?.mzxid = zxid
        nodes[path]?.mtime = time
    }

    mutating func setACL(_ path: String, _ acl: [ACL]) {
        nodes[path]?.acl = acl
        nodes[path]?.aversion &+= 1
    }
}
