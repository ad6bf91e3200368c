/// Why the log cannot be read or written: file, offset and what to do.
struct LogError: Error, Sendable, CustomStringConvertible {
    let description: String
    /// Whether more room on the disk would have helped.
    var isDiskFull = false
}

/// The files that the log and the snapshots are: those of the system, or those of a simulated disk.
protocol FileStore: Sendable {
    /// Makes an empty file, or empties one.
    func create(_ path: String) throws(LogError) -> any StoredFile
    /// Gives an open file another name.
    func rename(_ file: any StoredFile, to path: String) throws(LogError) -> any StoredFile
    /// Makes a directory's names last: those that came, and those that went.
    func syncDirectory(_ directory: String) throws(LogError)
    func remove(_ path: String)
    /// Cuts a file that is not open to a size, and returns when that is on disk.
    func cut(_ path: String, to size: Int) throws(LogError)
    /// Opens a file for reading from its start.
    func read(_ path: String) throws(LogError) -> any FileReader
    /// Whether so many bytes more are likely to find room beside a directory's files.
    func hasRoom(for bytes: Int, in directory: String) -> Bool
    /// The names in a directory, sorted.
    func names(in directory: String) -> [String]
}

/// An open file that is written at given places. Used by one thread at a time.
protocol StoredFile: AnyObject {
    var path: String { get }
    /// Writes the first `count` bytes.
    func write(_ bytes: [UInt8], at offset: Int, count: Int) throws(LogError)
    /// Returns when everything written is on disk.
    func sync() throws(LogError)
}

extension StoredFile {
    func write(_ bytes: [UInt8], at offset: Int) throws(LogError) {
        try write(bytes, at: offset, count: bytes.count)
    }

    /// Writes zeros, so that a later sync has no metadata to write.
    func fill(to size: Int) throws(LogError) {
        let zeros = [UInt8](repeating: 0, count: min(size, 1 << 20))
        var offset = 0
        while offset < size {
            let count = min(zeros.count, size - offset)
            try write(zeros, at: offset, count: count)
            offset += count
        }
        try sync()
    }
}

/// A file that is read from its start.
protocol FileReader {
    var size: Int { get }
    /// The next bytes: fewer than asked for at the end.
    mutating func next(_ count: Int) throws(LogError) -> [UInt8]
}

extension FileStore {
    func content(_ path: String) throws(LogError) -> [UInt8] {
        var reader = try read(path)
        return try reader.next(reader.size)
    }
}
