import Containerizer
import JSONText
import MesosProtocol

/// `docker`: containers of the Docker daemon, through its command line as Mesos does. Each `docker run` stays attached
/// below a launcher, so that its output is the sandbox's and its exit status outlives the agent.
public struct DockerContainerizer: Containerizer {
    /// Marks the containers of one agent, so that it removes no other's.
    private static let label = "org.apache.mesos.work_dir"

    public let name = "docker"
    private let docker: DockerCommand
    private let launcher: Launcher
    private let workDirectory: String
    private let sandboxDirectory: String
    private let limitsCPU: Bool
    private let killsOrphans: Bool
    private let registry = ContainerRegistry()

    /// `program` and `socket` as of `--docker` and `--docker_socket`; `workDirectory` is the agent's;
    /// `sandboxDirectory` is where containers find their sandbox.
    public init(
        program: String, socket: String, launcher: Launcher, workDirectory: String, sandboxDirectory: String,
        limitsCPU: Bool, killsOrphans: Bool
    ) {
        docker = DockerCommand(program: program, socket: socket)
        self.launcher = launcher
        self.workDirectory = workDirectory
        self.sandboxDirectory = sandboxDirectory
        self.limitsCPU = limitsCPU
        self.killsOrphans = killsOrphans
    }

    public func prepare() async throws(ContainerError) {
        guard launcher.isInstalled else { throw ContainerError("\(launcher.path) is missing: see --launcher_dir") }
        let output = await docker.run(["version", "--format", "{{.Server.Version}}"])
        guard output.isSuccess else {
            let reason = output.errors.split(separator: "\n").first.map(String.init) ?? "no answer"
            throw ContainerError(
                "docker does not answer (\(reason)): start the daemon, or see --docker and --docker_socket, or leave "
                    + "docker out of --containerizers")
        }
    }

    public func accepts(_ container: ContainerSpecification) -> Bool { container.container?.type == .docker }

    private static func containerName(_ id: String) -> String { "mesos-\(id)" }

    public func launch(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        guard let info = container.container?.docker else { throw ContainerError("ContainerInfo has no docker part") }
        registry.add(container)
        try await pull(info)
        let command = try DockerRun(
            docker: docker, container: container, info: info, name: Self.containerName(container.id),
            label: "\(Self.label)=\(workDirectory)", sandboxDirectory: sandboxDirectory, limitsCPU: limitsCPU)
        try await launcher.launch(command.specification, options: [])
        return try await untilRunning(container)
    }

    public func resume(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        try await untilRunning(container)
    }

    private func pull(_ info: Mesos.ContainerInfo.DockerInfo) async throws(ContainerError) {
        if info.forcePullImage != true, await docker.run(["image", "inspect", info.image]).isSuccess { return }
        let output = await docker.run(["pull", info.image])
        guard output.isSuccess else {
            throw ContainerError("Failed to run 'docker pull \(info.image)': \(Self.lastLine(output.errors))")
        }
    }

    private static func lastLine(_ text: String) -> String {
        text.split(separator: "\n").last.map(String.init) ?? "no reason was given"
    }

    /// Asks until the daemon says that the container runs, or `docker run` has ended.
    private func untilRunning(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus
    {
        while true {
            guard registry[container.id] != nil else { throw ContainerError("it was destroyed during its launch") }
            if let state = await docker.inspect(Self.containerName(container.id)), let status = status(state) {
                try StateFile.write("\(container.stateDirectory)/pid", "\(status.executorPid ?? 0)")
                return status
            }
            if hasClientEnded(container.stateDirectory) {
                let errors = StateFile.read("\(container.sandbox)/stderr") ?? ""
                throw ContainerError("docker run failed: \(Self.lastLine(errors))")
            }
            do {
                try await Task.sleep(for: .milliseconds(50))
            } catch {
                throw ContainerError("the agent stopped during the launch")
            }
        }
    }

    /// Whether `docker run` is over, with its status or, after a reboot, without.
    private func hasClientEnded(_ stateDirectory: String) -> Bool {
        StateFile.read("\(stateDirectory)/status") != nil || Launcher.process(of: stateDirectory)?.isAlive != true
    }

    /// Nil while the container has not started.
    private func status(_ inspected: JSON) -> Mesos.ContainerStatus? {
        let state = inspected.value("State")
        let hasStarted = state?.value("StartedAt")?.string.map { !$0.hasPrefix("0001-") } ?? false
        guard hasStarted else { return nil }
        let networks = inspected.value("NetworkSettings")?.value("Networks")?.members ?? []
        let addresses = networks.compactMap { $0.value.value("IPAddress")?.string }.filter { !$0.isEmpty }
        return .with { status in
            status.executorPid = state?.value("Pid")?.integer.flatMap { UInt32(exactly: $0) }
            status.networkInfos = addresses.map { address in
                .with { $0.ipAddresses = [.with { $0.ipAddress = address }] }
            }
        }
    }

    public func wait(_ id: String) async -> ContainerTermination {
        guard let directory = registry.directory(id) else {
            return ContainerTermination(status: nil, message: "The container is unknown")
        }
        return await Launcher.wait(directory)
    }

    public func stop(_ id: String, grace: Duration) async {
        let seconds = max(0, grace.components.seconds)
        _ = await docker.run(["stop", "-t", String(seconds), Self.containerName(id)])
    }

    public func destroy(_ id: String) async {
        let directory = registry.directory(id)
        registry.remove(id)
        _ = await docker.run(["rm", "-f", "-v", Self.containerName(id)])
        guard let directory else { return }
        await Launcher.destroy(directory)
        // What the client had still created when it was ended.
        _ = await docker.run(["rm", "-f", "-v", Self.containerName(id)])
    }

    public func usage(_ id: String) async -> Mesos.ResourceStatistics? {
        guard let directory = registry.directory(id), let text = StateFile.read("\(directory)/pid"),
            let pid = Int32(text), pid > 0
        else { return nil }
        return ProcessUsage.statistics(ofTreeBelow: pid, includingRoot: true)
    }

    public func recover(_ recovery: ContainerRecovery) async throws(ContainerError) -> Set<String> {
        var found: Set<String> = []
        for container in recovery.known where Launcher.process(of: container.stateDirectory) != nil {
            registry.add(container)
            found.insert(container.id)
        }
        guard killsOrphans else { return found }
        let listed = await docker.run([
            "ps", "-a", "--filter", "label=\(Self.label)=\(workDirectory)", "--format", "{{.Names}}",
        ])
        for name in listed.text.split(separator: "\n").map(String.init) where name.hasPrefix("mesos-") {
            if !found.contains(String(name.dropFirst("mesos-".count))) {
                _ = await docker.run(["rm", "-f", "-v", name])
            }
        }
        // What `docker run` may still have been about to create goes with it.
        for directory in recovery.strays {
            await Launcher.destroy(directory)
            _ = await docker.run(["rm", "-f", "-v", Self.containerName(ContainerRecovery.id(ofState: directory))])
        }
        return found
    }
}
