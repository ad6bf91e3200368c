import ZooKeeperProtocol

/// One transaction of a ZooKeeper's log.
struct ZooKeeperTransaction {
    struct Creation {
        let path: String
        let data: [UInt8]?
        let acl: [ACL]
        let kind: ZNodeKind
        /// The parent's count of creates after this one; nil in logs of old versions.
        let parentVersion: Int32?
    }

    indirect enum Change {
        case createSession(timeout: Int32)
        case closeSession
        case create(Creation)
        case delete(String)
        case setData(String, [UInt8]?, version: Int32)
        case setACL(String, [ACL], version: Int32)
        case multi([Change])
        case nothing
    }

    let session: Int64
    let zxid: Int64
    let time: Int64
    let change: Change
}

/// ZooKeeper's log file: `header (crc(8) length(4) transaction 'B')* zeros`.
enum ZooKeeperLog {
    /// Calls for each transaction in order. One that a crash cut short ends the newest file.
    static func read(
        _ path: String, isNewest: Bool, _ body: (ZooKeeperTransaction) throws(LogError) -> Void
    ) throws(LogError) {
        let content = try SystemFiles().content(path)
        var reader = JuteReader(content)
        guard let magic = try? reader.int(), magic == 0x5a4b_4c47, (try? reader.int()) == 2,
            (try? reader.long()) != nil
        else {
            if isNewest, content.count < 16 || content.prefix(16).allSatisfy({ $0 == 0 }) { return }
            throw LogError(description: "\(path): not a log of a ZooKeeper")
        }
        while !reader.isAtEnd {
            let start = reader.offset
            let next: ZooKeeperTransaction
            do {
                let checksum = try reader.long()
                guard let bytes = try reader.buffer(), !bytes.isEmpty else { return }
                guard try reader.byte() == 0x42, Int64(Adler32.of(bytes[...])) == checksum else {
                    throw JuteError("the checksum is wrong")
                }
                next = try transaction(bytes)
            } catch {
                if isNewest { return }
                throw LogError(
                    description: "\(path): damaged at offset \(start) (\(error)), and later logs follow: restore it")
            }
            try body(next)
        }
    }

    private static func transaction(_ bytes: [UInt8]) throws(JuteError) -> ZooKeeperTransaction {
        var reader = JuteReader(bytes)
        let session = try reader.long()
        _ = try reader.int()
        let zxid = try reader.long()
        let time = try reader.long()
        let type = try reader.int()
        return ZooKeeperTransaction(
            session: session, zxid: zxid, time: time, change: try change(type, &reader, session, depth: 0))
    }

    private static func change(
        _ type: Int32, _ reader: inout JuteReader, _ session: Int64, depth: Int
    ) throws(JuteError) -> ZooKeeperTransaction.Change {
        switch type {
        case 1, 15, 19, 21: return .create(try creation(type, &reader, session))
        case 2, 20: return .delete(try reader.text())
        case 5, 16:
            let path = try reader.text()
            let data = try reader.buffer()
            return .setData(path, data, version: try reader.int())
        case 7:
            let path = try reader.text()
            let acl = try reader.vector(ACL.init)
            return .setACL(path, acl, version: try reader.int())
        case 14 where depth == 0:
            return .multi(
                try reader.vector { (reader: inout JuteReader) throws(JuteError) in
                    let type = try reader.int()
                    var inner = JuteReader(try reader.buffer() ?? [])
                    return try change(type, &inner, session, depth: 1)
                })
        case -10: return .createSession(timeout: try reader.int())
        case -11: return .closeSession
        case -1, 13: return .nothing
        default: throw JuteError("a transaction of type \(type)")
        }
    }

    private static func creation(
        _ type: Int32, _ reader: inout JuteReader, _ session: Int64
    ) throws(JuteError) -> ZooKeeperTransaction.Creation {
        let path = try reader.text()
        let data = try reader.buffer()
        let acl = try reader.vector(ACL.init)
        var kind = ZNodeKind.container
        if type == 1 || type == 15 { kind = try reader.bool() ? .ephemeral(session: session) : .persistent }
        let parentVersion = reader.isAtEnd ? nil : try reader.int()
        if type == 21 { kind = .ttl(try reader.long()) }
        return .init(path: path, data: data, acl: acl, kind: kind, parentVersion: parentVersion)
    }
}
