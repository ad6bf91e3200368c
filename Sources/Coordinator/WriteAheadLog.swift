import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Why the log cannot be read or written: file, offset and what to do.
struct LogError: Error, Sendable, CustomStringConvertible {
    let description: String

    static func system(_ call: String, _ path: String) -> LogError {
        LogError(description: "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}

/// The log of all changes: segments of checksummed records, grown by zeros ahead of their use so that a sync writes
/// no metadata. Used by one thread at a time.
///
///     segment = magic(8) record* zeros      record = length(4) crc32c(4) entry(length), big-endian
final class WriteAheadLog {
    static let magic = Array("SMCLOG\u{0}\u{1}".utf8)
    private static let growth = 4 << 20
    /// Above every frame that `jute.maxbuffer` may allow.
    static let maximumRecord = 1 << 30

    private let directory: String
    private var path = ""
    private var file: Int32 = -1
    /// Where the next record goes, and how far the file holds zeros.
    private var position = 0
    private var allocated = 0

    init(directory: String) { self.directory = directory }

    deinit { if file >= 0 { close(file) } }

    /// The segments in order; each is named for the first zxid that it may hold.
    static func segments(in directory: String) -> [String] {
        SmallFile.names(in: directory).filter { $0.hasPrefix("log.") && !$0.hasSuffix(".new") }
            .sorted().map { "\(directory)/\($0)" }
    }

    static func name(zxid: Int64) -> String {
        let digits = String(UInt64(bitPattern: zxid), radix: 16)
        return "log." + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The first zxid that a segment may hold, from its name.
    static func firstZxid(of path: String) -> Int64? {
        path.split(separator: ".").last.flatMap { UInt64($0, radix: 16) }.map { Int64(bitPattern: $0) }
    }

    /// Starts a segment for entries from this zxid on.
    func startSegment(zxid: Int64) throws(LogError) {
        if file >= 0 { close(file) }
        path = "\(directory)/\(Self.name(zxid: zxid))"
        file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open", path) }
        allocated = 0
        position = 0
        try write(Self.magic)
        try syncDirectory()
    }

    /// Writes framed records and returns when they are on disk.
    func append(_ records: [UInt8]) throws(LogError) {
        try write(records)
        guard fdatasync(file) == 0 else { throw .system("fdatasync", path) }
    }

    /// An entry as it stands in the log.
    static func frame(_ entry: [UInt8]) -> [UInt8] {
        var framed: [UInt8] = []
        framed.reserveCapacity(entry.count + 8)
        for number in [UInt32(entry.count), Checksum.crc32c(entry)] {
            for shift in [UInt32(24), 16, 8, 0] { framed.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return framed + entry
    }

    private func write(_ bytes: [UInt8]) throws(LogError) {
        if position + bytes.count > allocated { try grow(to: position + bytes.count) }
        try writeAll(bytes, at: position)
        position += bytes.count
    }

    private func grow(to size: Int) throws(LogError) {
        let target = (size / Self.growth + 1) * Self.growth
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        while allocated < target {
            try writeAll(zeros, at: allocated)
            allocated += zeros.count
        }
        guard fsync(file) == 0 else { throw .system("fsync", path) }
    }

    private func writeAll(_ bytes: [UInt8], at offset: Int) throws(LogError) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(offset + done)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system("pwrite", path) }
            done += count
        }
    }

    private func syncDirectory() throws(LogError) {
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .system("open", directory) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw .system("fsync", directory) }
    }
}

extension WriteAheadLog {
    /// The entries of one segment. A record that a crash cut short ends the newest segment; any other damage is an
    /// error that names the file and the offset.
    static func read(_ path: String, isNewest: Bool) throws(LogError) -> [LogEntry] {
        guard let content = wholeFile(path) else { throw .system("read", path) }
        guard content.starts(with: magic) else {
            if isNewest, content.allSatisfy({ $0 == 0 }) { return [] }
            throw LogError(description: "\(path): not a log of this version: refusing to read it")
        }
        var entries: [LogEntry] = []
        var offset = magic.count
        while let (entry, end) = record(content, at: offset) {
            entries.append(entry)
            offset = end
        }
        let used = (content.lastIndex { $0 != 0 } ?? 0) + 1
        guard offset < used else { return entries }
        // What a crash cut short is the last there is; anything readable behind it was written before the damage.
        let isTorn = isNewest && !(offset + 1..<max(used, offset + 1)).contains { record(content, at: $0) != nil }
        guard isTorn else {
            throw LogError(
                description: "\(path): damaged record at offset \(offset) before later ones: restore the directory "
                    + "from a copy, or move it away to start empty")
        }
        return entries
    }

    /// The whole record at an offset and where it ends; nil for anything else.
    private static func record(_ content: [UInt8], at offset: Int) -> (LogEntry, Int)? {
        guard offset + 8 <= content.count else { return nil }
        let length = Int(number(content, offset))
        let end = offset + 8 + length
        guard length > 0, length <= maximumRecord, end <= content.count else { return nil }
        let payload = content[(offset + 8)..<end]
        guard Checksum.crc32c(payload) == number(content, offset + 4) else { return nil }
        guard let entry = try? LogEntry(Array(payload)) else { return nil }  // Not a record of ours.
        return (entry, end)
    }

    private static func number(_ content: [UInt8], _ offset: Int) -> UInt32 {
        content[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func wholeFile(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { return nil }
        var content = [UInt8](repeating: 0, count: Int(status.st_size))
        var done = 0
        while done < content.count {
            let count = content[done...].withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            done += count
        }
        return content
    }
}
