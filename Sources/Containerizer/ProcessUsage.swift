import MesosProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a tree of processes uses, from /proc.
public enum ProcessUsage {
    private struct Entry {
        let parent: Int32
        let userTicks: Double
        let systemTicks: Double
        let residentPages: Double
        let threads: UInt32
    }

    /// The sum over all processes below one, with or without that one itself.
    public static func statistics(ofTreeBelow root: Int32, includingRoot: Bool = false) -> Mesos.ResourceStatistics {
        let entries = all()
        var members: Set<Int32> = [root]
        var grew = true
        while grew {
            let before = members.count
            for (pid, entry) in entries where members.contains(entry.parent) { members.insert(pid) }
            grew = members.count > before
        }
        if !includingRoot { members.remove(root) }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let counted = members.compactMap { entries[$0] }
        return .with {
            $0.timestamp = now
            $0.processes = UInt32(counted.count)
            $0.threads = counted.reduce(0) { $0 + $1.threads }
            $0.cpusUserTimeSecs = counted.reduce(0) { $0 + $1.userTicks } / ticks
            $0.cpusSystemTimeSecs = counted.reduce(0) { $0 + $1.systemTicks } / ticks
            $0.memRssBytes = UInt64(counted.reduce(0) { $0 + $1.residentPages } * Double(sysconf(Int32(_SC_PAGESIZE))))
        }
    }

    /// Seconds since 1970, as statistics carry it.
    public static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func all() -> [Int32: Entry] {
        guard let directory = opendir("/proc") else { return [:] }
        defer { closedir(directory) }
        var entries: [Int32: Entry] = [:]
        while let item = readdir(directory) {
            let name = withUnsafeBytes(of: &item.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = Int32(name), let entry = entry(pid) { entries[pid] = entry }
        }
        return entries
    }

    private static func entry(_ pid: Int32) -> Entry? {
        guard let text = StateFile.read("/proc/\(pid)/stat"), let bracket = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 21, let parent = Int32(fields[1]) else { return nil }
        return Entry(
            parent: parent, userTicks: Double(fields[11]) ?? 0, systemTicks: Double(fields[12]) ?? 0,
            residentPages: Double(fields[21]) ?? 0, threads: UInt32(fields[17]) ?? 0)
    }
}
