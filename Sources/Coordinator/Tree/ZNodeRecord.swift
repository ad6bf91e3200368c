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

/// The place of a node in the tree's pages.
typealias ZNodeIndex = UInt32

/// A node as the tree keeps it: fixed size, with links to its relatives.
struct ZNodeRecord: Sendable {
    static let none = ZNodeIndex.max

    private enum Tag: UInt8 { case persistent, ephemeral, container, ttl }

    /// Nil for a place that holds no node.
    var content: NodeContent?
    var parent: ZNodeIndex = none
    /// The children are a ring: the first one's previous sibling is the last one.
    var firstChild: ZNodeIndex = none
    var nextSibling: ZNodeIndex = none
    var previousSibling: ZNodeIndex = none
    var childCount: Int32 = 0
    var acl: ACLTable.ID = 0
    var version: Int32 = 0
    var aversion: Int32 = 0
    /// Creates of children, ever: the next sequence number.
    var createdChildren: Int32 = 0
    private var tag = Tag.persistent
    var czxid: Int64 = 0
    var mzxid: Int64 = 0
    var pzxid: Int64 = 0
    /// Milliseconds since 1970, as is `mtime`.
    var ctime: Int64 = 0
    var mtime: Int64 = 0
    /// The session or the time to live.
    private var number: Int64 = 0

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

    /// The wire's cversion counts creates and deletes; the tree keeps creates alone.
    var stat: Stat {
        var stat = Stat()
        stat.czxid = czxid
        stat.mzxid = mzxid
        stat.ctime = ctime
        stat.mtime = mtime
        stat.version = version
        stat.cversion = 2 &* createdChildren &- childCount
        stat.aversion = aversion
        stat.ephemeralOwner = owner
        stat.dataLength = Int32(content?.dataLength ?? 0)
        stat.numChildren = childCount
        stat.pzxid = pzxid
        return stat
    }
}
