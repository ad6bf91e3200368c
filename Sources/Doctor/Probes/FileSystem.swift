import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The machine's files, all below one folder: `/`, or that of a test.
public struct FileSystem: Sendable {
    /// Without a slash at its end: empty for `/`.
    private let root: String

    public init(root: String) {
        var root = root
        while root.hasSuffix("/") { root.removeLast() }
        self.root = root
    }

    /// Where a path of the machine is.
    public func location(_ path: String) -> String { root + path }

    public func exists(_ path: String) -> Bool { access(location(path), F_OK) == 0 }

    /// Whether a file can be read; a folder always passes.
    public func isReadable(_ path: String) -> Bool { access(location(path), R_OK) == 0 }

    /// Whether there is a program that can be executed.
    func isProgram(_ path: String) -> Bool { access(location(path), X_OK) == 0 }

    func text(_ path: String) -> String? { SmallFile.read(location(path)) }

    public func names(_ path: String) -> [String] { SmallFile.names(in: location(path)).sorted() }

    func number(_ path: String) -> Int? { text(path).flatMap { Int(SmallFile.trimmed($0)) } }

    /// Where a link leads; nil when it is none or cannot be seen.
    func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(location(path), &buffer, buffer.count - 1)
        guard count >= 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A program's place: a path as it is, a name in the usual folders.
    func program(_ name: String) -> String? {
        guard !name.hasPrefix("/") else { return isProgram(name) ? name : nil }
        let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return folders.map { "\($0)/\(name)" }.first(where: isProgram)
    }

    /// The permission bits of a regular file; nil when there is none.
    func mode(_ path: String) -> UInt32? {
        var status = stat()
        guard stat(location(path), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return status.st_mode & 0o7777
    }

    func directory(_ path: String) -> DirectoryFacts {
        var facts = DirectoryFacts(path: path)
        var status = stat()
        guard stat(location(path), &status) == 0 else {
            facts.state =
                errno == ENOENT || errno == ENOTDIR ? .missing : .unseen(String(cString: strerror(errno)))
            return facts
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            facts.state = .isNoDirectory
            return facts
        }
        facts.mode = status.st_mode & 0o7777
        facts.owner = Self.user(status.st_uid)
        var space = statvfs()
        if statvfs(location(path), &space) == 0 {
            facts.freeBytes = Int64(space.f_bavail) * Int64(space.f_frsize)
            facts.totalBytes = Int64(space.f_blocks) * Int64(space.f_frsize)
        }
        if let mount = text("/proc/self/mountinfo").flatMap({ SystemText.mount(of: resolved(path), in: $0) }) {
            facts.fileSystem = mount.type
            facts.isReadOnly = mount.options.contains("ro")
            facts.refusesPrograms = mount.options.contains("noexec")
        }
        return facts
    }

    /// The path without links. Below another root the links are not those of the table of mounts.
    private func resolved(_ path: String) -> String {
        guard root.isEmpty, let found = realpath(path, nil) else { return path }
        defer { free(found) }
        return String(cString: found)
    }

    private static func user(_ id: uid_t) -> String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return String(id) }
        return String(cString: entry.pw_name)
    }
}
