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
    var children: Set<ZNodeName> = []

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
    private(set) var nodes: [ZNodeName: ZNode] = [:]
    private(set) var ephemerals: [Int64: Set<ZNodeName>] = [:]

    init() {
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
            nodes[ZNodeName(path)] = ZNode(data: [], acl: ACL.open, zxid: 0, time: 0)
        }
        nodes[ZNodeName("/")]?.children = [ZNodeName("zookeeper")]
        nodes[ZNodeName("/zookeeper")]?.children = [ZNodeName("quota"), ZNodeName("config")]
    }

    /// The tree that a snapshot holds.
    init(nodes: [ZNodeName: ZNode]) {
        self.nodes = nodes
        for (path, node) in nodes where node.owner != 0 { ephemerals[node.owner, default: []].insert(path) }
    }

    subscript(path: String) -> ZNode? { nodes[ZNodeName(path)] }

    mutating func create(_ path: String, data: [UInt8]?, acl: [ACL], owner: Int64, zxid: Int64, time: Int64) {
        guard let parent = ZNodePath.parent(of: path).map(ZNodeName.init) else { return }
        let key = ZNodeName(path)
        nodes[key] = ZNode(data: data, acl: acl, zxid: zxid, time: time, owner: owner)
        nodes[parent]?.children.insert(ZNodeName(ZNodePath.name(of: path)))
        nodes[parent]?.createdChildren &+= 1
        nodes[parent]?.pzxid = zxid
        if owner != 0 { ephemerals[owner, default: []].insert(key) }
    }

    mutating func delete(_ path: String, zxid: Int64) {
        let key = ZNodeName(path)
        guard let node = nodes.removeValue(forKey: key), let parent = ZNodePath.parent(of: path).map(ZNodeName.init)
        else { return }
        nodes[parent]?.children.remove(ZNodeName(ZNodePath.name(of: path)))
        if let known = nodes[parent]?.pzxid { nodes[parent]?.pzxid = max(known, zxid) }
        disown(key, node.owner)
    }

    private mutating func disown(_ key: ZNodeName, _ owner: Int64) {
        guard owner != 0 else { return }
        ephemerals[owner]?.remove(key)
        if ephemerals[owner]?.isEmpty == true { ephemerals[owner] = nil }
    }

    mutating func setData(_ path: String, _ data: [UInt8]?, zxid: Int64, time: Int64) {
        let key = ZNodeName(path)
        nodes[key]?.data = data
        nodes[key]?.version &+= 1
        nodes[key]?.mzxid = zxid
        nodes[key]?.mtime = time
    }

    mutating func setACL(_ path: String, _ acl: [ACL]) {
        nodes[ZNodeName(path)]?.acl = acl
        nodes[ZNodeName(path)]?.aversion &+= 1
    }

    /// The nodes that a change of a path touches, as they are: for taking the change back.
    func before(changing path: String) -> [(ZNodeName, ZNode?)] {
        [path, ZNodePath.parent(of: path)].compactMap { $0.map(ZNodeName.init) }.map { ($0, nodes[$0]) }
    }

    /// Takes changes back, the last one first.
    mutating func restore(_ saved: [(ZNodeName, ZNode?)]) {
        for (key, node) in saved.reversed() {
            if let present = nodes[key] { disown(key, present.owner) }
            nodes[key] = node
            if let node, node.owner != 0 { ephemerals[node.owner, default: []].insert(key) }
        }
    }
}
