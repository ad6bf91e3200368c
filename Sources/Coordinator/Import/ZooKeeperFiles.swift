import ServiceKit
import ZooKeeperProtocol

/// The files of an Apache ZooKeeper's data directory, read into a state of ours (FileSnap and FileTxnLog of ZooKeeper 3.4
/// to 3.9). Nothing in the directory is changed.
struct ZooKeeperFiles {
    private(set) var tree = ZNodeTree(empty: ())
    private(set) var sessions: [Int64: Session] = [:]
    private(set) var lastZxid: Int64 = 0
    /// What is worth telling who imports.
    private(set) var notes: [String] = []

    /// Reads the newest whole snapshot of a `dataDir` and every later transaction of a `dataLogDir`.
    init(dataDirectory: String, logDirectory: String) throws(LogError) {
        let snapshots = Self.files("snapshot", below: dataDirectory)
        let logs = Self.files("log", below: logDirectory)
        guard !snapshots.isEmpty || !logs.isEmpty else {
            throw LogError(description: "\(dataDirectory): there is no snapshot and no log of a ZooKeeper here")
        }
        try readSnapshot(snapshots)
        tree.findQuotas()
        for (index, log) in logs.enumerated() {
            if index + 1 < logs.count, logs[index + 1].zxid <= lastZxid + 1 { continue }
            try ZooKeeperLog.read(log.path, isNewest: index == logs.count - 1) { transaction throws(LogError) in
                guard transaction.zxid > lastZxid else { return }
                guard Self.mayFollow(transaction.zxid, lastZxid, isStart: snapshots.isEmpty && lastZxid == 0) else {
                    throw missing(before: transaction.zxid, in: log.path)
                }
                replay(transaction)
                lastZxid = transaction.zxid
            }
        }
    }

    /// Each transaction takes the next number, one that failed as well; a new leader begins anew in the lower half.
    private static func mayFollow(_ zxid: Int64, _ last: Int64, isStart: Bool) -> Bool {
        let isOfNextLeader = zxid >> 32 > last >> 32 && zxid & 0xffff_ffff <= 1
        return zxid == last + 1 || (isOfNextLeader && (!isStart || zxid >> 32 == 1))
    }

    private func missing(before zxid: Int64, in path: String) -> LogError {
        let number = String(zxid, radix: 16)
        return LogError(
            description: lastZxid == 0
                ? "\(path): begins at zxid 0x\(number), and there is no snapshot of what came before: copy all files of "
                    + "the ZooKeeper's dataDir and dataLogDir"
                : "\(path): zxid 0x\(number) comes after 0x\(String(lastZxid, radix: 16)): a log between them is "
                    + "missing: copy all files of the ZooKeeper's dataLogDir")
    }

    /// Files named `KIND.HEX`, in order, of a directory or its `version-2`.
    private static func files(_ kind: String, below directory: String) -> [(path: String, zxid: Int64)] {
        for folder in ["\(directory)/version-2", directory] {
            let found = SmallFile.names(in: folder).compactMap { name -> (String, Int64)? in
                let parts = name.split(separator: ".")
                guard parts.count >= 2, parts[0] == kind, let zxid = UInt64(parts[1], radix: 16) else { return nil }
                return ("\(folder)/\(name)", Int64(bitPattern: zxid))
            }
            if !found.isEmpty { return found.sorted { $0.1 < $1.1 } }
        }
        return []
    }

    private mutating func readSnapshot(_ files: [(path: String, zxid: Int64)]) throws(LogError) {
        for (path, zxid) in files.reversed() {
            if path.hasSuffix(".gz") || path.hasSuffix(".snappy") {
                throw LogError(
                    description: "\(path): compressed snapshots cannot be read: start the ZooKeeper once more with "
                        + "snapshot.compression.method=CHECKED and stop it, or unpack the file")
            }
            let content = try SystemFiles().content(path)
            do {
                (tree, sessions) = try ZooKeeperSnapshot.read(content)
                lastZxid = zxid
                return
            } catch {
                notes.append("\(path): \(error): passed over for an older one")
            }
        }
        guard files.isEmpty else {
            throw LogError(description: "\(files[0].path): no snapshot beside it is whole either: restore one")
        }
        tree = ZNodeTree()
    }

    /// A snapshot was taken while the server wrote: what it has already may come again.
    private mutating func replay(_ transaction: ZooKeeperTransaction) {
        switch transaction.change {
        case .createSession(let timeout):
            sessions[transaction.session] = Session(
                timeout: timeout, password: JavaRandom.password(ofSession: transaction.session),
                deadline: Timestamp(nanoseconds: 0))
        case .closeSession:
            sessions[transaction.session] = nil
            for node in tree.ephemerals[transaction.session] ?? [] { delete(tree.path(of: node), transaction) }
        case .create(let creation): create(creation, transaction)
        case .delete(let path): delete(path, transaction)
        case .setData(let path, let data, let version):
            guard let node = tree.find(path) else { return }
            let old = tree[node].content?.dataLength ?? 0
            tree.setData(node, data, zxid: transaction.zxid, time: transaction.time)
            tree.change(node) { $0.version = version }
            tree.addUsage(path, bytes: (data?.count ?? 0) - old, count: 0)
        case .setACL(let path, let acl, let version):
            tree.setACL(path, acl)
            if let node = tree.find(path) { tree.change(node) { $0.aversion = version } }
        case .multi(let changes):
            for change in changes {
                replay(
                    ZooKeeperTransaction(
                        session: transaction.session, zxid: transaction.zxid, time: transaction.time, change: change))
            }
        case .nothing: break
        }
    }

    private mutating func create(_ creation: ZooKeeperTransaction.Creation, _ transaction: ZooKeeperTransaction) {
        guard let parentPath = ZNodePath.parent(of: creation.path), let parent = tree.find(parentPath) else { return }
        if tree.find(creation.path) == nil {
            var stat = Stat()
            (stat.czxid, stat.mzxid, stat.pzxid) = (transaction.zxid, transaction.zxid, transaction.zxid)
            (stat.ctime, stat.mtime) = (transaction.time, transaction.time)
            tree.restore(
                creation.path, data: creation.data, acl: creation.acl, stat, createdChildren: 0, kind: creation.kind)
            tree.countCreated(creation.path, bytes: creation.data?.count ?? 0)
        }
        let created = creation.parentVersion ?? tree[parent].createdChildren &+ 1
        guard created > tree[parent].createdChildren else { return }
        tree.change(parent) { node in
            node.createdChildren = created
            node.pzxid = max(node.pzxid, transaction.zxid)
        }
    }

    private mutating func delete(_ path: String, _ transaction: ZooKeeperTransaction) {
        guard let node = tree.find(path) else { return }
        // Children that the snapshot has of a later node of this name: the log brings them again.
        var children: [String] = []
        tree.forEachChild(of: node) { children.append(tree.path(of: $0)) }
        for child in children { delete(child, transaction) }
        let bytes = tree[node].content?.dataLength ?? 0
        tree.delete(path, zxid: transaction.zxid)
        tree.countDeleted(path, bytes: bytes)
    }
}

/// The generator of java.util.Random, which the passwords of ZooKeeper's sessions come from.
enum JavaRandom {
    static func password(ofSession id: Int64) -> [UInt8] {
        let mask: UInt64 = 1 << 48 - 1
        var state = (UInt64(bitPattern: id ^ 0xb341_5c00) ^ 0x5_deec_e66d) & mask
        var bytes: [UInt8] = []
        for _ in 0..<4 {
            state = (state &* 0x5_deec_e66d &+ 0xb) & mask
            let number = UInt32(truncatingIfNeeded: state >> 16)
            for shift in [UInt32(0), 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return bytes
    }
}
