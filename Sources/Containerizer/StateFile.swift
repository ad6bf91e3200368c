import CLinux

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The small files that containerizers keep about a container.
public enum StateFile {
    /// The text of a file of at most 64 KiB; nil when it cannot be read.
    public static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while content.count < 65_536 {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count <= 0 { break }
            content.append(contentsOf: buffer[..<count])
        }
        return String(decoding: content, as: UTF8.self)
    }

    /// Writes a file that a crash leaves whole or not at all.
    public static func write(_ path: String, _ text: String) throws(ContainerError) {
        let temporary = "\(path).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open", temporary) }
        let isWritten = text.withCString { Glibc.write(file, $0, strlen($0)) == strlen($0) } && fsync(file) == 0
        close(file)
        guard isWritten, rename(temporary, path) == 0 else { throw .system("write", path) }
    }

    /// Writes into a file that exists, such as one of a cgroup.
    public static func overwrite(_ path: String, _ text: String) -> Bool {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        defer { close(file) }
        return text.withCString { Glibc.write(file, $0, strlen($0)) >= 0 }
    }

    /// The names of the directories in a directory; none when it cannot be read.
    public static func directories(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            guard name != ".", name != "..", lstat("\(path)/\(name)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { names.append(name) }
        }
        return names.sorted()
    }

    /// Sets an extended attribute; where there are none nothing happens.
    public static func setAttribute(_ name: String, _ value: String, of path: String) {
        _ = clinux_set_attribute(path, name, value)
    }

    /// An extended attribute; nil when there is none.
    public static func attribute(_ name: String, of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = clinux_get_attribute(path, name, &buffer, buffer.count)
        guard count >= 0 else { return nil }
        return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
