import Containerizer
import MesosProtocol
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The cgroups of containers in the unified hierarchy (kernel documentation, admin-guide/cgroup-v2).
final class ControlGroups: Sendable {
    private static let controllers = ["cpu", "memory", "pids"]
    /// Linux's period of CPU bandwidth, in microseconds.
    private static let period = 100_000

    /// The extended attribute that says whose container a cgroup holds: agents of one machine may share their root.
    private static let ownerAttribute = "trusted.mesos.containers"

    private let hierarchy: String
    /// The names of the cgroups from the hierarchy down to the one that holds the containers.
    private let levels: [Substring]
    private let root: String
    /// How many processes and threads a container may have; nil for any number.
    private let maximumPIDs: Int?
    private let isUsable = Mutex(false)
    /// Where the cgroups of containers are that an agent with another root has started.
    private let elsewhere = Mutex<[String: String]>([:])

    init(hierarchy: String, root: String, maximumPIDs: Int? = nil) {
        self.hierarchy = hierarchy
        self.maximumPIDs = maximumPIDs
        levels = root.split(separator: "/")
        self.root = levels.reduce(hierarchy) { "\($0)/\($1)" }
    }

    /// Makes the root with its controllers, which each cgroup above it has to hand on. Returns why there are no
    /// limits, or nil.
    func prepare() -> String? {
        guard let available = StateFile.read("\(hierarchy)/cgroup.controllers") else {
            return "\(hierarchy) is no cgroup v2 hierarchy"
        }
        let missing = Self.controllers.filter {
            !available.split(whereSeparator: \.isWhitespace).contains(Substring($0))
        }
        guard missing.isEmpty else { return "\(hierarchy) has no controller \(missing.joined(separator: ", "))" }
        let enable = Self.controllers.map { "+\($0)" }.joined(separator: " ")
        // Refused at the top inside a container, where whoever made that has done it.
        _ = StateFile.overwrite("\(hierarchy)/cgroup.subtree_control", enable)
        guard !levels.isEmpty, !levels.contains("."), !levels.contains("..") else {
            return "it has to be the name of a cgroup, or several below each other, without . and .."
        }
        var path = hierarchy
        for level in levels {
            path += "/\(level)"
            guard mkdir(path, 0o755) == 0 || errno == EEXIST,
                StateFile.overwrite("\(path)/cgroup.subtree_control", enable)
            else {
                let hint = errno == EBUSY ? " (processes are in it: choose one outside of the agent's own unit)" : ""
                return "\(path): \(String(cString: strerror(errno)))\(hint)"
            }
        }
        isUsable.withLock { $0 = true }
        return nil
    }

    private func path(_ id: String) -> String { elsewhere.withLock { $0[id] } ?? "\(root)/\(id)" }

    /// The file of a container's state that says where its cgroup is.
    private static func note(_ stateDirectory: String) -> String { "\(stateDirectory)/cgroup" }

    /// Finds the cgroup of a container that an earlier agent has started, whatever its root was.
    func recall(_ id: String, _ stateDirectory: String) {
        guard let noted = StateFile.read(Self.note(stateDirectory)), noted != "\(root)/\(id)",
            noted.hasPrefix("\(hierarchy)/")
        else { return }
        elsewhere.withLock { $0[id] = noted }
    }

    /// Makes a container's cgroup with its limits; nil when there are none on this machine.
    func create(_ container: ContainerSpecification, limitsCPU: Bool) throws(ContainerError) -> String? {
        guard isUsable.withLock({ $0 }) else { return nil }
        let path = path(container.id)
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw ContainerError("mkdir \(path): \(String(cString: strerror(errno)))")
        }
        do throws(ContainerError) { try StateFile.write(Self.note(container.stateDirectory), path) } catch {
            rmdir(path)
            throw error
        }
        StateFile.setAttribute(Self.ownerAttribute, container.containersDirectory, of: path)
        let cpus = container.scalar("cpus")
        let bytes = Int64(max(32, container.scalar("mem")) * 1_048_576)
        var settings = [
            ("cpu.weight", String(min(10_000, max(1, Int(cpus * 100))))), ("memory.low", String(bytes)),
            ("memory.max", String(bytes)), ("memory.oom.group", "1"),
            ("pids.max", maximumPIDs.map(String.init) ?? "max"),
        ]
        if limitsCPU { settings.append(("cpu.max", "\(max(1000, Int(cpus * Double(Self.period)))) \(Self.period)")) }
        for (file, value) in settings where !StateFile.overwrite("\(path)/\(file)", value) {
            let reason = String(cString: strerror(errno))
            rmdir(path)
            throw ContainerError("write \(value) to \(path)/\(file): \(reason)")
        }
        return path
    }

    /// Kills what is left in a container's cgroup and removes it. Returns why it is still there, or nil.
    func remove(_ id: String) async -> String? {
        guard isUsable.withLock({ $0 }) else { return nil }
        let complaint = await ControlGroupRemoval(path: path(id)).perform()
        if complaint == nil { elsewhere.withLock { $0[id] = nil } }
        return complaint
    }

    /// The containers of an agent that have a cgroup.
    func containers(of containersDirectory: String) -> [String] {
        guard isUsable.withLock({ $0 }) else { return [] }
        return StateFile.directories(in: root).filter {
            StateFile.attribute(Self.ownerAttribute, of: path($0)) == containersDirectory
        }
    }

    /// The end of a container whose memory did not suffice, if it was that, in Mesos's words for it. Mesos goes on to say
    /// what the memory was used for; here all processes of the group are gone by then (memory.oom.group), and what
    /// memory.stat says of an empty group helps nobody (kernel, Documentation/admin-guide/cgroup-v2.rst).
    func outOfMemory(_ id: String, status: Int32?) -> ContainerTermination? {
        let group = path(id)
        guard isUsable.withLock({ $0 }), let kills = numbers("\(group)/memory.events")["oom_kill"], kills > 0 else {
            return nil
        }
        let limit = number("\(group)/memory.max") ?? 0
        // Linux keeps the highest use since 5.19; before, the limit is what was used when it did not suffice.
        let used = number("\(group)/memory.peak") ?? limit
        let memory = Mesos.Resource.with {
            $0.name = "mem"
            $0.type = .scalar
            $0.scalar = .with { $0.value = Double(used >> 20) }
            $0.role = "*"
        }
        return ContainerTermination(
            status: status,
            message: "Memory limit exceeded: Requested: \(Self.text(limit)) Maximum Used: \(Self.text(used))",
            reason: .reasonContainerLimitationMemory, limited: [memory])
    }

    /// Bytes in the largest unit that needs no fraction.
    static func text(_ bytes: UInt64) -> String {
        let units = [(UInt64(1 << 30), "GB"), (1 << 20, "MB"), (1 << 10, "KB")]
        guard let (size, name) = units.first(where: { bytes >= $0.0 && bytes % $0.0 == 0 }) else { return "\(bytes)B" }
        return "\(bytes / size)\(name)"
    }

    func statistics(_ id: String) -> Mesos.ResourceStatistics? {
        guard isUsable.withLock({ $0 }), let memory = number("\(path(id))/memory.current") else { return nil }
        let cpu = numbers("\(path(id))/cpu.stat")
        let detail = numbers("\(path(id))/memory.stat")
        return .with {
            $0.timestamp = ProcessUsage.now
            $0.cpusUserTimeSecs = Double(cpu["user_usec"] ?? 0) / 1e6
            $0.cpusSystemTimeSecs = Double(cpu["system_usec"] ?? 0) / 1e6
            $0.cpusNrPeriods = cpu["nr_periods"].map { UInt32(truncatingIfNeeded: $0) }
            $0.cpusNrThrottled = cpu["nr_throttled"].map { UInt32(truncatingIfNeeded: $0) }
            $0.cpusThrottledTimeSecs = cpu["throttled_usec"].map { Double($0) / 1e6 }
            $0.memTotalBytes = memory
            $0.memRssBytes = detail["anon"]
            $0.memAnonBytes = detail["anon"]
            $0.memFileBytes = detail["file"]
            $0.processes = number("\(path(id))/pids.current").map { UInt32(truncatingIfNeeded: $0) }
        }
    }

    private func number(_ file: String) -> UInt64? {
        StateFile.read(file).flatMap { UInt64($0.filter { !$0.isWhitespace }) }
    }

    /// The `name value` lines of a file.
    private func numbers(_ file: String) -> [String: UInt64] {
        var values: [String: UInt64] = [:]
        for line in (StateFile.read(file) ?? "").split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = UInt64(parts[1]) { values[String(parts[0])] = value }
        }
        return values
    }
}
