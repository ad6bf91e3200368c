#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The user that this process runs as.
public enum Account {
    public static var own: String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, found != nil else { return "root" }
        return String(cString: entry.pw_name)
    }
}
