import Containerizer
import Logging
import MesosProtocol
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// `mesos`: the agent's own containers, of Linux namespaces and cgroup v2. What the machine does not give is off, and
/// one line at the start says so.
public final class NativeContainerizer: Containerizer {
    public let name = "mesos"
    private let launcher: Launcher
    private let cgroups: ControlGroups
    private let needsGroups: Bool
    private let limitsCPU: Bool
    private let registry = ContainerRegistry()
    private let namespaces = Mutex<[String]>([])
    private let logger = Logger(label: "mesos-containerizer")

    /// `hierarchy` and `root` as of `--cgroups_hierarchy` and `--cgroups_root`. Who asks for a root (`needsGroups`)
    /// wants its limits: without them nothing is started. `maximumPIDs` as of `--cgroups_pids_max`: 0 for any number,
    /// nil for the share of the machine's that systemd gives a service.
    public init(
        launcher: Launcher, hierarchy: String, root: String, needsGroups: Bool, limitsCPU: Bool,
        maximumPIDs: Int? = nil
    ) {
        self.launcher = launcher
        let pids = maximumPIDs ?? Self.shareOfPIDs
        cgroups = ControlGroups(hierarchy: hierarchy, root: root, maximumPIDs: pids > 0 ? pids : nil)
        self.needsGroups = needsGroups
        self.limitsCPU = limitsCPU
    }

    /// 15 % of the processes and threads that the machine may have: systemd's DefaultTasksMax (systemd-system.conf(5)).
    private static var shareOfPIDs: Int {
        let limits = ["pid_max", "threads-max"].compactMap { name in
            StateFile.read("/proc/sys/kernel/\(name)").flatMap { Int($0.filter { !$0.isWhitespace }) }
        }
        return (limits.min() ?? 0) * 15 / 100
    }

    public func prepare() async throws(ContainerError) {
        guard launcher.isInstalled else { throw ContainerError("\(launcher.path) is missing: see --launcher_dir") }
        if geteuid() == 0 {
            namespaces.withLock { $0 = ["mnt", "pid", "uts", "ipc"] }
        } else {
            logger.warning("namespaces are off: the agent does not run as root")
        }
        guard let reason = cgroups.prepare() else { return }
        if needsGroups { throw ContainerError("--cgroups_root cannot be used: \(reason)") }
        logger.warning("limits of cpus, memory and processes are off: \(reason)")
    }

    public func accepts(_ container: ContainerSpecification) -> Bool {
        container.container?.type ?? .mesos == .mesos
    }

    public func launch(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        registry.add(container)
        var options = try ResourceLimits.options(container.container?.rlimitInfo)
        var namespaces = namespaces.withLock { $0 }
        let group = try cgroups.create(container, limitsCPU: limitsCPU)
        if let group {
            options.append("--cgroup=\(group)")
            if !namespaces.isEmpty { namespaces.append("cgroup") }
        }
        if !namespaces.isEmpty {
            options.append("--namespaces=\(namespaces.joined(separator: ","))")
            if let hostname = container.container?.hostname { options.append("--hostname=\(hostname)") }
        }
        do throws(ContainerError) {
            options += try isolation(container, hasMountNamespace: namespaces.contains("mnt"))
            try await launcher.launch(container, options: options)
        } catch {
            await removeGroup(container.id)
            throw error
        }
        return Launcher.status(container)
    }

    /// The launcher goes on without the agent.
    public func resume(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        Launcher.status(container)
    }

    private func removeGroup(_ id: String) async {
        if let reason = await cgroups.remove(id) { logger.warning("\(reason)") }
    }

    /// Volumes of the host; refuses by name what is not there yet.
    private func isolation(
        _ container: ContainerSpecification, hasMountNamespace: Bool
    ) throws(ContainerError) -> [String] {
        guard let info = container.container else { return [] }
        if info.mesos?.image != nil {
            throw ContainerError("images are not supported by this version of the mesos containerizer")
        }
        if !info.networkInfos.isEmpty {
            throw ContainerError("networks are not supported by this version of the mesos containerizer")
        }
        if info.ttyInfo != nil { throw ContainerError("terminals are not supported by this version") }
        if info.linuxInfo != nil {
            throw ContainerError("capabilities, seccomp and IPC settings are not supported by this version")
        }
        var options: [String] = []
        for volume in info.volumes {
            guard hasMountNamespace else { throw ContainerError("volumes need the agent to run as root") }
            options.append("--bind=\(try bind(volume, container))")
        }
        return options
    }

    private func bind(_ volume: Mesos.Volume, _ container: ContainerSpecification) throws(ContainerError) -> String {
        guard volume.source == nil, volume.image == nil, let host = volume.hostPath, host.hasPrefix("/") else {
            throw ContainerError("the volume at \(volume.containerPath) is of a kind that is not supported")
        }
        let isAbsolute = volume.containerPath.hasPrefix("/")
        let target = isAbsolute ? volume.containerPath : "\(container.sandbox)/\(volume.containerPath)"
        let parts = volume.containerPath.split(separator: "/") + host.split(separator: "/")
        guard !parts.contains(".."), !host.contains(":"), !target.contains(":") else {
            throw ContainerError("the volume \(host) has ':' or '..' in its path")
        }
        if !isAbsolute { mkdir(target, 0o755) }
        return "\(host):\(target):\(volume.mode == .ro ? "ro" : "rw")"
    }

    public func wait(_ id: String) async -> ContainerTermination {
        guard let directory = registry.directory(id) else {
            return ContainerTermination(status: nil, message: "The container is unknown")
        }
        let termination = await Launcher.wait(directory)
        return cgroups.outOfMemory(id, status: termination.status) ?? termination
    }

    public func stop(_ id: String, grace: Duration) async {
        if let directory = registry.directory(id) { await Launcher.stop(directory, grace: grace) }
    }

    public func destroy(_ id: String) async {
        if let directory = registry.directory(id) { await Launcher.destroy(directory) }
        await removeGroup(id)
        registry.remove(id)
    }

    public func usage(_ id: String) async -> Mesos.ResourceStatistics? {
        guard let directory = registry.directory(id), let process = Launcher.process(of: directory) else { return nil }
        return cgroups.statistics(id) ?? ProcessUsage.statistics(ofTreeBelow: process.pid)
    }

    public func recover(_ recovery: ContainerRecovery) async throws(ContainerError) -> Set<String> {
        var found: Set<String> = []
        for container in recovery.known where Launcher.process(of: container.stateDirectory) != nil {
            registry.add(container)
            cgroups.recall(container.id, container.stateDirectory)
            found.insert(container.id)
        }
        for directory in recovery.strays {
            cgroups.recall(ContainerRecovery.id(ofState: directory), directory)
            await Launcher.destroy(directory)
            await removeGroup(ContainerRecovery.id(ofState: directory))
        }
        for id in cgroups.containers(of: recovery.containersDirectory) where !found.contains(id) {
            logger.notice("removing the cgroup of the container \(id), which no task is known of")
            await removeGroup(id)
        }
        return found
    }
}
