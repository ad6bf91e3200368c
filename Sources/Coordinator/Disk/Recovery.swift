import Logging

/// Brings back the state that the disk holds.
enum Recovery {
    /// A file that lets a server start whose log is lost: its name is ZooKeeper's for the like.
    static let initializeName = "initialize"

    /// Reads snapshot and log into a core, and starts a new segment.
    static func run(into core: inout CoordinatorCore, _ settings: DiskSettings) throws(LogError) -> WriteAheadLog {
        settings.files.remove("\(settings.logDirectory)/\(WriteAheadLog.preparedName)")
        Snapshot.removeUnfinished(in: settings.snapshotDirectory, settings.files)
        var empty: [String] = []
        try read(into: &core, settings) { segment throws(LogError) in
            // What a crash tore off must not stay before the next segment as damage in the middle, and zeros that are
            // of no more use need not be read again by each start.
            if segment.count == 0 {
                empty.append(segment.path)
            } else if segment.end < segment.size {
                try settings.files.cut(segment.path, to: segment.end)
            }
        }
        let log = WriteAheadLog(directory: settings.logDirectory, files: settings.files)
        try log.startSegment(zxid: core.lastZxid + 1, size: max(settings.firstSegmentSize, 3 * settings.reserve))
        // Not before: a log without any segment is one that was lost.
        for path in empty where WriteAheadLog.firstZxid(of: path) != core.lastZxid + 1 { settings.files.remove(path) }
        settings.files.remove("\(settings.logDirectory)/\(initializeName)")
        // From now on a log that is not there is missed. Without room for it the log alone does.
        if Snapshot.files(in: settings.snapshotDirectory, settings.files).isEmpty {
            do { try Snapshot(core).write(to: settings.snapshotDirectory, settings.files) } catch {
                Logger(label: "coordinator").warning("no snapshot: \(error)")
            }
        }
        return log
    }

    /// Reads snapshot and log into a core and changes nothing on disk; `finish` is called for each segment read.
    static func read(
        into core: inout CoordinatorCore, _ settings: DiskSettings,
        finish: (LogSegment) throws(LogError) -> Void = { _ in }
    ) throws(LogError) {
        try readSnapshot(into: &core, settings)
        let segments = WriteAheadLog.segments(in: settings.logDirectory, settings.files)
        try refuseLost(segments, core, settings)
        for (index, path) in segments.enumerated() {
            // All of its entries are in the snapshot: the next one begins where that ends, or before.
            if index + 1 < segments.count, let next = WriteAheadLog.firstZxid(of: segments[index + 1]),
                next <= core.lastZxid + 1
            {
                continue
            }
            if let first = WriteAheadLog.firstZxid(of: path), first > core.lastZxid + 1 {
                throw missing(before: path, zxid: first, core)
            }
            let isNewest = index == segments.count - 1
            let segment = try LogSegment(reading: path, isNewest: isNewest, settings.files) { entry throws(LogError) in
                try replay(entry, of: path, into: &core)
            }
            try finish(segment)
        }
    }

    /// The newest snapshot that is whole; the log behind older ones is kept for the case that one is not.
    private static func readSnapshot(into core: inout CoordinatorCore, _ settings: DiskSettings) throws(LogError) {
        let files = Snapshot.files(in: settings.snapshotDirectory, settings.files)
        var failure: LogError?
        for path in files.reversed() {
            do {
                let snapshot = try SnapshotReader(path, settings.files)
                core.tree = snapshot.tree
                // Before the log is replayed, which changes their usage.
                core.tree.findQuotas()
                core.sessions = snapshot.sessions
                core.lastZxid = snapshot.zxid
                if let failure {
                    Logger(label: "coordinator").error("\(failure): going on from \(path) and the log behind it")
                }
                return
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private static func replay(
        _ entry: LogEntry, of path: String, into core: inout CoordinatorCore
    ) throws(LogError) {
        guard entry.zxid > core.lastZxid else { return }
        guard entry.zxid == core.lastZxid + 1 else {
            throw missing(before: path, zxid: entry.zxid, core)
        }
        core.recover(entry)
    }

    /// Every start leaves a segment: a snapshot without one is what is left when the disk of the log is not there.
    private static func refuseLost(
        _ segments: [String], _ core: CoordinatorCore, _ settings: DiskSettings
    ) throws(LogError) {
        guard segments.isEmpty, !Snapshot.files(in: settings.snapshotDirectory, settings.files).isEmpty,
            !settings.files.names(in: settings.logDirectory).contains(initializeName)
        else { return }
        throw LogError(
            description: "\(settings.logDirectory): the log is missing, but \(settings.snapshotDirectory) has a "
                + "snapshot up to zxid 0x\(String(core.lastZxid, radix: 16)): mount or restore the directory of the log; "
                + "if it is lost, `touch \(settings.logDirectory)/\(initializeName)` has the next start go on from the "
                + "snapshot, without what came after it")
    }

    private static func missing(before path: String, zxid: Int64, _ core: CoordinatorCore) -> LogError {
        LogError(
            description: "\(path): begins at zxid 0x\(String(zxid, radix: 16)), but what comes before it ends at "
                + "0x\(String(core.lastZxid, radix: 16)): a snapshot or a part of the log is missing; restore it from a "
                + "copy, or move the directory away to start empty")
    }
}
