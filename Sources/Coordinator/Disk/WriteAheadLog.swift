/// The log of all changes: segments of checksummed batches. A batch is what one sync made durable; a crash leaves it
/// whole or not at all. Segments are filled with zeros before they are used, so that a sync writes no metadata. Used by
/// one thread at a time.
///
///     segment = magic(8) salt(4) batch* zeros
///     batch   = length(4) crc32c(4) (length(4) entry)*, big-endian; the checksum goes on from the salt
///
/// The salt is random: no client can write data that looks like a batch of the segment that holds it.
final class WriteAheadLog {
    static let magic = Array("SMCLOG\u{0}\u{2}".utf8)
    static let headerSize = 12
    /// The name of the segment that waits to be used.
    static let preparedName = "prepared.log"

    private let directory: String
    private let files: any FileStore
    private var file: (any StoredFile)?
    private var salt: UInt32 = 0
    /// Where the next batch goes, and how far the segment reaches.
    private var position = 0
    private var size = 0
    private var prepared: (file: any StoredFile, size: Int)?

    init(directory: String, files: any FileStore = SystemFiles()) {
        self.directory = directory
        self.files = files
    }

    /// What a batch may take: of the prepared segment if there is one.
    var room: Int { prepared.map { $0.size - Self.headerSize } ?? (size - position) }
    var hasPrepared: Bool { prepared != nil }

    /// The segments in order; each is named for the first zxid that it may hold.
    static func segments(in directory: String, _ files: any FileStore = SystemFiles()) -> [String] {
        files.names(in: directory).filter { $0.hasPrefix("log.") && $0.count == 20 }.map {
            "\(directory)/\($0)"
        }
    }

    static func name(zxid: Int64) -> String {
        let digits = String(UInt64(bitPattern: zxid), radix: 16)
        return "log." + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The first zxid that a segment may hold, from its name.
    static func firstZxid(of path: String) -> Int64? {
        path.split(separator: ".").last.flatMap { UInt64($0, radix: 16) }.map { Int64(bitPattern: $0) }
    }

    /// Makes a segment to go on with when the present one is full; on any thread.
    static func prepare(
        in directory: String, size: Int, _ files: any FileStore
    ) throws(LogError) -> any StoredFile {
        let path = "\(directory)/\(preparedName)"
        guard files.hasRoom(for: size, in: directory) else {
            throw LogError(
                description: "\(path): there is no room for the \(size >> 20) MiB of the next segment", isDiskFull: true
            )
        }
        let file = try files.create(path)
        do { try file.fill(to: size) } catch {
            files.remove(path)
            throw error
        }
        return file
    }

    func use(prepared file: any StoredFile, size: Int) { prepared = (file, size) }

    /// Starts a segment for entries from this zxid on.
    func startSegment(zxid: Int64, size: Int = 64 << 10) throws(LogError) {
        let path = "\(directory)/\(Self.name(zxid: zxid))"
        if let ready = prepared {
            prepared = nil
            file = try files.rename(ready.file, to: path)
            self.size = ready.size
        } else {
            let new = try files.create(path)
            try new.fill(to: size)
            file = new
            self.size = size
        }
        salt = .random(in: .min ... .max)
        try file?.write(Self.magic + Self.bytes(salt), at: 0)
        // Before any batch: a header that is not whole then means that nothing was acknowledged behind it.
        try file?.sync()
        position = Self.headerSize
        try files.syncDirectory(directory)
    }

    /// Writes framed entries as one batch and returns when they are on disk. `zxid` is that of the first.
    func append(_ entries: [UInt8], zxid: Int64) throws(LogError) {
        if position + 8 + entries.count > size {
            try startSegment(zxid: zxid, size: max(self.size, Self.headerSize + 8 + entries.count))
        }
        let checksum = Checksum.crc32c(entries, seed: salt)
        try file?.write(Self.bytes(UInt32(entries.count)) + Self.bytes(checksum) + entries, at: position)
        try file?.sync()
        position += 8 + entries.count
    }

    /// An entry as it stands in a batch.
    static func frame(_ entry: [UInt8]) -> [UInt8] { bytes(UInt32(entry.count)) + entry }

    static func bytes(_ number: UInt32) -> [UInt8] {
        [
            UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16),
            UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number),
        ]
    }
}
