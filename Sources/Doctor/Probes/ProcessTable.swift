import ServiceKit

/// What /proc tells of processes and their sockets.
struct ProcessTable {
    let files: FileSystem

    /// The sockets that listen on any of some ports, with their processes as far as these can be seen.
    func listeners(on ports: Set<Int>) -> Observed<[Listener]> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].compactMap { files.text($0) }
        guard !tables.isEmpty else { return .unseen("/proc/net/tcp cannot be read") }
        let found = tables.flatMap(SystemText.listeners).filter { ports.contains($0.listener.port) }
        guard !found.isEmpty else { return .seen([]) }
        let owners = owners(of: Set(found.map(\.inode)))
        return .seen(
            found.map { listener, inode in
                var listener = listener
                listener.process = owners[inode].map(process)
                return listener
            })
    }

    /// The processes that have sockets open, by inode; only root sees those of others.
    private func owners(of inodes: Set<String>) -> [String: Int] {
        var owners: [String: Int] = [:]
        for pid in files.names("/proc").compactMap({ Int($0) }) where owners.count < inodes.count {
            for descriptor in files.names("/proc/\(pid)/fd") {
                guard let link = files.link("/proc/\(pid)/fd/\(descriptor)"), link.hasPrefix("socket:[") else {
                    continue
                }
                let inode = String(link.dropFirst("socket:[".count).dropLast())
                if inodes.contains(inode), owners[inode] == nil { owners[inode] = pid }
            }
        }
        return owners
    }

    private func process(_ pid: Int) -> ProcessFacts {
        let words = (files.text("/proc/\(pid)/cmdline") ?? "").split(separator: "\0").map(Self.fileName)
        // Our programs are one file; its first argument says which one it is when its name does not.
        let name = words.first == "mesos-programs" && words.count > 1 ? words[1] : words.first ?? "a process"
        let groups = files.text("/proc/\(pid)/cgroup") ?? ""
        return ProcessFacts(pid: pid, name: name, unit: SystemText.unit(ofControlGroups: groups))
    }

    private static func fileName(_ path: Substring) -> String {
        path.split(separator: "/").last.map(String.init) ?? String(path)
    }

    /// Whether a process runs a file that is no longer there, as after an upgrade; nil when it could not be seen.
    func isReplaced(_ pid: Int) -> Bool? {
        files.link("/proc/\(pid)/exe").map { $0.hasSuffix(" (deleted)") }
    }
}
