import ZooKeeperProtocol

/// The whole state at one zxid, so that the log before it can go.
///
///     file   = magic(8) block* 0(4)        block = length(4) crc32c(4) payload
///     first payload: zxid, number of nodes, sessions, access control lists
///     others:        nodes, parents first: depth, name, data, number of the list, Stat's fields, kind
struct Snapshot: Sendable {
    static let magic = Array("SMCSNP\u{0}\u{2}".utf8)
    private static let blockSize = 256 << 10

    let zxid: Int64
    let image: ZNodeTreeImage
    let sessions: [(id: Int64, timeout: Int32, password: [UInt8])]

    init(_ core: CoordinatorCore) {
        zxid = core.lastZxid
        image = core.tree.image
        sessions = core.sessions.map { ($0.key, $0.value.timeout, $0.value.password) }
    }

    static func name(zxid: Int64) -> String {
        "snapshot." + WriteAheadLog.name(zxid: zxid).dropFirst("log.".count)
    }

    /// The snapshots of a directory, newest last.
    static func files(in directory: String, _ files: any FileStore = SystemFiles()) -> [String] {
        files.names(in: directory).filter { $0.hasPrefix("snapshot.") && !$0.hasSuffix(".new") }
            .map { "\(directory)/\($0)" }
    }

    /// Removes what a crash left of a snapshot that was being written; each is as large as the tree.
    static func removeUnfinished(in directory: String, _ files: any FileStore) {
        for name in files.names(in: directory) where name.hasPrefix("snapshot.") && name.hasSuffix(".new") {
            files.remove("\(directory)/\(name)")
        }
    }

    /// Writes the snapshot under its name when it is whole and on disk; returns its size.
    @discardableResult
    func write(to directory: String, _ files: any FileStore = SystemFiles()) throws(LogError) -> Int {
        let path = "\(directory)/\(Self.name(zxid: zxid))"
        let file = try files.create("\(path).new")
        var output = BlockOutput(file: file)
        do {
            try output.raw(Self.magic)
            var numbers: [[ACL]: Int32] = [:]
            var lists: [[ACL]] = []
            image.forEach { _, record in
                let list = image.acls[record.acl]
                if numbers[list] == nil {
                    numbers[list] = Int32(lists.count)
                    lists.append(list)
                }
            }
            try output.block(header(lists))
            var writer = JuteWriter(capacity: Self.blockSize + 4096)
            try image.forEach { depth, record throws(LogError) in
                write(record, depth, list: numbers[image.acls[record.acl]] ?? 0, to: &writer)
                guard writer.bytes.count >= Self.blockSize else { return }
                try output.block(writer.bytes)
                writer = JuteWriter(capacity: Self.blockSize + 4096)
            }
            if !writer.bytes.isEmpty { try output.block(writer.bytes) }
            try output.raw(WriteAheadLog.bytes(0))
            try file.sync()
            _ = try files.rename(file, to: path)
            try files.syncDirectory(directory)
        } catch {
            files.remove("\(path).new")
            throw error
        }
        return output.position
    }

    private func header(_ lists: [[ACL]]) -> [UInt8] {
        var writer = JuteWriter()
        writer.long(zxid)
        writer.long(Int64(image.count))
        writer.vector(sessions) { writer, session in
            writer.long(session.id)
            writer.int(session.timeout)
            writer.buffer(session.password)
        }
        writer.vector(lists) { writer, list in writer.vector(list) { $1.write(to: &$0) } }
        return writer.bytes
    }

    private func write(_ record: ZNodeView, _ depth: Int32, list: Int32, to writer: inout JuteWriter) {
        writer.int(depth)
        record.content?.withName { writer.buffer(copying: UnsafeRawBufferPointer($0)) }
        record.content?.withData { writer.buffer(copying: $0) }
        writer.int(list)
        for value in [record.czxid, record.mzxid, record.pzxid, record.ctime, record.mtime] { writer.long(value) }
        for value in [record.version, record.aversion, record.createdChildren] { writer.int(value) }
        record.kind.write(to: &writer)
    }

    /// A file that grows by checksummed blocks.
    private struct BlockOutput {
        let file: any StoredFile
        var position = 0

        mutating func raw(_ bytes: [UInt8]) throws(LogError) {
            try file.write(bytes, at: position)
            position += bytes.count
        }

        mutating func block(_ payload: [UInt8]) throws(LogError) {
            try raw(WriteAheadLog.bytes(UInt32(payload.count)) + WriteAheadLog.bytes(Checksum.crc32c(payload)))
            try raw(payload)
        }
    }
}
