import ServiceKit
import ZooKeeperProtocol

/// Brings the state of a snapshot back.
struct SnapshotReader {
    private let path: String
    private var file: any FileReader
    private var left: Int
    private var lists: [ACLTable.ID] = []
    private var expected: Int64 = 0
    /// The nodes from the root to the last one that was read, and how long the path of each is.
    private var ancestors: [(node: ZNodeIndex, length: Int)] = []
    private var nodePath: [UInt8] = []
    /// Of the paths of all nodes but the root.
    private var hashes: [UInt32] = []

    private(set) var zxid: Int64 = 0
    private(set) var tree = ZNodeTree(empty: ())
    private(set) var sessions: [Int64: Session] = [:]

    /// Reads a whole snapshot; a damaged one is an error that names the file.
    init(_ path: String, _ files: any FileStore = SystemFiles()) throws(LogError) {
        self.path = path
        file = try files.read(path)
        left = file.size
        do {
            guard try bytes(Snapshot.magic.count) == Snapshot.magic else {
                throw JuteError("not a snapshot of this version")
            }
            guard let header = try block() else { throw JuteError("no header") }
            try readHeader(header)
            while let block = try block() { try readNodes(block) }
            tree.finishLoading(hashes: hashes, lists: lists)
            (hashes, lists) = ([], [])
            guard left == 0, Int64(tree.count) == expected else { throw JuteError("nodes are missing") }
        } catch {
            throw LogError(description: "\(path): \(error): restore it from a copy")
        }
    }

    private mutating func bytes(_ count: Int) throws(JuteError) -> [UInt8] {
        guard count <= left else { throw JuteError("cut short") }
        let content: [UInt8]
        do { content = try file.next(count) } catch { throw JuteError(error.description) }
        guard content.count == count else { throw JuteError("cut short") }
        left -= count
        return content
    }

    /// The next block; nil at the end.
    private mutating func block() throws(JuteError) -> [UInt8]? {
        var reader = JuteReader(try bytes(4))
        let length = Int(UInt32(bitPattern: try reader.int()))
        guard length > 0 else { return nil }
        var checksum = JuteReader(try bytes(4))
        let wanted = UInt32(bitPattern: try checksum.int())
        let payload = try bytes(length)
        guard Checksum.crc32c(payload) == wanted else { throw JuteError("damaged before offset \(left) from its end") }
        return payload
    }

    private mutating func readHeader(_ payload: [UInt8]) throws(JuteError) {
        var reader = JuteReader(payload)
        zxid = try reader.long()
        expected = try reader.long()
        let pairs = try reader.vector { (reader: inout JuteReader) throws(JuteError) in
            let id = try reader.long()
            let timeout = try reader.int()
            let password = try reader.buffer() ?? []
            return (id, Session(timeout: timeout, password: password, deadline: Timestamp(nanoseconds: 0)))
        }
        sessions = Dictionary(pairs) { first, _ in first }
        let acls = try reader.vector { (reader: inout JuteReader) throws(JuteError) in try reader.vector(ACL.init) }
        // Kept for the time of reading; each node takes its own share.
        lists = acls.map { tree.retain(acl: $0) }
        hashes.reserveCapacity(Int(clamping: min(expected, Int64(left / 60))))
    }

    private mutating func readNodes(_ payload: [UInt8]) throws(JuteError) {
        var reader = JuteReader(payload)
        while !reader.isAtEnd { try readNode(&reader) }
    }

    private mutating func readNode(_ reader: inout JuteReader) throws(JuteError) {
        let depth = Int(try reader.int())
        guard depth <= ancestors.count, (depth == 0) == ancestors.isEmpty else {
            throw JuteError("a node of no parent")
        }
        let name = try reader.slice() ?? []
        let content = try reader.withBuffer { data in
            name.withUnsafeBufferPointer { NodeContent.make(name: $0, data: data) }
        }
        let number = Int(try reader.int())
        guard lists.indices.contains(number) else { throw JuteError("an access control list that is not there") }
        let list = lists[number]
        var stat = Stat()
        stat.czxid = try reader.long()
        stat.mzxid = try reader.long()
        stat.pzxid = try reader.long()
        stat.ctime = try reader.long()
        stat.mtime = try reader.long()
        stat.version = try reader.int()
        stat.aversion = try reader.int()
        let createdChildren = try reader.int()
        let kind = try ZNodeKind(from: &reader)
        guard depth > 0 else {
            tree.restoreRoot(data: content.data, acl: tree.acls[list], stat, createdChildren: createdChildren)
            ancestors = [(ZNodeTree.root, 0)]
            return
        }
        ancestors.removeLast(ancestors.count - depth)
        let parent = ancestors[depth - 1]
        nodePath.removeLast(nodePath.count - parent.length)
        nodePath.append(UInt8(ascii: "/"))
        nodePath += name
        hashes.append(nodePath.withUnsafeBufferPointer { PathTable.hash($0) })
        let node = tree.load(
            content, below: parent.node, pathLength: nodePath.count, acl: list, stat, createdChildren: createdChildren,
            kind: kind)
        ancestors.append((node, nodePath.count))
    }
}
