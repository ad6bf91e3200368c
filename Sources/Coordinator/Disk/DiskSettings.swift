/// Where the log and the snapshots are, and how large they get.
struct DiskSettings: Sendable {
    let logDirectory: String
    let snapshotDirectory: String
    var files: any FileStore = SystemFiles()
    /// Bytes of a segment that is prepared ahead (`preAllocSize`).
    var segmentSize = 64 << 20
    /// Bytes of the first segment after a start, which must not take long to make.
    var firstSegmentSize = 4 << 20
    /// Bytes of log after which a snapshot is due.
    var snapshotBytes = 64 << 20
    /// Entries of log after which one is due as well, if somebody says so (`snapCount`).
    var snapshotEntries: Int?
    /// A batch that takes longer to get to the disk is warned of (`fsync.warningthresholdms`).
    var slowSync = Duration.seconds(1)
    /// How many snapshots are kept, with the log behind the oldest (`autopurge.snapRetainCount`).
    var retainedSnapshots = 3
    /// What must be left in the log to take another request in: it may be as long as a frame, and its entry longer.
    var reserve = 1 << 20

    /// Removes the snapshots beyond those kept, and segments all of whose entries every kept snapshot holds.
    func removeObsolete() {
        let snapshots = Snapshot.files(in: snapshotDirectory, files)
        for file in snapshots.dropLast(retainedSnapshots) { files.remove(file) }
        guard let oldest = snapshots.suffix(retainedSnapshots).first, let zxid = WriteAheadLog.firstZxid(of: oldest)
        else { return }
        let segments = WriteAheadLog.segments(in: logDirectory, files)
        for (segment, next) in zip(segments, segments.dropFirst()) {
            if let first = WriteAheadLog.firstZxid(of: next), first <= zxid + 1 { files.remove(segment) }
        }
    }
}
