import MesosProtocol
import ServiceKit

/// Makes the task of an instance, as Marathon words it for Mesos.
struct TaskBuilder {
    let configuration: MarathonCore.Configuration

    func task(
        _ app: AppDefinition, _ instance: Instance, _ offer: Mesos.Offer, _ match: OfferMatcher.Match
    ) -> Mesos.TaskInfo {
        .with { task in
            task.name = app.id.taskName
            task.taskID = Mesos.TaskID(instance.taskID)
            task.agentID = offer.agentID
            task.resources = match.resources
            task.command = command(app, instance, match.hostPorts)
            task.container = container(app, match.hostPorts)
            task.discovery = TaskDiscovery(app: app, hostPorts: match.hostPorts).info
            if !app.labels.isEmpty { task.labels = Self.labels(app.labels) }
            if let seconds = app.taskKillGracePeriodSeconds {
                task.killPolicy = .with { policy in
                    policy.gracePeriod = .with { $0.nanoseconds = Int64(clamping: seconds) &* 1_000_000_000 }
                }
            }
        }
    }

    static func labels(_ map: [String: String]) -> Mesos.Labels {
        .with { labels in
            labels.labels = map.sorted { $0.key < $1.key }.map { pair in
                .with {
                    $0.key = pair.key
                    $0.value = pair.value
                }
            }
        }
    }

    private func command(_ app: AppDefinition, _ instance: Instance, _ hostPorts: [Int]) -> Mesos.CommandInfo {
        .with { command in
            if let cmd = app.cmd {
                command.shell = true
                command.value = cmd
            } else {
                command.shell = false
                // An image has a program of its own; without one the first argument is the program.
                if app.container?.docker == nil { command.value = app.args.first }
                command.arguments = app.args
            }
            command.user = app.user
            let variables = TaskEnvironment(configuration: configuration, app: app, instance: instance)
                .variables(hostPorts: hostPorts)
            command.environment = .with { environment in
                environment.variables = variables.sorted { $0.key < $1.key }.map { pair in
                    .with {
                        $0.name = pair.key
                        $0.value = pair.value
                    }
                }
            }
        }
    }

    private func container(_ app: AppDefinition, _ hostPorts: [Int]) -> Mesos.ContainerInfo? {
        guard let container = app.container else { return nil }
        return .with { info in
            info.type = container.isDocker ? .docker : .mesos
            info.volumes = container.volumes.map { volume in
                .with {
                    $0.containerPath = volume.containerPath
                    $0.hostPath = volume.hostPath
                    $0.mode = volume.isReadOnly ? .ro : .rw
                }
            }
            let names = app.networks.compactMap { network in
                switch network.mode {
                case .host: String?.none
                case .container: network.name
                // Docker has a bridge of its own; that of the mesos containerizer is a network like others.
                case .bridge: container.isDocker ? nil : configuration.mesosBridgeName
                }
            }
            info.networkInfos = names.map { name in
                .with {
                    $0.name = name
                    // Those of Docker stand in its own message.
                    if !container.isDocker { $0.portMappings = Self.portMappings(container, name, hostPorts) }
                }
            }
            guard let docker = container.docker else { return }
            guard container.isDocker else {
                info.mesos = .with { mesos in
                    mesos.image = .with { image in
                        image.type = .docker
                        image.docker = .with { $0.name = docker.image }
                        image.cached = !docker.forcePullImage
                    }
                }
                return
            }
            info.docker = self.docker(docker, app, hostPorts)
        }
    }

    private func docker(
        _ docker: AppDefinition.Docker, _ app: AppDefinition, _ hostPorts: [Int]
    ) -> Mesos.ContainerInfo.DockerInfo {
        .with { info in
            info.image = docker.image
            info.forcePullImage = docker.forcePullImage
            info.privileged = docker.privileged
            info.parameters = docker.parameters.map { parameter in
                .with {
                    $0.key = parameter.key
                    $0.value = parameter.value
                }
            }
            let modes = app.networks.map(\.mode)
            info.network = modes.contains(.bridge) ? .bridge : modes.contains(.container) ? .user : .host
            info.portMappings = zip(app.container?.portMappings ?? [], hostPorts).flatMap { mapping, hostPort in
                guard hostPort != 0 else { return [Mesos.ContainerInfo.DockerInfo.PortMapping]() }
                return mapping.proto.split(separator: ",").map { name in
                    .with {
                        $0.hostPort = UInt32(hostPort)
                        // Container port 0 is the same as the host's.
                        $0.containerPort = UInt32(mapping.containerPort == 0 ? hostPort : mapping.containerPort)
                        $0.protocol = String(name)
                    }
                }
            }
        }
    }

    /// The mapped ports that belong to a network.
    private static func portMappings(
        _ container: AppDefinition.Container, _ network: String, _ hostPorts: [Int]
    ) -> [Mesos.NetworkInfo.PortMapping] {
        zip(container.portMappings ?? [], hostPorts).filter { $0.belongs(to: network) && $1 != 0 }
            .flatMap { mapping, hostPort in
                mapping.proto.split(separator: ",").map { name in
                    .with {
                        $0.hostPort = UInt32(hostPort)
                        // Container port 0 is the same as the host's.
                        $0.containerPort = UInt32(mapping.containerPort == 0 ? hostPort : mapping.containerPort)
                        $0.protocol = String(name)
                    }
                }
            }
    }
}

/// The variables that Marathon gives a task; those of the app win over them.
struct TaskEnvironment {
    let configuration: MarathonCore.Configuration
    let app: AppDefinition
    let instance: Instance

    func variables(hostPorts: [Int]) -> [String: String] {
        var variables: [String: String] = [
            "MESOS_TASK_ID": instance.taskID, "MARATHON_APP_ID": app.id.path,
            "MARATHON_APP_VERSION": app.version.iso8601, "MARATHON_APP_RESOURCE_CPUS": app.cpus.description,
            "MARATHON_APP_RESOURCE_MEM": app.mem.description, "MARATHON_APP_RESOURCE_DISK": app.disk.description,
            "MARATHON_APP_RESOURCE_GPUS": "0", "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
        ]
        if app.container?.isDocker == true { variables["MARATHON_APP_DOCKER_IMAGE"] = app.container?.docker?.image }
        addLabels(&variables)
        let prefix = configuration.environmentPrefix ?? ""
        variables["\(prefix)HOST"] = instance.host
        for (name, value) in ports(hostPorts) { variables[prefix + name] = value }
        return variables.merging(app.env) { $1 }
    }

    private func addLabels(_ variables: inout [String: String]) {
        var keys: [String] = []
        for (key, value) in app.labels.sorted(by: { $0.key < $1.key }) where key.count < 493 && value.count < 512 {
            let name = Self.escaped(key)
            keys.append(name)
            variables["MARATHON_APP_LABEL_\(name)"] = value
        }
        variables["MARATHON_APP_LABELS"] = keys.joined(separator: " ")
    }

    /// Upper case, with runs of other characters than letters, digits and `_` as one `_`.
    private static func escaped(_ key: String) -> String {
        var name = ""
        for scalar in key.unicodeScalars {
            let isPlain =
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
            if isPlain { name.unicodeScalars.append(scalar) } else if name.last != "_" { name += "_" }
        }
        return name.uppercased()
    }

    private func ports(_ hostPorts: [Int]) -> [String: String] {
        let defined: [(requested: Int, name: String?)] =
            app.isOnHostNetwork
            ? app.portDefinitions.map { ($0.port, $0.name) }
            : (app.container?.portMappings ?? []).map { ($0.containerPort, $0.name) }
        // A port that the host does not map is reached by the container's own number.
        let effective = zip(hostPorts, defined).map { $0 == 0 ? $1.requested : $0 }
        guard let first = effective.first else { return [:] }
        var variables = ["PORT": String(first), "PORTS": effective.map(String.init).joined(separator: ",")]
        for (index, (port, definition)) in zip(effective, defined).enumerated() {
            variables["PORT\(index)"] = String(port)
            variables["PORT_\(definition.requested == 0 ? port : definition.requested)"] = String(port)
            if let name = definition.name { variables["PORT_\(name.uppercased())"] = String(port) }
        }
        return variables
    }
}
