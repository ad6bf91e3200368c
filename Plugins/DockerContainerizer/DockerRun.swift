import Containerizer
import MesosProtocol

/// The `docker run` of a container; the order of its options is that of Mesos.
struct DockerRun {
    /// The container as the launcher is to start it: its command is docker's.
    let specification: ContainerSpecification

    init(
        docker: DockerCommand, container: ContainerSpecification, info: Mesos.ContainerInfo.DockerInfo, name: String,
        label: String, sandboxDirectory: String, limitsCPU: Bool
    ) throws(ContainerError) {
        var arguments = [docker.program] + docker.prefix + ["run"]
        if info.privilegedOrDefault { arguments.append("--privileged") }
        let cpus = container.scalar("cpus")
        arguments += ["--cpu-shares", String(max(2, Int(cpus * 1024)))]
        if limitsCPU { arguments += ["--cpu-quota", String(max(1000, Int(cpus * 100_000)))] }
        let megabytes = max(32, container.scalar("mem"))
        arguments += ["--memory", String(Int(megabytes * 1_048_576))]
        let environment = Self.environment(container, name: name, sandboxDirectory: sandboxDirectory)
        arguments += Self.environmentOptions(environment)
        for volume in container.container?.volumes ?? [] {
            arguments += ["-v", try Self.volume(volume, container, sandboxDirectory)]
        }
        arguments += ["-v", "\(container.sandbox):\(sandboxDirectory)"]
        arguments += try Self.network(info, container.container?.networkInfos ?? [])
        if let hostname = container.container?.hostname, info.networkOrDefault != .host {
            arguments += ["--hostname", hostname]
        }
        arguments += try Self.ports(info, of: container)
        if container.command.shellOrDefault, container.command.value != nil {
            arguments += ["--entrypoint", "/bin/sh"]
        }
        arguments += ["--name", name, "--label", label]
        for parameter in info.parameters { arguments.append("--\(parameter.key)=\(parameter.value)") }
        arguments.append(info.image)
        arguments += Self.command(container.command)
        specification = Self.specification(container, arguments, environment)
    }

    /// The same container, run by docker as the agent's own user.
    private static func specification(
        _ container: ContainerSpecification, _ arguments: [String], _ environment: [String: String]
    ) -> ContainerSpecification {
        let command = Mesos.CommandInfo.with {
            $0.shell = false
            $0.value = arguments.first
            $0.arguments = arguments
        }
        var own = environment.filter { !isClientVariable($0.key) }
        own["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return ContainerSpecification(
            id: container.id, taskID: container.taskID, frameworkID: container.frameworkID, command: command,
            container: nil, resources: container.resources, environment: own, user: nil, sandbox: container.sandbox,
            stateDirectory: container.stateDirectory)
    }

    private static func environment(
        _ container: ContainerSpecification, name: String, sandboxDirectory: String
    ) -> [String: String] {
        var environment = container.environment
        // The image has a PATH of its own, unless the task gives one.
        let names = Set(container.command.environment?.variables.map(\.name) ?? [])
        if !names.contains("PATH") { environment["PATH"] = nil }
        environment["MESOS_SANDBOX"] = sandboxDirectory
        environment["MESOS_CONTAINER_NAME"] = name
        return environment
    }

    /// Variables that the docker program itself would heed.
    private static func isClientVariable(_ name: String) -> Bool {
        name == "PATH" || name == "HOME" || name.hasPrefix("DOCKER_") || name.lowercased().hasSuffix("_proxy")
            || name.hasPrefix("LD_")
    }

    /// Values go by the environment of the docker program, where other users cannot read them; only those that it
    /// would heed itself stand in its arguments.
    private static func environmentOptions(_ environment: [String: String]) -> [String] {
        environment.sorted { $0.key < $1.key }.flatMap { name, value in
            ["-e", isClientVariable(name) ? "\(name)=\(value)" : name]
        }
    }

    private static func volume(
        _ volume: Mesos.Volume, _ container: ContainerSpecification, _ sandboxDirectory: String
    ) throws(ContainerError) -> String {
        guard volume.source == nil, volume.image == nil, let host = volume.hostPath else {
            throw ContainerError("the volume at \(volume.containerPath) is of a kind that is not supported")
        }
        let source = host.hasPrefix("/") ? host : "\(container.sandbox)/\(host)"
        let isAbsolute = volume.containerPath.hasPrefix("/")
        let target = isAbsolute ? volume.containerPath : "\(sandboxDirectory)/\(volume.containerPath)"
        guard !source.contains(":"), !target.contains(":"), !host.split(separator: "/").contains("..") else {
            throw ContainerError("the volume \(host) has ':' or '..' in its path")
        }
        return "\(source):\(target):\(volume.mode == .ro ? "ro" : "rw")"
    }

    private static func network(
        _ info: Mesos.ContainerInfo.DockerInfo, _ networks: [Mesos.NetworkInfo]
    ) throws(ContainerError) -> [String] {
        switch info.networkOrDefault {
        case .host: return ["--net", "host"]
        case .bridge: return ["--net", "bridge"]
        case .none: return ["--net", "none"]
        case .user:
            guard networks.count == 1, let name = networks.first?.name else {
                throw ContainerError("a user network needs exactly one NetworkInfo with a name")
            }
            return ["--net", name]
        }
    }

    /// Ports are published when the task was offered them: others may be another task's, or the machine's own.
    private static func ports(
        _ info: Mesos.ContainerInfo.DockerInfo, of container: ContainerSpecification
    ) throws(ContainerError) -> [String] {
        guard !info.portMappings.isEmpty else { return [] }
        guard info.networkOrDefault == .bridge || info.networkOrDefault == .user else {
            throw ContainerError("Port mappings are only supported for bridge and user-defined networks")
        }
        let own = container.resources.filter { $0.name == "ports" }.flatMap { $0.ranges?.range ?? [] }
        for port in info.portMappings.map(\.hostPort)
        where !own.contains(where: { $0.begin <= UInt64(port) && UInt64(port) <= $0.end }) {
            throw ContainerError("Port [\(port)] not included in resources")
        }
        return info.portMappings.flatMap { mapping in
            let proto = mapping.protocol.map { "/\($0.lowercased())" } ?? ""
            return ["-p", "\(mapping.hostPort):\(mapping.containerPort)\(proto)"]
        }
    }

    private static func command(_ command: Mesos.CommandInfo) -> [String] {
        if command.shellOrDefault { return command.value.map { ["-c", $0] } ?? [] }
        return (command.value.map { [$0] } ?? []) + command.arguments
    }
}
