import Containerizer
import Libprocess
import MesosProtocol
import Resources
import ServiceKit

@testable import Agent

/// An agent with its disk and its containers; those two survive its restarts.
struct SimulatedAgent {
    /// A container that its containerizer knows.
    enum Container: Sendable {
        case starting
        case running
        case ended(status: Int32)
    }

    let number: Int
    /// Nil while the agent is down.
    var core: AgentCore?
    var info: Mesos.AgentInfo
    var disk: [String: Checkpoint.Task] = [:]
    var containers: [String: Container] = [:]

    init(number: Int) throws {
        self.number = number
        let resources = try ResourcesText.parse("cpus:4;mem:1000;ports:[1-100]")
        info = .with {
            $0.hostname = "host\(number)"
            $0.port = 5051
            $0.resources = resources
        }
    }

    var running: [String] { containers.filter { if case .running = $0.value { true } else { false } }.keys.sorted() }

    /// Starts from the disk. What happened to the containers meanwhile are events for the new agent.
    mutating func start(seed: UInt64, now: Timestamp, _ generator: inout SeededGenerator) -> [AgentEvent] {
        var configuration = AgentCore.Configuration(workDirectory: "/work", runtimeDirectory: "/run")
        configuration.address = "10.0.0.\(number)"
        configuration.seed = seed
        let checkpoints = disk.values.sorted { $0.containerID < $1.containerID }
        let core = AgentCore(configuration: configuration, info: info, tasks: checkpoints, now: now)
        self.core = core
        let known = core.tasks.values.filter { $0.phase != .ended }.sorted { $0.containerID < $1.containerID }
        for id in containers.keys.sorted() {
            // A launch that the agent's end cut off has got as far as it has.
            if case .starting? = containers[id] {
                containers[id] = Bool.random(using: &generator) ? .running : nil
            }
            if !known.contains(where: { $0.containerID == id }) { containers[id] = nil }
        }
        let found = known.flatMap { task -> [AgentEvent] in
            let id = task.containerID
            let isLaunching = if case .launching = task.phase { true } else { false }
            let launched: [AgentEvent] =
                isLaunching ? [.launched(container: id, .success(Mesos.ContainerStatus()))] : []
            switch containers[id] {
            case .running?: return launched
            case .ended(let status)?:
                return launched + [.terminated(container: id, ContainerTermination(status: status))]
            case .starting?, nil: return [.terminated(container: id, ContainerTermination(status: nil))]
            }
        }
        return found + [.recovered]
    }

    /// Keeps what is to be kept; true for effects of that kind.
    mutating func keep(_ effect: AgentEffect) -> Bool {
        switch effect {
        case .persistAgent(let info): self.info = info
        case .persist(let task): disk[task.containerID] = task
        case .forget(let container): disk[container] = nil
        default: return false
        }
        return true
    }
}
