#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Keeps a second program out of a directory that one program may write alone, until this one ends (flock(2)).
public final class DirectoryLock: Sendable {
    private let file: Int32

    /// Fails when another program holds the directory; `purpose` says whose it is.
    public init(_ directory: String, purpose: String) throws(FlagError) {
        let path = "\(directory)/lock"
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw FlagError("cannot open \(path): \(String(cString: strerror(errno)))") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno == EWOULDBLOCK ? "another \(purpose) uses it" : String(cString: strerror(errno))
            close(file)
            throw FlagError("cannot use the directory \(directory): \(reason)")
        }
    }

    deinit { close(file) }
}
