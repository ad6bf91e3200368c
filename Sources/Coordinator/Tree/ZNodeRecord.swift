import ZooKeeperProtocol

/// What a node is and when it goes.
enum ZNodeKind: Sendable, Equatable {
    case persistent
    /// Goes with its session.
    case ephemeral(session: Int64)
    /// Goes when its last child has gone.
    case container
    /// Goes when it is without children and unchanged for so many milliseconds.
    case ttl(Int64)
}

/// The place of a node in the tree's table.
typealias ZNodeIndex = UInt32

/// What every node has: its bytes, its relatives and its birth. 40 bytes: a tree has millions.
struct ZNodeRecord: Sendable {
    static let none = ZNodeIndex.max
    /// What `ctime` can be: 48 bits are the years from -2490 to 6429.
    private static let times = (Int64.min >> 16)...(Int64.max >> 16)

    /// Nil for a place that holds no node.
    var content: NodeContent?
    var parent: ZNodeIndex = none
    /// The children are a ring: the first one's previous sibling is the last one.
    var nextSibling: ZNodeIndex = none
    var previousSibling: ZNodeIndex = none
    /// The place of its details; `none` while they are those of a node that was just made and has no children.
    var details: UInt32 = none
    var czxid: Int64 = 0
    private var birth: Int64 = 0

    /// Milliseconds since 1970.
    var ctime: Int64 {
        get { birth >> 16 }
        set { birth = min(max(newValue, Self.times.lowerBound), Self.times.upperBound) << 16 | birth & 0xffff }
    }

    /// The lower half of the number of the access control list; hardly a tree needs the other one.
    var lowACL: UInt16 {
        get { UInt16(truncatingIfNeeded: birth) }
        set { birth = birth & ~0xffff | Int64(newValue) }
    }
}

/// What nodes have that were changed, have or had children, or are of a kind of their own. Most nodes of a large tree
/// have none of it, so that it is kept apart.
struct ZNodeDetails: Sendable {
    private enum Tag: UInt8 { case persistent, ephemeral, container, ttl }

    var firstChild: ZNodeIndex = ZNodeRecord.none
    var childCount: Int32 = 0
    /// Creates of children, ever: the next sequence number.
    var createdChildren: Int32 = 0
    var version: Int32 = 0
    var aversion: Int32 = 0
    private var tag = Tag.persistent
    /// The upper half of the number of the access control list.
    fileprivate(set) var highACL: UInt16 = 0
    var mzxid: Int64
    var pzxid: Int64
    /// Milliseconds since 1970.
    var mtime: Int64
    /// The session or the time to live.
    private var number: Int64 = 0

    init(zxid: Int64, time: Int64) {
        mzxid = zxid
        pzxid = zxid
        mtime = time
    }

    /// Whether this is what a node has that was made so and never touched.
    func isInitial(zxid: Int64, time: Int64) -> Bool {
        tag == .persistent && mzxid == zxid && pzxid == zxid && mtime == time && version == 0 && aversion == 0
            && createdChildren == 0 && childCount == 0 && highACL == 0
    }

    var kind: ZNodeKind {
        get {
            switch tag {
            case .persistent: .persistent
            case .ephemeral: .ephemeral(session: number)
            case .container: .container
            case .ttl: .ttl(number)
            }
        }
        set {
            switch newValue {
            case .persistent: (tag, number) = (.persistent, 0)
            case .ephemeral(let session): (tag, number) = (.ephemeral, session)
            case .container: (tag, number) = (.container, 0)
            case .ttl(let milliseconds): (tag, number) = (.ttl, milliseconds)
            }
        }
    }

    /// The session that owns an ephemeral node; 0 for every other, also on the wire.
    var owner: Int64 { tag == .ephemeral ? number : 0 }
}

/// A node, put together for reading.
@dynamicMemberLookup
struct ZNodeView: Sendable {
    let record: ZNodeRecord
    let details: ZNodeDetails

    subscript<T>(dynamicMember path: KeyPath<ZNodeDetails, T>) -> T { details[keyPath: path] }

    var content: NodeContent? { record.content }
    var parent: ZNodeIndex { record.parent }
    var acl: ACLTable.ID { ACLTable.ID(details.highACL) << 16 | ACLTable.ID(record.lowACL) }
    var czxid: Int64 { record.czxid }
    var ctime: Int64 { record.ctime }
    var childCount: Int32 { details.childCount }

    /// The wire's cversion counts creates and deletes; the tree keeps creates alone.
    var stat: Stat {
        var stat = Stat()
        stat.czxid = record.czxid
        stat.mzxid = details.mzxid
        stat.ctime = record.ctime
        stat.mtime = details.mtime
        stat.version = details.version
        stat.cversion = 2 &* details.createdChildren &- details.childCount
        stat.aversion = details.aversion
        stat.ephemeralOwner = details.owner
        stat.dataLength = Int32(record.content?.dataLength ?? 0)
        stat.numChildren = details.childCount
        stat.pzxid = details.pzxid
        return stat
    }
}

/// The nodes by their places.
struct ZNodeTable: Sendable {
    private var records = PagedTable<ZNodeRecord>()
    private var details = PagedTable<ZNodeDetails>()

    /// A node's parts that every node has.
    subscript(index: ZNodeIndex) -> ZNodeRecord {
        _read { yield records[index] }
        _modify { yield &records[index] }
    }

    func details(of index: ZNodeIndex) -> ZNodeDetails {
        let place = records[index].details
        guard place != ZNodeRecord.none else {
            return ZNodeDetails(zxid: records[index].czxid, time: records[index].ctime)
        }
        return details[place]
    }

    mutating func change(_ index: ZNodeIndex, _ body: (inout ZNodeDetails) -> Void) {
        let place = records[index].details
        guard place == ZNodeRecord.none else { return body(&details[place]) }
        var new = ZNodeDetails(zxid: records[index].czxid, time: records[index].ctime)
        body(&new)
        set(new, of: index)
    }

    /// Keeps details if they are worth it.
    mutating func set(_ new: ZNodeDetails, of index: ZNodeIndex) {
        guard !new.isInitial(zxid: records[index].czxid, time: records[index].ctime) else { return }
        records[index].details = details.add(new)
    }

    func acl(of index: ZNodeIndex) -> ACLTable.ID { view(index).acl }

    mutating func setACL(_ acl: ACLTable.ID, of index: ZNodeIndex) {
        records[index].lowACL = UInt16(truncatingIfNeeded: acl)
        let high = UInt16(truncatingIfNeeded: acl >> 16)
        guard details(of: index).highACL != high else { return }
        change(index) { $0.highACL = high }
    }

    mutating func add(_ record: ZNodeRecord) -> ZNodeIndex { records.add(record) }

    mutating func remove(_ index: ZNodeIndex) {
        let place = records[index].details
        if place != ZNodeRecord.none { details.remove(place, leaving: ZNodeDetails(zxid: 0, time: 0)) }
        records.remove(index, leaving: ZNodeRecord())
    }

    func view(_ index: ZNodeIndex) -> ZNodeView { ZNodeView(record: records[index], details: details(of: index)) }

    var image: ZNodeTable {
        var copy = self
        copy.records = records.image
        copy.details = details.image
        return copy
    }
}
