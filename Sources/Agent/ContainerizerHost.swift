import Containerizer
import Logging
import MesosProtocol
import ServiceKit

/// The containerizers of an agent in the order of its flag. Each container belongs to the first that accepted it;
/// which one that was is on disk before the launch.
struct ContainerizerHost: Sendable {
    private let containerizers: [any Containerizer]
    private let logger = Logger(label: "containerizers")

    init(_ containerizers: [any Containerizer]) { self.containerizers = containerizers }

    func prepare() async throws(ContainerError) {
        for containerizer in containerizers {
            do {
                try await containerizer.prepare()
            } catch {
                throw ContainerError("the containerizer '\(containerizer.name)' cannot work here: \(error)")
            }
        }
    }

    func launch(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        guard let chosen = containerizers.first(where: { $0.accepts(container) }) else {
            let names = containerizers.map(\.name).joined(separator: ", ")
            let type = container.container?.type.name ?? "none"
            throw ContainerError(
                "None of the enabled containerizers (\(names)) could create a container for the provided ContainerInfo "
                    + "(type \(type))")
        }
        do {
            try SmallFile.makeDirectory(container.stateDirectory, mode: 0o700)
            try SmallFile.replace("\(container.stateDirectory)/containerizer", with: Array(chosen.name.utf8))
        } catch {
            throw ContainerError("\(error)")
        }
        return try await chosen.launch(container)
    }

    /// The containerizer that a container belongs to.
    private func owner(of stateDirectory: String) -> (any Containerizer)? {
        let name = SmallFile.read("\(stateDirectory)/containerizer")
        return containerizers.first { $0.name == name }
    }

    func wait(_ id: String, _ stateDirectory: String) async -> ContainerTermination {
        guard let owner = owner(of: stateDirectory) else {
            return ContainerTermination(status: nil, message: "The container belongs to no enabled containerizer")
        }
        return await owner.wait(id)
    }

    func stop(_ id: String, _ stateDirectory: String, grace: Duration) async {
        await owner(of: stateDirectory)?.stop(id, grace: grace)
    }

    func destroy(_ id: String, _ stateDirectory: String) async {
        await owner(of: stateDirectory)?.destroy(id)
    }

    func usage(_ id: String, _ stateDirectory: String) async -> Mesos.ResourceStatistics? {
        await owner(of: stateDirectory)?.usage(id)
    }

    /// Gives each containerizer its own of the known containers, and those that no task is known of, which it destroys.
    /// Returns the known ones that were found.
    func recover(
        _ known: [ContainerSpecification], containersDirectory: String
    ) async throws(ContainerError) -> Set<String> {
        let ids = Set(known.map(\.id))
        let strays = StateFile.directories(in: containersDirectory).filter { !ids.contains($0) }
            .map { "\(containersDirectory)/\($0)" }
        var found: Set<String> = []
        for containerizer in containerizers {
            func isOwn(_ directory: String) -> Bool {
                SmallFile.read("\(directory)/containerizer") == containerizer.name
            }
            found.formUnion(
                try await containerizer.recover(
                    ContainerRecovery(
                        known: known.filter { isOwn($0.stateDirectory) }, strays: strays.filter(isOwn),
                        containersDirectory: containersDirectory)))
        }
        for directory in strays where Launcher.process(of: directory)?.isAlive != true {
            logger.notice("removed the container \(ContainerRecovery.id(ofState: directory)): no task is known of it")
            Sandbox.removeState(directory)
        }
        return found
    }

    /// Goes on with a launch that the end of the agent interrupted.
    func resume(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus {
        guard let owner = owner(of: container.stateDirectory) else {
            throw ContainerError("the container belongs to no enabled containerizer")
        }
        return try await owner.resume(container)
    }
}
