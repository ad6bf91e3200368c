import MesosProtocol

/// What a task tells service discovery of its ports.
struct TaskDiscovery {
    let app: AppDefinition
    /// One for each port of the app; 0 where none is mapped.
    let hostPorts: [Int]

    var info: Mesos.DiscoveryInfo {
        .with { discovery in
            discovery.visibility = .framework
            discovery.name = app.id.taskName
            discovery.ports = .with { $0.ports = app.isOnHostNetwork ? definedPorts : mappedPorts }
        }
    }

    private var definedPorts: [Mesos.Port] {
        zip(app.portDefinitions, hostPorts).flatMap { definition, port in
            Self.ports(port, definition.proto, definition.name, definition.labels)
        }
    }

    /// A port that the host maps is found there; another one in each network that it belongs to.
    private var mappedPorts: [Mesos.Port] {
        let networks = app.networks.filter { $0.mode == .container }.compactMap(\.name)
        return zip(app.container?.portMappings ?? [], hostPorts).flatMap { mapping, port in
            guard mapping.hostPort == nil else {
                let labels = mapping.labels.merging(["network-scope": "host"]) { $1 }
                return Self.ports(port, mapping.proto, mapping.name, labels)
            }
            return networks.filter(mapping.belongs).flatMap { network in
                let scope = ["network-scope": "container", "network-name": network]
                return Self.ports(
                    mapping.containerPort, mapping.proto, mapping.name, mapping.labels.merging(scope) { $1 })
            }
        }
    }

    /// One entry for each protocol.
    private static func ports(
        _ number: Int, _ proto: String, _ name: String?, _ labels: [String: String]
    ) -> [Mesos.Port] {
        proto.split(separator: ",").map { proto in
            .with {
                $0.number = UInt32(number)
                $0.name = name
                $0.protocol = String(proto)
                if !labels.isEmpty { $0.labels = TaskBuilder.labels(labels) }
            }
        }
    }
}
