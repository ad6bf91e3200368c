#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Why the log cannot be read or written: file, offset and what to do.
struct LogError: Error, Sendable, CustomStringConvertible {
    let description: String
    /// The system's number of it; 0 when the system has no part in it.
    var number: Int32 = 0

    static func system(_ call: String, _ path: String) -> LogError {
        let number = errno
        return LogError(description: "\(call) \(path): \(String(cString: strerror(number)))", number: number)
    }

    /// Whether more room on the disk would have helped.
    var isDiskFull: Bool { [ENOSPC, EDQUOT, EFBIG].contains(number) }
}

/// An open file that is written at given places. Used by one thread at a time.
final class LogFile {
    let path: String
    private let file: Int32

    /// Makes an empty file, or empties one.
    init(creating path: String) throws(LogError) {
        self.path = path
        file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open", path) }
    }

    private init(path: String, file: Int32) {
        self.path = path
        self.file = file
    }

    deinit { close(file) }

    /// The same file under another name.
    func renamed(to name: String) throws(LogError) -> LogFile {
        guard rename(path, name) == 0 else { throw .system("rename", path) }
        let copy = fcntl(file, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .system("dup", name) }
        return LogFile(path: name, file: copy)
    }

    /// Writes the first `count` bytes, or all.
    func write(_ bytes: [UInt8], at offset: Int, count: Int? = nil) throws(LogError) {
        let total = count ?? bytes.count
        var done = 0
        while done < total {
            let written = bytes.withUnsafeBytes { raw in
                raw.baseAddress.map { pwrite(file, $0 + done, total - done, off_t(offset + done)) } ?? 0
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .system("pwrite", path) }
            done += written
        }
    }

    /// Writes zeros, so that a later sync has no metadata to write.
    func fill(to size: Int) throws(LogError) {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while offset < size {
            let count = min(zeros.count, size - offset)
            try write(zeros, at: offset, count: count)
            offset += count
        }
        try sync()
    }

    /// Returns when everything written is on disk.
    func sync() throws(LogError) {
        guard fdatasync(file) == 0 else { throw .system("fdatasync", path) }
    }

    func truncate(to size: Int) throws(LogError) {
        guard ftruncate(file, off_t(size)) == 0, fsync(file) == 0 else { throw .system("ftruncate", path) }
    }

    /// Makes a file's name last, or its removal.
    static func syncDirectory(_ directory: String) throws(LogError) {
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .system("open", directory) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw .system("fsync", directory) }
    }

    static func remove(_ path: String) { unlink(path) }

    /// Cuts a file that is not open.
    static func cut(_ path: String, to size: Int) throws(LogError) {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw .system("open", path) }
        try LogFile(path: path, file: file).truncate(to: size)
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
            let count = content[done...].withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            done += count
        }
        return content
    }
}
