import Containerizer

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The end of a cgroup with all that is in it. A task may have made cgroups of its own below: they go first, and none
/// goes while a process is in it.
struct ControlGroupRemoval {
    let path: String

    /// Returns why the cgroup is still there, or nil.
    func perform(within limit: Duration = .seconds(10)) async -> String? {
        let deadline = ContinuousClock.now + limit
        while true {
            // Again each time: a process may have come in since.
            _ = StateFile.overwrite("\(path)/cgroup.kill", "1")
            let reason = isPopulated ? "its processes do not end" : Self.removeTree(path)
            guard let reason else { return nil }
            guard ContinuousClock.now < deadline else { return "cannot remove the cgroup \(path): \(reason)" }
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                return "the cgroup \(path) was left behind: \(reason)"
            }
        }
    }

    /// Whether there is a live process in the cgroup or below it.
    private var isPopulated: Bool {
        (StateFile.read("\(path)/cgroup.events") ?? "").split(separator: "\n").contains("populated 1")
    }

    /// The files of a cgroup are no obstacle to rmdir(2); cgroups below it are.
    private static func removeTree(_ path: String) -> String? {
        for name in StateFile.directories(in: path) {
            if let reason = removeTree("\(path)/\(name)") { return reason }
        }
        guard rmdir(path) != 0, errno != ENOENT else { return nil }
        return String(cString: strerror(errno))
    }
}
