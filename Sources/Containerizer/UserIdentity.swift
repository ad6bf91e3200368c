#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A user of the machine, with its groups.
public struct UserIdentity: Sendable, Equatable {
    public let uid: UInt32
    public let gid: UInt32
    public let groups: [UInt32]

    /// Looks a user up by name or number.
    public init(named name: String) throws(ContainerError) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        let result = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
        guard result == 0, found != nil else {
            throw ContainerError("the user '\(name)' does not exist on this machine")
        }
        uid = entry.pw_uid
        gid = entry.pw_gid
        var count: Int32 = 64
        var list = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(name, gid, &list, &count) >= 0 else {
            throw ContainerError("the user '\(name)' is in more than 64 groups")
        }
        groups = list.prefix(Int(count)).map { UInt32($0) }
    }

    /// The options that make the launcher run as this user; none when the agent is this user already.
    var launcherOptions: [String] {
        get throws(ContainerError) {
            if geteuid() == uid { return [] }
            guard geteuid() == 0 else {
                throw ContainerError("cannot run as the user \(uid): the agent does not run as root")
            }
            return ["--uid=\(uid)", "--gid=\(gid)", "--groups=\(groups.map(String.init).joined(separator: ","))"]
        }
    }

    /// The name of the user that the agent runs as.
    public static var own: String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, found != nil else { return "root" }
        return String(cString: entry.pw_name)
    }
}
