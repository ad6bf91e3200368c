import Logging
import NIOCore
import NIOPosix
import ServiceKit

/// The log as the event loop sees it: entries are gathered while a sync runs and written with the next one, so that
/// one sync serves many requests. Confined to its event loop; files are touched on a thread of their own.
final class DurableLog {
    private let eventLoop: any EventLoop
    private let disk: NIOThreadPool
    private let snapshots: NIOThreadPool
    private let directory: String
    private let snapshotDirectory: String
    /// Bytes of log after which a snapshot is due.
    private let snapshotThreshold = 64 << 20
    private let writer: WriterBox

    private var gathered: [UInt8] = []
    private(set) var appended: UInt64 = 0
    private(set) var synced: UInt64 = 0
    private var isSyncing = false
    private var bytesSinceSnapshot = 0
    private var isTakingSnapshot = false
    private var segmentDue: Int64?
    var onSynced: (() -> Void)?
    var onFailure: ((any Error) -> Void)?

    /// Hands the writer to the disk thread.
    private final class WriterBox: @unchecked Sendable {
        // Safe: only the single thread of `disk` touches the log after the start, one job at a time.
        let log: WriteAheadLog
        init(_ log: WriteAheadLog) { self.log = log }
    }

    init(eventLoop: any EventLoop, log: WriteAheadLog, directory: String, snapshotDirectory: String) {
        self.eventLoop = eventLoop
        self.directory = directory
        self.snapshotDirectory = snapshotDirectory
        writer = WriterBox(log)
        disk = NIOThreadPool(numberOfThreads: 1)
        snapshots = NIOThreadPool(numberOfThreads: 1)
        disk.start()
        snapshots.start()
    }

    /// Adds an entry; it is on disk when `synced` has reached the value of `appended` after this call.
    func append(_ entry: LogEntry) {
        let record = WriteAheadLog.frame(entry.bytes)
        gathered.append(contentsOf: record)
        bytesSinceSnapshot += record.count
        appended += 1
        if !isSyncing {
            isSyncing = true
            eventLoop.execute(boundSync())
        }
    }

    /// The sync starts when the loop has taken in what the sockets hold.
    private func boundSync() -> @Sendable () -> Void {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return { bound.value.sync() }
    }

    private func sync() {
        let records = gathered
        gathered = []
        let target = appended
        let newSegment = segmentDue
        segmentDue = nil
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        disk.runIfActive(eventLoop: eventLoop) { [writer] in
            if let newSegment { try writer.log.startSegment(zxid: newSegment) }
            try writer.log.append(records)
        }.whenComplete { result in
            let log = bound.value
            switch result {
            case .failure(let error): log.onFailure?(error)
            case .success:
                log.synced = target
                log.isSyncing = false
                log.onSynced?()
                if !log.gathered.isEmpty {
                    log.isSyncing = true
                    log.sync()
                }
            }
        }
    }

    /// Takes a snapshot off the event loop when the log has grown enough; the log before it goes when it is on disk.
    func takeSnapshotIfDue(_ make: () -> Snapshot) {
        guard bytesSinceSnapshot >= snapshotThreshold, !isTakingSnapshot, !isSyncing else { return }
        let snapshot = make()
        isTakingSnapshot = true
        bytesSinceSnapshot = 0
        segmentDue = snapshot.zxid + 1
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        snapshots.runIfActive(eventLoop: eventLoop) { [directory, snapshotDirectory] in
            try snapshot.write(to: snapshotDirectory)
            Self.removeObsolete(before: snapshot.zxid, log: directory, snapshots: snapshotDirectory)
        }.whenComplete { result in
            bound.value.isTakingSnapshot = false
            if case .failure(let error) = result { bound.value.onFailure?(error) }
        }
    }

    /// Removes older snapshots, and segments all of whose entries the snapshot holds.
    private static func removeObsolete(before zxid: Int64, log: String, snapshots: String) {
        let segments = WriteAheadLog.segments(in: log)
        for (segment, next) in zip(segments, segments.dropFirst()) {
            if let first = WriteAheadLog.firstZxid(of: next), first <= zxid + 1 { unlinkFile(segment) }
        }
        for file in Snapshot.files(in: snapshots).dropLast() { unlinkFile(file) }
    }

    /// The threads that write: to be shut down when the log is used no more.
    var threads: [NIOThreadPool] { [disk, snapshots] }
}

extension DurableLog {
    /// Reads snapshot and log into a core, and starts a new segment.
    static func recover(
        into core: inout CoordinatorCore, logDirectory: String, snapshotDirectory: String
    ) throws -> WriteAheadLog {
        if let newest = Snapshot.files(in: snapshotDirectory).last {
            let snapshot = try Snapshot(reading: newest)
            core.tree = ZNodeTree(nodes: snapshot.nodes)
            core.sessions = snapshot.sessions
            core.lastZxid = snapshot.zxid
        }
        let segments = WriteAheadLog.segments(in: logDirectory)
        for (index, segment) in segments.enumerated() {
            let isNewest = index == segments.count - 1
            for entry in try WriteAheadLog.read(segment, isNewest: isNewest) { core.recover(entry) }
            // What a crash tore off must not stay before the next segment as damage in the middle.
            if isNewest { try Self.seal(segment, core: core) }
        }
        let log = WriteAheadLog(directory: logDirectory)
        try log.startSegment(zxid: core.lastZxid + 1)
        return log
    }

    /// Rewrites the newest segment without its torn tail; one without entries is removed.
    private static func seal(_ segment: String, core: CoordinatorCore) throws {
        let entries = try WriteAheadLog.read(segment, isNewest: true)
        guard !entries.isEmpty else { return unlinkFile(segment) }
        var content = WriteAheadLog.magic
        for entry in entries { content += WriteAheadLog.frame(entry.bytes) }
        try SmallFile.replace(segment, with: content)
    }
}
