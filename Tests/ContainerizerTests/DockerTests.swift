import CLinux
import Containerizer
import Foundation
import MesosProtocol
import Testing

@testable import DockerContainerizer

@Suite("Docker containers")
struct DockerTests {
    private static func container(
        _ directory: String, ports: ClosedRange<UInt64>? = nil, mapped: [UInt32] = []
    ) -> ContainerSpecification {
        let resources: [Mesos.Resource] = [
            .with { resource in
                resource.name = "ports"
                resource.type = .ranges
                resource.ranges = .with { ranges in
                    ranges.range = [ports].compactMap { $0 }.map { range in
                        .with {
                            $0.begin = range.lowerBound
                            $0.end = range.upperBound
                        }
                    }
                }
            }
        ]
        let info = Mesos.ContainerInfo.with { info in
            info.type = .docker
            info.docker = .with { docker in
                docker.image = "image"
                docker.network = .bridge
                docker.portMappings = mapped.map { port in
                    .with {
                        $0.hostPort = port
                        $0.containerPort = 80
                    }
                }
            }
        }
        return ContainerSpecification(
            id: "c", taskID: "t", frameworkID: "f", command: Mesos.CommandInfo(), container: info,
            resources: resources, environment: [:], user: nil, sandbox: directory, stateDirectory: "\(directory)/c")
    }

    private static func arguments(_ container: ContainerSpecification) throws -> [String] {
        let info = try #require(container.container?.docker)
        return try DockerRun(
            docker: DockerCommand(program: "docker", socket: "/socket"), container: container, info: info, name: "n",
            label: "l", sandboxDirectory: "/sandbox", limitsCPU: false
        ).specification.arguments
    }

    @Test("A port of the host is published when the task's resources hold it, and refused otherwise")
    func ports() throws {
        let arguments = try Self.arguments(Self.container("/s", ports: 31_000...31_001, mapped: [31_000, 31_001]))
        #expect(arguments.contains("31001:80"))
        let error = #expect(throws: ContainerError.self) {
            try Self.arguments(Self.container("/s", ports: 31_000...31_001, mapped: [31_000, 80]))
        }
        #expect(error?.description == "Port [80] not included in resources")
        #expect(throws: ContainerError.self) { try Self.arguments(Self.container("/s", mapped: [31_000])) }
    }

    @Test("A launch that the agent's end interrupted goes on until the container runs", .timeLimit(.minutes(1)))
    func resume() async throws {
        let directory = try TemporaryDirectory()
        let container = Self.container(directory.path)
        try FileManager.default.createDirectory(atPath: container.stateDirectory, withIntermediateDirectories: false)
        try directory.write("c/launcher", "\(getpid()) \(clinux_start_time(getpid()))\n")
        try directory.write("inspected", Self.inspected(startedAt: "0001-01-01T00:00:00Z"))
        try directory.write(
            "docker",
            "#!/bin/sh\ncase $3 in inspect) echo >> \(directory.path)/asked; cat \(directory.path)/inspected;; esac\n")
        #expect(chmod("\(directory.path)/docker", 0o755) == 0)
        let docker = DockerContainerizer(
            program: "\(directory.path)/docker", socket: "/socket", launcher: Launcher(directory: "/"),
            workDirectory: "/work",
            sandboxDirectory: "/sandbox", limitsCPU: false, killsOrphans: true)
        let recovery = ContainerRecovery(known: [container], strays: [], containersDirectory: directory.path)
        #expect(try await docker.recover(recovery) == ["c"])
        async let status = docker.resume(container)
        while (StateFile.read("\(directory.path)/asked") ?? "").count < 2 {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(StateFile.read("\(container.stateDirectory)/pid") == nil)
        try directory.write("inspected.new", Self.inspected(startedAt: "2026-01-01T00:00:00Z"))
        #expect(rename("\(directory.path)/inspected.new", "\(directory.path)/inspected") == 0)
        let addresses = try await status.networkInfos.flatMap(\.ipAddresses).map(\.ipAddress)
        #expect(addresses == ["172.17.0.2"])
        #expect(try await status.executorPid == 77)
        #expect(StateFile.read("\(container.stateDirectory)/pid") == "77")
    }

    @Test("A launch whose client is gone is over", .timeLimit(.minutes(1)))
    func resumeWithoutClient() async throws {
        let directory = try TemporaryDirectory()
        let container = Self.container(directory.path)
        try FileManager.default.createDirectory(atPath: container.stateDirectory, withIntermediateDirectories: false)
        try directory.write("c/launcher", "\(getpid()) 1\n")
        let docker = DockerContainerizer(
            program: "/bin/false", socket: "/socket", launcher: Launcher(directory: "/"), workDirectory: "/work",
            sandboxDirectory: "/sandbox", limitsCPU: false, killsOrphans: true)
        let recovery = ContainerRecovery(known: [container], strays: [], containersDirectory: directory.path)
        #expect(try await docker.recover(recovery) == ["c"])
        await #expect(throws: ContainerError.self) { try await docker.resume(container) }
    }

    private static func inspected(startedAt: String) -> String {
        """
        [{"State": {"StartedAt": "\(startedAt)", "Pid": 77},
          "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}}}]
        """
    }
}
