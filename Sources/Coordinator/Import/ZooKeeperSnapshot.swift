import ServiceKit
import ZooKeeperProtocol

/// ZooKeeper's snapshot file: sessions, access control lists by number, and the nodes with their whole paths.
enum ZooKeeperSnapshot {
    static func read(_ content: [UInt8]) throws(JuteError) -> (ZNodeTree, [Int64: Session]) {
        var reader = JuteReader(content)
        guard try reader.int() == 0x5a4b_534e, try reader.int() == 2 else { throw JuteError("not a snapshot") }
        _ = try reader.long()
        var sessions: [Int64: Session] = [:]
        for _ in 0..<max(0, try reader.int()) {
            let id = try reader.long()
            sessions[id] = Session(
                timeout: try reader.int(), password: JavaRandom.password(ofSession: id),
                deadline: Timestamp(nanoseconds: 0))
        }
        var lists: [Int64: [ACL]] = [-1: ACL.open]
        for _ in 0..<max(0, try reader.int()) {
            let number = try reader.long()
            lists[number] = try reader.vector(ACL.init)
        }
        var tree = ZNodeTree(empty: ())
        while true {
            let path = try reader.text()
            if path == "/" { break }
            try readNode(path, &reader, lists, &tree)
        }
        let checksum = Adler32.of(content[..<reader.offset])
        guard try reader.long() == Int64(checksum) else { throw JuteError("the checksum is wrong") }
        return (tree, sessions)
    }

    private static func readNode(
        _ path: String, _ reader: inout JuteReader, _ lists: [Int64: [ACL]], _ tree: inout ZNodeTree
    ) throws(JuteError) {
        let data = try reader.buffer()
        guard let acl = lists[try reader.long()] else { throw JuteError("\(path): an access control list is missing") }
        var stat = Stat()
        stat.czxid = try reader.long()
        stat.mzxid = try reader.long()
        stat.ctime = try reader.long()
        stat.mtime = try reader.long()
        stat.version = try reader.int()
        let created = try reader.int()
        stat.aversion = try reader.int()
        let kind = ZNodeKind(zooKeeperOwner: try reader.long())
        stat.pzxid = try reader.long()
        guard !path.isEmpty else { return tree.restoreRoot(data: data, acl: acl, stat, createdChildren: created) }
        guard tree.restore(path, data: data, acl: acl, stat, createdChildren: created, kind: kind) != nil else {
            throw JuteError("\(path): its parent is missing")
        }
    }
}

extension ZNodeKind {
    /// From the field `ephemeralOwner` as ZooKeeper stores it (EphemeralType).
    init(zooKeeperOwner owner: Int64) {
        if owner == 0 {
            self = .persistent
        } else if owner == .min {
            self = .container
        } else if owner >> 40 & 0xff_ffff == 0xff_0000 {
            self = .ttl(owner & 0xff_ffff_ffff)
        } else {
            self = .ephemeral(session: owner)
        }
    }
}

/// The checksum of ZooKeeper's files (RFC 1950, section 8.2).
enum Adler32 {
    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var low: UInt32 = 1
        var high: UInt32 = 0
        var rest = bytes
        while !rest.isEmpty {
            // As many as fit before the sums must be reduced.
            for byte in rest.prefix(5552) {
                low &+= UInt32(byte)
                high &+= low
            }
            low %= 65_521
            high %= 65_521
            rest = rest.dropFirst(5552)
        }
        return high << 16 | low
    }
}
