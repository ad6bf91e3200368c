import ZooKeeperProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// All nodes, in pages that copies of the tree share until one of them changes: a copy is a snapshot that costs next to
/// nothing. Changes come as decided transactions and never fail.
struct ZNodeTree: Sendable {
    static let root: ZNodeIndex = 0
    private(set) var table = ZNodeTable()
    private var paths = PathTable()
    private(set) var acls = ACLTable()
    private(set) var ephemerals: [Int64: Set<ZNodeIndex>] = [:]
    /// Container and TTL nodes: what the periodic cleaning looks at.
    private(set) var mortals: Set<ZNodeIndex> = []
    var quotas = QuotaTable()
    /// Bytes of all paths and data: what ZooKeeper calls the approximate data size.
    private(set) var size = 0

    /// The tree of a new server. `config` may be read by all and written by the super user alone.
    init() {
        self.init(empty: ())
        for (path, acl) in [
            ("/zookeeper", ACL.open), ("/zookeeper/quota", ACL.open),
            ("/zookeeper/config", [ACL(permissions: Permission.read, scheme: "world", id: "anyone")]),
        ] {
            var stat = Stat()
            stat.aversion = path == "/zookeeper/config" ? -1 : 0
            restore(path, data: [], acl: acl, stat, createdChildren: 0, kind: .persistent)
        }
    }

    /// Nothing but a root.
    init(empty: Void) {
        let root = table.add(ZNodeRecord())
        table[root].content = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { name in
            NodeContent.make(
                name: UnsafeBufferPointer(rebasing: name[..<0]), data: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        table.setACL(acls.retain(ACL.open), of: root)
    }

    /// How many nodes there are, the root among them.
    var count: Int { paths.count + 1 }

    subscript(index: ZNodeIndex) -> ZNodeView { table.view(index) }

    func find(_ path: String) -> ZNodeIndex? {
        var path = path
        return path.withUTF8 { find($0) }
    }

    private func find(_ path: UnsafeBufferPointer<UInt8>) -> ZNodeIndex? {
        if path.count == 1, path[0] == UInt8(ascii: "/") { return Self.root }
        guard path.count > 1 else { return nil }
        return paths.first(PathTable.hash(path)) { matches($0, path) }
    }

    /// Whether a node has this path, from its last component upwards.
    private func matches(_ index: ZNodeIndex, _ path: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = index
        var end = path.count
        while index != Self.root {
            let content = table[index].content
            let isSame = content?.withName { name in
                guard end > name.count, path[end - name.count - 1] == UInt8(ascii: "/"), let base = path.baseAddress,
                    let own = name.baseAddress
                else { return false }
                return memcmp(base + end - name.count, own, name.count) == 0
            }
            guard isSame == true, let length = content?.nameLength else { return false }
            end -= length + 1
            index = table[index].parent
        }
        return end == 0
    }

    func path(of index: ZNodeIndex) -> String {
        guard index != Self.root else { return "/" }
        var names: [String] = []
        var index = index
        while index != Self.root {
            names.append(table[index].content?.name ?? "")
            index = table[index].parent
        }
        return names.reversed().reduce(into: "") { $0 += "/" + $1 }
    }

    /// The children in the order of their creation.
    func forEachChild(of index: ZNodeIndex, _ body: (ZNodeIndex) -> Void) {
        let first = table.details(of: index).firstChild
        guard first != ZNodeRecord.none else { return }
        var child = first
        repeat {
            body(child)
            child = table[child].nextSibling
        } while child != first
    }

    /// How many nodes there are below a node.
    func descendants(of index: ZNodeIndex) -> Int {
        var count = 0
        var open = [index]
        while let next = open.popLast() {
            forEachChild(of: next) { child in
                count += 1
                if self[child].childCount > 0 { open.append(child) }
            }
        }
        return count
    }

    func acl(of index: ZNodeIndex) -> [ACL] { acls[table.acl(of: index)] }
}

// What changes the tree.
extension ZNodeTree {
    mutating func create(_ path: String, data: [UInt8]?, acl: [ACL], kind: ZNodeKind, zxid: Int64, time: Int64) {
        var stat = Stat()
        (stat.czxid, stat.mzxid, stat.pzxid, stat.ctime, stat.mtime) = (zxid, zxid, zxid, time, time)
        guard let index = restore(path, data: data, acl: acl, stat, createdChildren: 0, kind: kind) else { return }
        table.change(table[index].parent) { parent in
            parent.createdChildren &+= 1
            parent.pzxid = zxid
        }
    }

    /// Adds a node as a snapshot has it, below a parent that is there; nothing of the parent's but its children changes.
    @discardableResult
    mutating func restore(
        _ path: String, data: [UInt8]?, acl: [ACL], _ stat: Stat, createdChildren: Int32, kind: ZNodeKind
    ) -> ZNodeIndex? {
        guard let parentPath = ZNodePath.parent(of: path), let parent = find(parentPath) else { return nil }
        var name = ZNodePath.name(of: path)
        let content = name.withUTF8 { name in
            guard let data else { return NodeContent.make(name: name, data: nil) }
            return data.withUnsafeBytes { NodeContent.make(name: name, data: $0) }
        }
        var path = path
        let (hash, length) = path.withUTF8 { (PathTable.hash($0), $0.count) }
        let index = add(
            content, below: parent, pathLength: length, acl: acls.retain(acl), stat, createdChildren: createdChildren,
            kind: kind)
        paths.insert(index, hash: hash)
        return index
    }

    /// Adds a node whose path is so long. It is found by its path when that is in `paths` too.
    private mutating func add(
        _ content: NodeContent, below parent: ZNodeIndex, pathLength: Int, acl: ACLTable.ID, _ stat: Stat,
        createdChildren: Int32, kind: ZNodeKind
    ) -> ZNodeIndex {
        var record = ZNodeRecord()
        record.content = content
        record.parent = parent
        record.czxid = stat.czxid
        record.ctime = stat.ctime
        let index = table.add(record)
        table.set(ZNodeDetails(stat, createdChildren: createdChildren, kind: kind), of: index)
        table.setACL(acl, of: index)
        link(index, below: parent)
        adopt(index, kind)
        size += pathLength + content.dataLength
        return index
    }

    /// Takes an access control list into use by one more node.
    mutating func retain(acl: [ACL]) -> ACLTable.ID { acls.retain(acl) }

    /// Adds a node of a snapshot, whose path is so long, to a tree that holds nothing else; `finishLoading` ends this.
    mutating func load(
        _ content: NodeContent, below parent: ZNodeIndex, pathLength: Int, acl: ACLTable.ID, _ stat: Stat,
        createdChildren: Int32, kind: ZNodeKind
    ) -> ZNodeIndex {
        acls.retain(acl)
        return add(
            content, below: parent, pathLength: pathLength, acl: acl, stat, createdChildren: createdChildren, kind: kind
        )
    }

    /// Takes the hashes of the paths of what was loaded, in its order: from here on the nodes are found. The lists that
    /// were retained for the time of loading are given back.
    mutating func finishLoading(hashes: [UInt32], lists: [ACLTable.ID]) {
        paths = PathTable(hashes: hashes, from: Self.root + 1)
        for list in lists { acls.release(list) }
    }

    private mutating func link(_ index: ZNodeIndex, below parent: ZNodeIndex) {
        let first = table.details(of: parent).firstChild
        let last = first == ZNodeRecord.none ? index : table[first].previousSibling
        table[index].nextSibling = first == ZNodeRecord.none ? index : first
        table[index].previousSibling = last
        if first != ZNodeRecord.none {
            table[last].nextSibling = index
            table[first].previousSibling = index
        }
        table.change(parent) { parent in
            if first == ZNodeRecord.none { parent.firstChild = index }
            parent.childCount += 1
        }
    }

    private mutating func adopt(_ index: ZNodeIndex, _ kind: ZNodeKind) {
        switch kind {
        case .persistent: break
        case .ephemeral(let session): ephemerals[session, default: []].insert(index)
        case .container, .ttl: mortals.insert(index)
        }
    }

    mutating func delete(_ path: String, zxid: Int64) {
        guard let index = find(path), index != Self.root else { return }
        let record = table[index]
        table[record.previousSibling].nextSibling = record.nextSibling
        table[record.nextSibling].previousSibling = record.previousSibling
        table.change(record.parent) { parent in
            if parent.firstChild == index {
                parent.firstChild = record.nextSibling == index ? ZNodeRecord.none : record.nextSibling
            }
            parent.childCount -= 1
            parent.pzxid = max(parent.pzxid, zxid)
        }
        disown(index, table.details(of: index).kind)
        acls.release(table.acl(of: index))
        var path = path
        let (hash, length) = path.withUTF8 { (PathTable.hash($0), $0.count) }
        size -= length + (record.content?.dataLength ?? 0)
        paths.remove(index, hash: hash)
        table.remove(index)
    }

    private mutating func disown(_ index: ZNodeIndex, _ kind: ZNodeKind) {
        switch kind {
        case .persistent: break
        case .ephemeral(let session):
            ephemerals[session]?.remove(index)
            if ephemerals[session]?.isEmpty == true { ephemerals[session] = nil }
        case .container, .ttl: mortals.remove(index)
        }
    }

    mutating func setData(_ index: ZNodeIndex, _ data: [UInt8]?, zxid: Int64, time: Int64) {
        replaceData(index, data)
        table.change(index) { node in
            node.version &+= 1
            node.mzxid = zxid
            node.mtime = time
        }
    }

    /// Other data without a change that clients see, as the usage counted below a quota.
    mutating func replaceData(_ index: ZNodeIndex, _ data: [UInt8]?) {
        guard let old = table[index].content else { return }
        let new = old.replacing(data: data)
        size += new.dataLength - old.dataLength
        table[index].content = new
    }

    /// Sets what a log of another kind says of a node, in full.
    mutating func change(_ index: ZNodeIndex, _ body: (inout ZNodeDetails) -> Void) { table.change(index, body) }

    mutating func setACL(_ path: String, _ acl: [ACL]) {
        guard let index = find(path) else { return }
        let old = table.acl(of: index)
        table.setACL(acls.retain(acl), of: index)
        acls.release(old)
        table.change(index) { $0.aversion &+= 1 }
    }

    /// Sets what a snapshot says of the root, which is never added.
    mutating func restoreRoot(data: [UInt8]?, acl: [ACL], _ stat: Stat, createdChildren: Int32) {
        replaceData(Self.root, data)
        let old = table.acl(of: Self.root)
        table[Self.root].czxid = stat.czxid
        table[Self.root].ctime = stat.ctime
        table.set(ZNodeDetails(stat, createdChildren: createdChildren, kind: .persistent), of: Self.root)
        table.setACL(acls.retain(acl), of: Self.root)
        acls.release(old)
    }
}

extension ZNodeDetails {
    fileprivate init(_ stat: Stat, createdChildren: Int32, kind: ZNodeKind) {
        self.init(zxid: stat.mzxid, time: stat.mtime)
        pzxid = stat.pzxid
        version = stat.version
        aversion = stat.aversion
        self.createdChildren = createdChildren
        self.kind = kind
    }
}
