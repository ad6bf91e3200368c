import JSONText
import ServiceKit

extension AppDefinition {
    /// The definition as the REST API shows it, fields in Marathon's order.
    var json: JSON {
        var members: [JSON.Member] = []
        func add(_ name: String, _ value: JSON?) {
            if let value { members.append(JSON.Member(name, value)) }
        }
        add("id", .string(id.path))
        add(
            "acceptedResourceRoles",
            acceptedResourceRoles.isEmpty ? nil : .array(acceptedResourceRoles.map(JSON.string)))
        add("args", args.isEmpty ? nil : .array(args.map(JSON.string)))
        add("backoffFactor", .double(backoffFactor))
        add("backoffSeconds", .integer(Int64(backoffSeconds)))
        add("cmd", cmd.map(JSON.string))
        add("container", container.map { Self.json($0, onHostNetwork: isOnHostNetwork) })
        add("cpus", Self.number(cpus))
        add("disk", Self.number(disk))
        add("env", env.isEmpty ? nil : Self.json(env))
        add("executor", .string(executor))
        add("instances", .integer(Int64(instances)))
        add("labels", Self.json(labels))
        add("maxLaunchDelaySeconds", .integer(Int64(maxLaunchDelaySeconds)))
        add("mem", Self.number(mem))
        add("gpus", 0)
        add("networks", .array(networks.map(Self.json)))
        add("portDefinitions", isOnHostNetwork ? .array(portDefinitions.map(Self.json)) : nil)
        add("requirePorts", .bool(requirePorts))
        add("taskKillGracePeriodSeconds", taskKillGracePeriodSeconds.map { .integer(Int64($0)) })
        add(
            "upgradeStrategy",
            .members([
                "minimumHealthCapacity": Self.number(minimumHealthCapacity),
                "maximumOverCapacity": Self.number(maximumOverCapacity),
            ]))
        add("user", user.map(JSON.string))
        add("version", .string(version.iso8601))
        add(
            "versionInfo",
            .members([
                "lastScalingAt": .string(lastScalingAt.iso8601),
                "lastConfigChangeAt": .string(lastConfigChangeAt.iso8601),
            ]))
        add("killSelection", .string(killsOldestFirst ? "OLDEST_FIRST" : "YOUNGEST_FIRST"))
        add("unreachableStrategy", unreachableJSON)
        add("role", .string(role))
        return .object(members)
    }

    private var unreachableJSON: JSON {
        guard let unreachable else { return "disabled" }
        return .members([
            "inactiveAfterSeconds": .integer(Int64(unreachable.inactive)),
            "expungeAfterSeconds": .integer(Int64(unreachable.expunge)),
        ])
    }

    /// A whole number without a fraction, as Marathon writes amounts.
    static func number(_ value: Double) -> JSON {
        Int64(exactly: value).map(JSON.integer) ?? .double(value)
    }

    static func json(_ map: [String: String]) -> JSON {
        .object(map.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) })
    }

    private static func json(_ container: Container, onHostNetwork: Bool) -> JSON {
        var members = [JSON.Member("type", container.isDocker ? "DOCKER" : "MESOS")]
        if let docker = container.docker {
            members.append(
                JSON.Member(
                    "docker",
                    .members([
                        "forcePullImage": .bool(docker.forcePullImage), "image": .string(docker.image),
                        "parameters": .array(
                            docker.parameters.map { .members(["key": .string($0.key), "value": .string($0.value)]) }),
                        "privileged": .bool(docker.privileged),
                    ])))
        }
        members.append(
            JSON.Member(
                "volumes",
                .array(
                    container.volumes.map {
                        .members([
                            "containerPath": .string($0.containerPath), "hostPath": .string($0.hostPath),
                            "mode": $0.isReadOnly ? "RO" : "RW",
                        ])
                    })))
        if let mappings = container.portMappings, !onHostNetwork {
            members.append(JSON.Member("portMappings", .array(mappings.map(json))))
        }
        return .object(members)
    }

    private static func json(_ mapping: PortMapping) -> JSON {
        var members = [JSON.Member("containerPort", .integer(Int64(mapping.containerPort)))]
        if let hostPort = mapping.hostPort { members.append(JSON.Member("hostPort", .integer(Int64(hostPort)))) }
        members.append(JSON.Member("labels", json(mapping.labels)))
        if let name = mapping.name { members.append(JSON.Member("name", .string(name))) }
        members.append(JSON.Member("protocol", .string(mapping.proto)))
        members.append(JSON.Member("servicePort", .integer(Int64(mapping.servicePort))))
        if !mapping.networkNames.isEmpty {
            members.append(JSON.Member("networkNames", .array(mapping.networkNames.map(JSON.string))))
        }
        return .object(members)
    }

    private static func json(_ definition: PortDefinition) -> JSON {
        var members = [JSON.Member("labels", json(definition.labels))]
        if let name = definition.name { members.append(JSON.Member("name", .string(name))) }
        members.append(JSON.Member("port", .integer(Int64(definition.port))))
        members.append(JSON.Member("protocol", .string(definition.proto)))
        return .object(members)
    }

    private static func json(_ network: Network) -> JSON {
        var members: [JSON.Member] = []
        if let name = network.name { members.append(JSON.Member("name", .string(name))) }
        if !network.labels.isEmpty { members.append(JSON.Member("labels", json(network.labels))) }
        members.append(JSON.Member("mode", .string(network.mode.rawValue)))
        return .object(members)
    }
}
