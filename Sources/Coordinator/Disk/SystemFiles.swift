import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension LogError {
    static func system(_ call: String, _ path: String) -> LogError {
        let number = errno
        return LogError(
            description: "\(call) \(path): \(String(cString: strerror(number)))",
            isDiskFull: [ENOSPC, EDQUOT, EFBIG].contains(number))
    }
}

/// The files of the system.
struct SystemFiles: FileStore {
    func create(_ path: String) throws(LogError) -> any StoredFile {
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open", path) }
        return SystemFile(path: path, file: file)
    }

    func rename(_ file: any StoredFile, to path: String) throws(LogError) -> any StoredFile {
        guard Glibc.rename(file.path, path) == 0 else { throw .system("rename", path) }
        guard let file = file as? SystemFile else { throw LogError(description: "\(path): not a file of the system") }
        return try file.renamed(path)
    }

    func syncDirectory(_ directory: String) throws(LogError) {
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .system("open", directory) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw .system("fsync", directory) }
    }

    func remove(_ path: String) { unlink(path) }

    func cut(_ path: String, to size: Int) throws(LogError) {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw .system("open", path) }
        defer { close(file) }
        guard ftruncate(file, off_t(size)) == 0, fsync(file) == 0 else { throw .system("ftruncate", path) }
    }

    func read(_ path: String) throws(LogError) -> any FileReader { try SystemReader(path) }

    /// Asked first, so that the try alone does not fill a disk that is nearly full.
    func hasRoom(for bytes: Int, in directory: String) -> Bool {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return true }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) > UInt64(bytes)
    }

    func names(in directory: String) -> [String] { SmallFile.names(in: directory).sorted() }
}

private final class SystemFile: StoredFile {
    let path: String
    private let file: Int32

    init(path: String, file: Int32) {
        self.path = path
        self.file = file
    }

    deinit { close(file) }

    func renamed(_ name: String) throws(LogError) -> SystemFile {
        let copy = fcntl(file, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .system("dup", name) }
        return SystemFile(path: name, file: copy)
    }

    func write(_ bytes: [UInt8], at offset: Int, count: Int) throws(LogError) {
        var done = 0
        while done < count {
            let written = bytes.withUnsafeBytes { raw in
                raw.baseAddress.map { pwrite(file, $0 + done, count - done, off_t(offset + done)) } ?? 0
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .system("pwrite", path) }
            done += written
        }
    }

    func sync() throws(LogError) {
        guard fdatasync(file) == 0 else { throw .system("fdatasync", path) }
    }
}

private final class SystemReader: FileReader {
    let size: Int
    private let path: String
    private let file: Int32

    init(_ path: String) throws(LogError) {
        self.path = path
        file = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0 else {
            size = 0
            throw .system("open", path)
        }
        size = Int(status.st_size)
    }

    deinit { if file >= 0 { close(file) } }

    func next(_ count: Int) throws(LogError) -> [UInt8] {
        var failure: LogError?
        let content = [UInt8](unsafeUninitializedCapacity: count) { space, done in
            while done < count {
                let got = Glibc.read(file, space.baseAddress.map { $0 + done }, count - done)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = .system("read", path) }
                guard got > 0 else { return }
                done += got
            }
        }
        if let failure { throw failure }
        return content
    }
}
