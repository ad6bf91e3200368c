import Logging
import NIOCore
import NIOPosix
import ServiceKit

/// The log as the event loop sees it: entries are gathered while a sync runs and written with the next one, so that
/// one sync serves many requests. Confined to its event loop; files are touched on threads of their own.
final class DurableLog {
    /// How the log takes more entries.
    enum Admission { case open, congested, full }

    private let eventLoop: any EventLoop
    private let disk: NIOThreadPool
    private let background: NIOThreadPool
    private let settings: DiskSettings
    private let writer: Confined<WriteAheadLog>
    private let logger = Logger(label: "coordinator")

    private var gathered: [UInt8] = []
    private var gatheredZxid: Int64 = 0
    /// Bytes of the batch that is being written.
    private var inFlight = 0
    private(set) var appended: UInt64 = 0
    private(set) var synced: UInt64 = 0
    private var isSyncing = false
    /// What the segments that are there take, before the bytes that are not written yet.
    private var room: Int
    private var isPreparing = false
    private var preparationFailed = false
    private var bytesSinceSnapshot = 0
    private var entriesSinceSnapshot = 0
    /// Syncs that took longer than is good.
    private(set) var slowSyncs = 0
    private(set) var syncTime = Latency()
    private var snapshotThreshold: Int
    private var isTakingSnapshot = false
    var onSynced: (() -> Void)?
    var onFailure: ((any Error) -> Void)?

    /// Hands an object to another thread that alone uses it from then on.
    private struct Confined<T>: @unchecked Sendable {
        // Safe: the single thread of `disk` uses the writer, one job at a time; a prepared file passes from the one
        // thread that made it to the one that uses it.
        let value: T
        init(_ value: T) { self.value = value }
    }

    init(eventLoop: any EventLoop, log: WriteAheadLog, settings: DiskSettings) {
        self.eventLoop = eventLoop
        self.settings = settings
        writer = Confined(log)
        room = log.room
        snapshotThreshold = settings.snapshotBytes
        disk = NIOThreadPool(numberOfThreads: 1)
        background = NIOThreadPool(numberOfThreads: 1)
        disk.start()
        background.start()
        prepareSegment()
    }

    /// Less room than the requests that may be taken in before the next look.
    private var isShort: Bool { room - inFlight - gathered.count < settings.reserve }

    /// Whether another request may be taken in now.
    var admission: Admission { isShort ? preparationFailed ? .full : .congested : .open }

    /// Adds an entry; it is on disk when `synced` has reached the value of `appended` after this call.
    func append(_ entry: LogEntry) {
        if gathered.isEmpty { gatheredZxid = entry.zxid }
        let record = WriteAheadLog.frame(entry.bytes)
        gathered.append(contentsOf: record)
        bytesSinceSnapshot += record.count
        entriesSinceSnapshot += 1
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
        let entries = gathered
        let zxid = gatheredZxid
        gathered = []
        inFlight = entries.count + 8
        let target = appended
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        disk.runIfActive(eventLoop: eventLoop) { [writer] in
            let time = try ContinuousClock().measure { try writer.value.append(entries, zxid: zxid) }
            return (writer.value.room, writer.value.hasPrepared, time)
        }.whenComplete { result in
            let log = bound.value
            switch result {
            case .failure(let error): log.onFailure?(error)
            case .success(let (room, hasPrepared, time)):
                log.note(time, bytes: entries.count)
                log.finished(target, room: room, hasPrepared: hasPrepared)
            }
        }
    }

    /// Clients wait for the disk: who looks after it must hear that it is slow.
    private func note(_ time: Duration, bytes: Int) {
        syncTime.add(time.inSeconds * 1000)
        guard time > settings.slowSync else { return }
        slowSyncs += 1
        let isAlone = settings.logDirectory != settings.snapshotDirectory
        logger.warning(
            """
            writing \(bytes) bytes to the log and waiting for the disk took \(time.inMilliseconds) ms: clients wait as long \
            for their writes\(isAlone ? "" : "; a disk of its own for the log helps (dataLogDir)")
            """)
    }

    func resetStatistics() { (slowSyncs, syncTime) = (0, Latency()) }

    private func finished(_ target: UInt64, room: Int, hasPrepared: Bool) {
        synced = target
        isSyncing = false
        inFlight = 0
        self.room = room
        if !hasPrepared, !preparationFailed { prepareSegment() }
        onSynced?()
        guard !gathered.isEmpty, !isSyncing else { return }
        isSyncing = true
        sync()
    }

    /// Has the next segment made ahead of its need. When the disk has no room for it, there is room for what was taken
    /// in all the same: in the present one.
    private func prepareSegment() {
        guard !isPreparing else { return }
        isPreparing = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        background.runIfActive(eventLoop: eventLoop) { [settings] in
            Confined(
                try WriteAheadLog.prepare(in: settings.logDirectory, size: settings.segmentSize, settings.files))
        }.whenComplete { result in bound.value.prepared(result) }
    }

    private func prepared(_ result: Result<Confined<any StoredFile>, any Error>) {
        switch result {
        case .failure(let error as LogError) where error.isDiskFull:
            isPreparing = false
            if !preparationFailed { logger.error("\(error): writes are refused until there is room again") }
            preparationFailed = true
            onSynced?()
        case .failure(let error): onFailure?(error)
        case .success(let file):
            if preparationFailed { logger.notice("the disk has room again") }
            preparationFailed = false
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            disk.runIfActive(eventLoop: eventLoop) { [writer, settings] in
                writer.value.use(prepared: file.value, size: settings.segmentSize)
                return writer.value.room
            }.whenSuccess { room in
                // From here on a batch that uses it up says so; the file must not be made anew before.
                bound.value.isPreparing = false
                if !bound.value.isSyncing { bound.value.room = room }
                bound.value.onSynced?()
            }
        }
    }

    /// Call about once a second: tries again to get room, and takes a snapshot off the event loop when the log has
    /// grown enough.
    func tick(_ makeSnapshot: () -> Snapshot) {
        if preparationFailed { prepareSegment() }
        let isLong = settings.snapshotEntries.map { entriesSinceSnapshot >= $0 } ?? false
        guard bytesSinceSnapshot >= snapshotThreshold || isLong, !isTakingSnapshot else { return }
        let snapshot = makeSnapshot()
        isTakingSnapshot = true
        bytesSinceSnapshot = 0
        entriesSinceSnapshot = 0
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        background.runIfActive(eventLoop: eventLoop) { [settings] in
            let size = try snapshot.write(to: settings.snapshotDirectory, settings.files)
            settings.removeObsolete()
            return size
        }.whenComplete { result in bound.value.tookSnapshot(result) }
    }

    private func tookSnapshot(_ result: Result<Int, any Error>) {
        isTakingSnapshot = false
        switch result {
        // Writing the tree again and again must not cost more than the log itself.
        case .success(let size): snapshotThreshold = max(settings.snapshotBytes, size)
        // The log has it all: the next one is tried when the log has grown as much again.
        case .failure(let error): logger.error("no snapshot: \(error)")
        }
    }

    /// The threads that write: to be shut down when the log is used no more.
    var threads: [NIOThreadPool] { [disk, background] }
}
