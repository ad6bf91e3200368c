import Containerizer
import MesosProtocol

/// `process`: plain processes in a session of their own, with resource limits and the user of the task. It isolates
/// nothing: for machines where everybody is trusted, and for development.
public struct ProcessContainerizer: Containerizer {
    public let name = "process"
    private let launcher: Launcher
    private let registry = ContainerRegistry()

    public init(launcher: Launcher) { self.launcher = launcher }

    public func prepare() async throws(ContainerError) {
        guard launcher.isInstalled else { throw ContainerError("\(launcher.path) is missing: see --launcher_dir") }
    }

    public func accepts(_ container: ContainerSpecification) -> Bool {
        container.container?.type ?? .mesos == .mesos && container.container?.mesos?.image == nil
    }

    public func launch(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        if let info = container.container, !info.volumes.isEmpty || !info.networkInfos.isEmpty {
            throw ContainerError("the process containerizer has neither volumes nor networks")
        }
        registry.add(container)
        try await launcher.launch(container, options: ResourceLimits.options(container.container?.rlimitInfo))
        return Launcher.status(container)
    }

    /// The launcher goes on without the agent.
    public func resume(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        Launcher.status(container)
    }

    public func wait(_ id: String) async -> ContainerTermination {
        guard let directory = registry.directory(id) else {
            return ContainerTermination(status: nil, message: "The container is unknown")
        }
        return await Launcher.wait(directory)
    }

    public func stop(_ id: String, grace: Duration) async {
        if let directory = registry.directory(id) { await Launcher.stop(directory, grace: grace) }
    }

    public func destroy(_ id: String) async {
        guard let directory = registry.directory(id) else { return }
        await Launcher.destroy(directory)
        registry.remove(id)
    }

    public func usage(_ id: String) async -> Mesos.ResourceStatistics? {
        guard let directory = registry.directory(id), let process = Launcher.process(of: directory) else { return nil }
        return ProcessUsage.statistics(ofTreeBelow: process.pid)
    }

    public func recover(_ recovery: ContainerRecovery) async throws(ContainerError) -> Set<String> {
        var found: Set<String> = []
        for container in recovery.known where Launcher.process(of: container.stateDirectory) != nil {
            registry.add(container)
            found.insert(container.id)
        }
        for directory in recovery.strays { await Launcher.destroy(directory) }
        return found
    }
}
