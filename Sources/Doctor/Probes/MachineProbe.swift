import CLinux
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Looks at the machine. Nothing it does can take longer than its deadline, and nothing is changed.
public struct MachineProbe: Sendable {
    let files: FileSystem
    let release: String
    let read: ConfigurationReader

    /// `release` is that of the installed programs.
    public init(files: FileSystem, release: String, read: @escaping ConfigurationReader) {
        self.files = files
        self.release = release
        self.read = read
    }

    public func facts() async -> MachineFacts {
        var facts = MachineFacts()
        facts.isPrivileged = geteuid() == 0
        let hostname = Hostname.machine
        facts.hostname = hostname
        facts.release = release
        let units = await units()
        facts.unitsUnseen = units.reason
        facts.tasksUnit = units.value?.first { $0.name == Self.tasksUnit }
        let configured = await services(units.value ?? [])
        let expected = configured.filter { $0.0.isExpected }
        let configurations = expected.map { ($0.0.kind, $0.1) }
        let ports = Set(expected.map(\.0.settings.port))
        let named = Ensembles(configurations).all

        async let services = Self.concurrently(configured) { await self.completed($0, $1) }
        async let listeners = look { ProcessTable(files: $0).listeners(on: ports) }
        async let ensembles = ask(ensembles(named))
        async let names = names(of: expected.map(\.0.settings), hostname)
        async let addresses = look {
            .seen(NetworkNames.own(first: $0.text("/proc/net/route").flatMap(SystemText.defaultInterface)))
        }
        async let groups = look { .seen(Self.controlGroups($0)) }
        async let kernel = look { .seen(Self.kernel($0)) }
        async let clock = look { .seen(Self.clock($0)) }
        async let secrets = look { .seen(Self.secrets($0)) }
        async let docker = docker(configurations)

        facts.services = await services
        facts.listeners = await listeners
        facts.ensembles = await ensembles
        facts.names = await names
        for server in facts.ensembles.flatMap(\.servers) { facts.names[server.host] = server.resolution }
        facts.addresses = await addresses.value ?? []
        facts.controlGroups = await groups
        facts.kernel = await kernel.value ?? KernelFacts()
        facts.clock = await clock.value ?? ClockFacts()
        facts.secrets = await secrets.value ?? []
        facts.docker = await docker
        return facts
    }

    private func look<Value: Sendable>(
        _ work: @escaping @Sendable (FileSystem) -> Observed<Value>
    ) async -> Observed<Value> {
        let files = files
        return await Probe.look { work(files) }
    }

    private static let properties = [
        "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus", "NRestarts",
        "MainPID",
        "StatusText", "NeedDaemonReload", "Delegate", "LimitNOFILE", "TasksMax", "User", "Group", "ExecStart",
        "Environment",
    ]

    /// The packages' unit of the agent's tasks, which go on without the agent.
    private static let tasksUnit = "mesos-tasks"

    private func units() async -> Observed<[UnitFacts]> {
        await look { files in
            guard let systemctl = files.program("systemctl") else { return .unseen("there is no systemctl") }
            let names = (ServiceKind.allCases.flatMap(\.units) + [Self.tasksUnit]).map { "\($0).service" }
            let arguments = ["show", "--property=\(Self.properties.joined(separator: ","))", "--"] + names
            switch Command.output(files.location(systemctl), arguments, within: Probe.deadline) {
            case .seen(let text): return .seen(SystemText.units(text))
            case .unseen(let reason): return .unseen(reason)
            }
        }
    }

    /// The services that have a unit, or something that is theirs in /etc.
    private func services(_ units: [UnitFacts]) async -> [(ServiceFacts, ServiceConfiguration)] {
        let found: [(ServiceFacts, ServiceConfiguration)?] = await Self.concurrently(ServiceKind.allCases) { kind in
            let unit = units.first { kind.units.contains($0.name) }
            let read = read
            let answer: Observed<ServiceConfiguration?> = await look { files in
                guard unit != nil || Self.isConfigured(kind, files) else { return .seen(nil) }
                return .seen(read(kind, unit, files))
            }
            if case .seen(nil) = answer { return nil }
            var configuration = (answer.value ?? nil) ?? ServiceConfiguration(settings: ServiceSettings(port: 0))
            if answer.reason != nil { configuration.unreadable.append(kind.directory) }
            var service = ServiceFacts(kind: kind, settings: configuration.settings)
            service.unit = unit
            service.complaint = configuration.complaint
            service.withoutEffect = configuration.withoutEffect
            service.unreadable = configuration.unreadable
            return (service, configuration)
        }
        return found.compactMap { $0 }
    }

    private static func isConfigured(_ kind: ServiceKind, _ files: FileSystem) -> Bool {
        switch kind {
        case .coordinator: files.exists("/etc/zookeeper/conf/zoo.cfg")
        case .master: files.exists("/etc/mesos-master")
        case .agent: files.exists("/etc/mesos-slave") || files.exists("/etc/mesos-agent")
        case .marathon: files.exists("/etc/marathon")
        }
    }

    /// The service with what only a running one and its disk can tell.
    private func completed(_ service: ServiceFacts, _ configuration: ServiceConfiguration) async -> ServiceFacts {
        guard service.isExpected else { return service }
        var service = service
        if let path = configuration.stateDirectory {
            let answer = await look { .seen($0.directory(path)) }
            var unseen = DirectoryFacts(path: path)
            unseen.state = .unseen(answer.reason ?? "")
            service.stateDirectory = answer.value ?? unseen
        }
        let settings = service.settings
        service.toldName = await look { _ in .seen(NetworkNames.told(settings)) }.value
        if let pid = service.unit?.mainPID, pid > 0 {
            service.isReplaced = await look { .seen(ProcessTable(files: $0).isReplaced(pid)) }.value ?? nil
        }
        if service.kind == .master || service.kind == .agent, service.settings.port != 0 {
            let address = service.settings.address == "0.0.0.0" ? "127.0.0.1" : service.settings.address
            service.runningVersion = await version(address, service.settings.port).value?.0
        }
        return service
    }

    /// What the names that are told to others resolve to. They may come from the resolver as well.
    private func names(of services: [ServiceSettings], _ hostname: String) async -> [String: Observed<[String]>] {
        let found = await Self.concurrently(services) { settings in
            let name = await look { _ in .seen(NetworkNames.told(settings)) }.value ?? hostname
            return (name, await Probe.look { NetworkNames.resolve(name) })
        }
        let own = await Probe.look { NetworkNames.resolve(hostname) }
        return Dictionary(found + [(hostname, own)]) { first, _ in first }
    }

    private func docker(_ configurations: [(ServiceKind, ServiceConfiguration)]) async -> DockerFacts? {
        for case (_, let configuration) in configurations {
            guard configuration.settings.containerizers.contains("docker"), let docker = configuration.docker else {
                continue
            }
            return await self.docker(docker.program, docker.socket)
        }
        return nil
    }

    private static func controlGroups(_ files: FileSystem) -> ControlGroupFacts {
        func controllers(_ path: String) -> Set<String>? {
            files.text(path).map { Set($0.split(whereSeparator: \.isWhitespace).map(String.init)) }
        }
        if let found = controllers("/sys/fs/cgroup/cgroup.controllers") {
            return ControlGroupFacts(version: .unified, controllers: found)
        }
        if let found = controllers("/sys/fs/cgroup/unified/cgroup.controllers") {
            return ControlGroupFacts(version: .hybrid, controllers: found)
        }
        let isLegacy = files.exists("/sys/fs/cgroup/memory") || files.exists("/sys/fs/cgroup/cpu")
        return ControlGroupFacts(version: isLegacy ? .legacy : .none, controllers: [])
    }

    private static func kernel(_ files: FileSystem) -> KernelFacts {
        var facts = KernelFacts()
        if let systems = files.text("/proc/filesystems") {
            let release = SmallFile.trimmed(files.text("/proc/sys/kernel/osrelease") ?? "")
            let modules = files.names("/lib/modules/\(release)/kernel/fs/overlayfs")
            facts.hasOverlay =
                systems.split(whereSeparator: \.isWhitespace).contains("overlay")
                || modules.contains { $0.hasPrefix("overlay.ko") }
        }
        facts.maximumProcesses = files.number("/proc/sys/kernel/pid_max")
        facts.maximumFiles = files.number("/proc/sys/fs/file-max")
        facts.inotifyInstances = files.number("/proc/sys/fs/inotify/max_user_instances")
        facts.inotifyWatches = files.number("/proc/sys/fs/inotify/max_user_watches")
        return facts
    }

    private static func clock(_ files: FileSystem) -> ClockFacts {
        var facts = ClockFacts()
        let state = clinux_clock_is_synchronised()
        facts.isSynchronised = state < 0 ? .unseen(String(cString: strerror(-state))) : .seen(state == 1)
        let keepers = [
            ("chrony", "/usr/sbin/chronyd"), ("systemd-timesyncd", "/lib/systemd/systemd-timesyncd"),
            ("ntpsec", "/usr/sbin/ntpd"),
        ]
        facts.keeper = keepers.first { files.exists($0.1) }?.0
        return facts
    }

    private static func secrets(_ files: FileSystem) -> [SecretFile] {
        let folders = ["mesos", "mesos-master", "mesos-slave", "mesos-agent", "marathon", "marathon/conf"]
        let inFolders = folders.flatMap { folder in files.names("/etc/\(folder)").map { "/etc/\(folder)/\($0)" } }
        let defaults = ["mesos", "mesos-master", "mesos-slave", "mesos-agent", "marathon", "zookeeper"]
        let candidates =
            inFolders + defaults.map { "/etc/default/\($0)" }
            + files.names("/etc/zookeeper/conf").map { "/etc/zookeeper/conf/\($0)" }
        var found: [SecretFile] = []
        for path in candidates {
            guard let mode = files.mode(path), let text = files.text(path) else { continue }
            let name = String(path.split(separator: "/").last ?? "")
            // A flag may hold the secret itself, or name the file that does.
            if let other = SecretPattern.secretFile(named: name, text: text) {
                if let mode = files.mode(other) { found.append(SecretFile(path: other, secret: name, mode: mode)) }
            } else if let secret = SecretPattern.secret(inFile: name, text: text) {
                found.append(SecretFile(path: path, secret: secret, mode: mode))
            }
        }
        return found
    }
}
