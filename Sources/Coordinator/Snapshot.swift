import ServiceKit
import ZooKeeperProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The whole state at one zxid, so that the log before it can go.
///
///     file = magic(8) body crc32c(4)
struct Snapshot: Sendable {
    private static let magic = Array("SMCSNP\u{0}\u{1}".utf8)

    let zxid: Int64
    let nodes: [ZNodeName: ZNode]
    let sessions: [Int64: Session]

    static func name(zxid: Int64) -> String {
        "snapshot." + WriteAheadLog.name(zxid: zxid).dropFirst("log.".count)
    }

    /// The snapshots of a directory, newest last.
    static func files(in directory: String) -> [String] {
        SmallFile.names(in: directory).filter { $0.hasPrefix("snapshot.") && !$0.hasSuffix(".new") }.sorted()
            .map { "\(directory)/\($0)" }
    }

    func write(to directory: String) throws(SmallFile.WriteError) {
        var writer = JuteWriter()
        writer.long(zxid)
        writer.vector(Array(sessions)) { writer, session in
            writer.long(session.key)
            writer.int(session.value.timeout)
            writer.buffer(session.value.password)
        }
        writer.vector(Array(nodes)) { Self.write($1.key.text, $1.value, to: &$0) }
        var content = Self.magic + writer.bytes
        var checksum = JuteWriter()
        checksum.int(Int32(bitPattern: Checksum.crc32c(writer.bytes)))
        content += checksum.bytes
        try SmallFile.replace("\(directory)/\(Self.name(zxid: zxid))", with: content)
    }

    private static func write(_ path: String, _ node: ZNode, to writer: inout JuteWriter) {
        writer.string(path)
        writer.buffer(node.data)
        writer.vector(node.acl) { $1.write(to: &$0) }
        for value in [node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime, node.owner] { writer.long(value) }
        for value in [node.version, node.aversion, node.createdChildren] { writer.int(value) }
    }

    init(zxid: Int64, nodes: [ZNodeName: ZNode], sessions: [Int64: Session]) {
        self.zxid = zxid
        self.nodes = nodes
        self.sessions = sessions
    }

    init(reading path: String) throws(LogError) {
        guard let content = WriteAheadLog.wholeFile(path) else { throw .system("read", path) }
        let body = content.dropFirst(Self.magic.count).dropLast(4)
        do {
            var checksum = JuteReader(content.suffix(4))
            guard content.count >= Self.magic.count + 4, content.starts(with: Self.magic),
                UInt32(bitPattern: try checksum.int()) == Checksum.crc32c(body)
            else { throw JuteError("not a whole snapshot of this version") }
            var reader = JuteReader(body)
            zxid = try reader.long()
            sessions = try Self.sessions(&reader)
            nodes = try Self.nodes(&reader)
        } catch {
            throw LogError(description: "\(path): \(error): restore it from a copy")
        }
    }

    private static func sessions(_ reader: inout JuteReader) throws(JuteError) -> [Int64: Session] {
        let pairs = try reader.vector { (reader: inout JuteReader) throws(JuteError) in
            let id = try reader.long()
            let timeout = try reader.int()
            let password = try reader.buffer() ?? []
            return (id, Session(timeout: timeout, password: password, deadline: Timestamp(nanoseconds: 0)))
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private static func nodes(_ reader: inout JuteReader) throws(JuteError) -> [ZNodeName: ZNode] {
        var nodes: [ZNodeName: ZNode] = [:]
        let pairs = try reader.vector { (reader: inout JuteReader) throws(JuteError) in
            let path = try reader.text()
            var node = ZNode(data: try reader.buffer(), acl: try reader.vector(ACL.init), zxid: 0, time: 0)
            node.czxid = try reader.long()
            node.mzxid = try reader.long()
            node.pzxid = try reader.long()
            node.ctime = try reader.long()
            node.mtime = try reader.long()
            node.owner = try reader.long()
            node.version = try reader.int()
            node.aversion = try reader.int()
            node.createdChildren = try reader.int()
            return (path, node)
        }
        for (path, node) in pairs { nodes[ZNodeName(path)] = node }
        for (path, _) in pairs {
            guard let parent = ZNodePath.parent(of: path) else { continue }
            nodes[ZNodeName(parent)]?.children.insert(ZNodeName(ZNodePath.name(of: path)))
        }
        return nodes
    }
}
