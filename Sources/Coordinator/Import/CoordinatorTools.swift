import JSONText
import ServiceKit
import ZooKeeperProtocol

/// What people do with the data of a coordinator that does not run: import, export, look, check.
public struct CoordinatorTools {
    private let configuration: CoordinatorConfiguration
    private let print: (String) -> Void

    /// `print` takes each line of output.
    public init(_ configuration: CoordinatorConfiguration, print: @escaping (String) -> Void) {
        self.configuration = configuration
        self.print = print
    }

    private func settings() throws -> DiskSettings {
        let directories = try DataDirectories.of(configuration)
        DataDirectories.handOver(configuration)
        return configuration.disk(log: directories.log, snapshots: directories.snapshots)
    }

    /// Takes the state of an Apache ZooKeeper over, from its data directory and, where they are apart, that of its log.
    public func importZooKeeper(from directory: String, log: String?) throws {
        let settings = try settings()
        let lock = try DirectoryLock(settings.snapshotDirectory, purpose: "coordinator")
        defer {
            withExtendedLifetime(lock) {}
            DataDirectories.handOver(configuration)
        }
        guard Snapshot.files(in: settings.snapshotDirectory).isEmpty,
            WriteAheadLog.segments(in: settings.logDirectory).isEmpty
        else {
            throw LogError(
                description: "\(settings.snapshotDirectory) has data already: move it away to import into an empty one")
        }
        let files = try ZooKeeperFiles(dataDirectory: directory, logDirectory: log ?? directory)
        for note in files.notes { print(note) }
        var core = CoordinatorCore(configuration: configuration.core, startedAt: WallClock().now)
        core.tree = files.tree
        core.sessions = files.sessions
        core.lastZxid = files.lastZxid
        try Snapshot(core).write(to: settings.snapshotDirectory)
        try WriteAheadLog(directory: settings.logDirectory).startSegment(zxid: core.lastZxid + 1)
        print(
            "imported \(core.tree.count) nodes and \(core.sessions.count) sessions up to zxid "
                + "0x\(CoordinatorShell.hex(core.lastZxid)) into \(settings.snapshotDirectory)")
    }

    /// One line of JSON for each node, parents first.
    public func export() throws {
        try load().tree.image.forEachPath { path, node, acl in
            let entries = acl.map { entry in
                JSON.members([
                    "perms": .integer(Int64(entry.permissions)), "scheme": .string(entry.scheme),
                    "id": .string(entry.id),
                ])
            }
            let stat = node.stat
            let line = JSON.members([
                "path": .string(path),
                "data": node.content?.data.map { .string(Base64.encode($0)) } ?? .null,
                "acl": .array(entries), "kind": .string(node.kind.name),
                "ephemeralOwner": .integer(stat.ephemeralOwner),
                "czxid": .integer(stat.czxid), "mzxid": .integer(stat.mzxid), "pzxid": .integer(stat.pzxid),
                "ctime": .integer(stat.ctime), "mtime": .integer(stat.mtime), "version": .integer(Int64(stat.version)),
                "cversion": .integer(Int64(stat.cversion)), "aversion": .integer(Int64(stat.aversion)),
            ])
            print(line.text)
        }
    }

    /// The tree for people: each node with the size of its data and its kind.
    public func dump() throws {
        try load().tree.image.forEachPath { path, node, _ in
            let kind: String
            switch node.kind {
            case .persistent: kind = ""
            case .ephemeral(let session): kind = " ephemeral of 0x\(CoordinatorShell.hex(session))"
            case .container: kind = " container"
            case .ttl(let time): kind = " lives \(time) ms"
            }
            print("\(path) \(node.stat.dataLength) B, version \(node.stat.version)\(kind)")
        }
    }

    /// Reads everything that a start would read, and more: every snapshot and every segment. Throws what it finds.
    public func verify() throws {
        let settings = try settings()
        for path in Snapshot.files(in: settings.snapshotDirectory) {
            let snapshot = try SnapshotReader(path)
            print("\(path): \(snapshot.tree.count) nodes, zxid 0x\(CoordinatorShell.hex(snapshot.zxid))")
        }
        let segments = WriteAheadLog.segments(in: settings.logDirectory)
        for (index, path) in segments.enumerated() {
            let segment = try LogSegment(reading: path, isNewest: index == segments.count - 1) { _ in }
            let torn = segment.isTorn ? ", then what was being written when it ended" : ""
            print("\(path): \(segment.count) entries\(torn)")
        }
        print("whole: a start finds \(try load().tree.count) nodes")
    }

    private func load() throws -> CoordinatorCore {
        var core = CoordinatorCore(configuration: configuration.core, startedAt: WallClock().now)
        try Recovery.read(into: &core, try settings())
        return core
    }
}

extension ZNodeKind {
    fileprivate var name: String {
        switch self {
        case .persistent: "persistent"
        case .ephemeral: "ephemeral"
        case .container: "container"
        case .ttl: "ttl"
        }
    }
}

extension ZNodeTreeImage {
    fileprivate func forEachPath(_ body: (String, ZNodeView, [ACL]) -> Void) {
        var names: [String] = []
        forEach { depth, node in
            names.removeLast(max(0, names.count - Int(depth)))
            names.append(node.content?.name ?? "")
            let path = names.dropFirst().reduce(into: "") { $0 += "/" + $1 }
            body(path.isEmpty ? "/" : path, node, acls[node.acl])
        }
    }
}
