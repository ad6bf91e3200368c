#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Configuration and checkpoint files: small enough to be read and written whole.
public enum SmallFile {
    /// A larger file is no configuration and is refused.
    public static let maximumSize = 16 << 20

    /// Why a file could not be written: the call, the path and the system's word.
    public struct WriteError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Why a file or directory that is there could not be read.
    public struct ReadError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// The content of a record that may be missing: nil only when it is not there.
    public static func record(_ path: String) throws(ReadError) -> [UInt8]? {
        if let content = bytes(path) { return content }
        guard access(path, F_OK) != 0, errno == ENOENT else {
            throw ReadError(
                description: "\(path): cannot be read, or is no file of at most \(maximumSize >> 20) MiB; "
                    + "what it holds must not be taken for missing")
        }
        return nil
    }

    /// The names of the records in a directory, without those half written; none when it is not there.
    public static func records(in directory: String) throws(ReadError) -> [String] {
        guard access(directory, R_OK | X_OK) == 0 || errno == ENOENT else {
            throw ReadError(description: "\(directory): \(String(cString: strerror(errno)))")
        }
        return names(in: directory).filter { !$0.hasSuffix(".new") }.sorted()
    }

    /// The content as text, or nil when it is no regular file that can be read.
    public static func read(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    public static func bytes(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= maximumSize else {
            return nil
        }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while content.count <= maximumSize {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count == 0 { return content }
            guard count > 0 else { return nil }
            content.append(contentsOf: buffer[..<count])
        }
        return nil
    }

    /// Whether there is a directory, or a link to one.
    public static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The text without white space around it.
    public static func trimmed(_ text: String) -> String {
        var rest = text[...]
        while rest.last?.isWhitespace == true { rest.removeLast() }
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        return String(rest)
    }

    /// The names in a directory, without `.` and `..`; none when it cannot be read.
    public static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Bytes of the files in a directory, not of those further down.
    public static func size(ofFilesIn directory: String) -> Int {
        names(in: directory).reduce(0) { sum, name in
            var status = stat()
            guard lstat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return sum }
            return sum + Int(status.st_size)
        }
    }

    /// Replaces a file so that a crash leaves the old or the new content, and the new one is on disk on return.
    public static func replace(_ path: String, with content: [UInt8], mode: mode_t = 0o600) throws(WriteError) {
        let temporary = "\(path).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw failure("open", temporary) }
        var written = 0
        while written < content.count {
            let count = content[written...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                close(file)
                throw failure("write", temporary)
            }
            written += count
        }
        guard fsync(file) == 0, close(file) == 0 else { throw failure("fsync", temporary) }
        guard rename(temporary, path) == 0 else { throw failure("rename", path) }
        syncDirectory(of: path)
    }

    /// Makes a directory and its parents. The mode is that of the directory alone: parents made on the way are open to
    /// all, as others may have to pass through them.
    public static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(WriteError) {
        var prefix = path.hasPrefix("/") ? "" : "."
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            prefix += "/" + part
            let isLast = index == parts.count - 1
            if mkdir(prefix, isLast ? mode : 0o755) != 0, errno != EEXIST { throw failure("mkdir", prefix) }
        }
    }

    private static func syncDirectory(of path: String) {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let directory = open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    private static func failure(_ call: String, _ path: String) -> WriteError {
        WriteError(description: "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
