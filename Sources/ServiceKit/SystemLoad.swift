#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the machine has and how busy it is.
public enum SystemLoad {
    public static var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Bytes of memory, all and free.
    public static var memory: (total: Int64, free: Int64) {
        var values: [String: Int64] = [:]
        for line in (SmallFileOfProc.read("/proc/meminfo") ?? "").split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count >= 2, let kilobytes = Int64(parts[1]) { values[String(parts[0])] = kilobytes * 1024 }
        }
        return (values["MemTotal:"] ?? 0, values["MemFree:"] ?? 0)
    }

    /// Load averages of one, five and fifteen minutes.
    public static var averages: [Double] {
        var loads = [0.0, 0.0, 0.0]
        getloadavg(&loads, 3)
        return loads
    }

    /// Bytes of the file system that holds a path, all and free; nil when there is no such path.
    public static func disk(_ path: String) -> (total: Int64, free: Int64)? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let block = Int64(status.f_frsize)
        return (Int64(status.f_blocks) * block, Int64(status.f_bavail) * block)
    }

    /// The metrics that every program has.
    public static var metrics: [(String, Double)] {
        let memory = memory
        let loads = averages
        return [
            ("system/cpus_total", Double(processors)), ("system/load_1min", loads[0]),
            ("system/load_5min", loads[1]), ("system/load_15min", loads[2]),
            ("system/mem_total_bytes", Double(memory.total)), ("system/mem_free_bytes", Double(memory.free)),
        ]
    }
}

/// Files of /proc have no size, so they are read to their end.
enum SmallFileOfProc {
    static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while content.count < 1 << 20 {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count <= 0 { break }
            content.append(contentsOf: buffer[..<count])
        }
        return String(decoding: content, as: UTF8.self)
    }
}
