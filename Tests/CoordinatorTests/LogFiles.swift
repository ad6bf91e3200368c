import Foundation
import ServiceKit
import ZooKeeperProtocol

@testable import Coordinator

/// Log files of a test: written by the product, then damaged.
struct LogFiles {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    static func entry(_ zxid: Int64) -> LogEntry {
        let data = [UInt8](repeating: UInt8(truncatingIfNeeded: zxid), count: Int(zxid % 50))
        return LogEntry(zxid: zxid, time: 5, transaction: .setData(path: "/node", data: data))
    }

    static func entries(_ range: ClosedRange<Int64>) -> [LogEntry] { range.map(entry) }

    /// A segment with these entries, cut to what was written. Returns its path and where each record starts.
    func segment(_ entries: [LogEntry], first: Int64 = 1, zeros: Int = 0) throws -> (path: String, offsets: [Int]) {
        let log = WriteAheadLog(directory: directory.path)
        try log.startSegment(zxid: first)
        var offsets: [Int] = []
        var end = WriteAheadLog.headerSize
        for entry in entries {
            let record = WriteAheadLog.frame(entry.bytes)
            try log.append(record, zxid: entry.zxid)
            offsets.append(end)
            end += 8 + record.count
        }
        let path = "\(directory.path)/\(WriteAheadLog.name(zxid: first))"
        try edit(path) { $0 = Array($0[..<end]) + [UInt8](repeating: 0, count: zeros) }
        return (path, offsets + [end])
    }

    func edit(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
        var content = (try? SystemFiles().content(path)) ?? []
        change(&content)
        try Data(content).write(to: URL(fileURLWithPath: path))
    }

    /// A core that took in everything on disk, as a starting server does.
    func recover() throws -> CoordinatorCore {
        var core = CoordinatorCore(configuration: .init(), startedAt: TestCoordinator.start)
        _ = try Recovery.run(
            into: &core, DiskSettings(logDirectory: directory.path, snapshotDirectory: directory.path))
        return core
    }

    var segments: [String] { WriteAheadLog.segments(in: directory.path) }
}

extension LogSegment {
    /// All entries of a segment.
    static func entries(
        of path: String, isNewest: Bool, _ files: any FileStore = SystemFiles()
    ) throws(LogError) -> [LogEntry] {
        var entries: [LogEntry] = []
        _ = try LogSegment(reading: path, isNewest: isNewest, files) { entries.append($0) }
        return entries
    }
}
