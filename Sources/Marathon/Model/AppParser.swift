import JSONText

/// Reads app definitions as clients write them, old forms included, and gives everything its default.
struct AppParser {
    /// The role of a service that names none (`--mesos_role`).
    var defaultRole = "*"
    /// The network of container networks without a name (`--default_network_name`).
    var defaultNetworkName: String?
    /// Off for what is kept: it was checked by the rules of the version that took it, and no later rule may keep
    /// Marathon from leading.
    var checksRules = true

    /// Fields that ask for something that is not there yet: refused by name, so that nobody believes in them.
    private static let unsupported = [
        "healthChecks", "check", "readinessChecks", "constraints", "fetch", "uris", "dependencies", "secrets",
        "residency", "resourceLimits", "executorResources", "ipAddress", "gpus", "tty",
    ]

    /// A whole definition. `path` is the id that the URL gives, which wins over that of the body.
    func parse(_ body: JSON, path: String? = nil) throws(APIError) -> AppDefinition {
        let reader = SchemaReader(body)
        guard case .object = body else {
            throw .schema([Problem(path: "", text: "error.expected.jsobject")])
        }
        let text = path ?? (reader.isPresent("id") ? reader.string("id", minimumLength: 1) ?? "" : nil)
        if text == nil { reader.complain("id", "error.path.missing") }
        let id = AppID(text ?? "")
        if id == nil, let text, !text.isEmpty, reader.found.isEmpty { reader.complain("id", "error.pattern") }
        var app = AppDefinition(id: id ?? .placeholder)
        readFields(reader, &app)
        let network = readNetwork(reader, &app)
        guard reader.found.isEmpty else { throw .schema(reader.found) }
        if let network { throw network }
        if let name = Self.unsupported.first(where: { Self.asks(body, for: $0) }) {
            throw .invalid("/\(name)", "is not supported by this version")
        }
        if case .array(let roles) = body.value("acceptedResourceRoles"), roles.isEmpty {
            throw .invalid("/acceptedResourceRoles", "must not be empty")
        }
        if checksRules { try AppValidation.check(app) }
        return app
    }

    /// Empty lists, nulls and zeros ask for nothing.
    private static func asks(_ body: JSON, for name: String) -> Bool {
        switch body.value(name) {
        case nil: false
        case .array(let items): !items.isEmpty
        case .object(let members): !members.isEmpty
        case .integer(let number): number != 0
        case .bool(let flag): flag
        default: true
        }
    }

    private func readFields(_ reader: SchemaReader, _ app: inout AppDefinition) {
        app.cmd = reader.string("cmd", minimumLength: 1)
        app.args = reader.strings("args") ?? []
        app.user = reader.string("user")
        app.env = reader.map("env") ?? [:]
        app.instances = reader.integer("instances") ?? 1
        app.cpus = reader.double("cpus", minimum: 0.001) ?? 1
        app.mem = reader.double("mem", minimum: 0) ?? 128
        app.disk = reader.double("disk", minimum: 0) ?? 0
        app.executor = reader.string("executor") ?? ""
        if app.executor != "//cmd", app.executor.contains("//") || app.executor.hasSuffix("/") {
            reader.complain("executor", "error.pattern")
        }
        app.requirePorts = reader.bool("requirePorts") ?? false
        app.labels = reader.map("labels") ?? [:]
        app.acceptedResourceRoles = reader.strings("acceptedResourceRoles") ?? []
        app.role = reader.string("role", minimumLength: 1) ?? defaultRole
        app.backoffSeconds = reader.integer("backoffSeconds") ?? 1
        app.backoffFactor = reader.double("backoffFactor", minimum: 1) ?? 1.15
        app.maxLaunchDelaySeconds = reader.integer("maxLaunchDelaySeconds") ?? 300
        app.taskKillGracePeriodSeconds = reader.integer("taskKillGracePeriodSeconds")
        app.killsOldestFirst = reader.choice("killSelection", ["YOUNGEST_FIRST", "OLDEST_FIRST"]) == "OLDEST_FIRST"
        if let strategy = reader.object("upgradeStrategy") {
            for name in ["minimumHealthCapacity", "maximumOverCapacity"] where !strategy.isPresent(name) {
                strategy.complain(name, "error.path.missing")
            }
            app.minimumHealthCapacity = strategy.double("minimumHealthCapacity", minimum: 0, maximum: 1) ?? 1
            app.maximumOverCapacity = strategy.double("maximumOverCapacity", minimum: 0, maximum: 1) ?? 1
        }
        if reader.object.value("unreachableStrategy")?.string == "disabled" {
            app.unreachable = nil
        } else if let strategy = reader.object("unreachableStrategy") {
            app.unreachable = (
                strategy.integer("inactiveAfterSeconds") ?? 0, strategy.integer("expungeAfterSeconds") ?? 0
            )
        }
    }

    /// Networks, container and ports; returns a conflict between old and new forms, which counts only when the types
    /// are right.
    private func readNetwork(_ reader: SchemaReader, _ app: inout AppDefinition) -> APIError? {
        var conflict: APIError?
        let container = reader.object("container")
        let docker = container?.object("docker")
        if let networks = reader.objects("networks") {
            if docker?.isPresent("network") == true {
                conflict = .invalid("/", "must not specify both container.docker.network and networks")
            }
            app.networks = networks.map(network)
            if app.networks.isEmpty { app.networks = [.init(mode: .host)] }
        } else if let old = docker?.choice("network", ["BRIDGE", "HOST", "NONE", "USER"]) {
            switch old {
            case "BRIDGE": app.networks = [.init(mode: .bridge)]
            case "USER": app.networks = [.init(mode: .container, name: defaultNetworkName)]
            case "NONE": conflict = .message(422, "unsupported docker network type NONE")
            default: break
            }
        }
        if let container {
            app.container = self.container(container, docker, app, &conflict)
        } else if !app.isOnHostNetwork {
            app.container = AppDefinition.Container(isDocker: false, portMappings: [Self.defaultMapping(app)])
        }
        readPorts(reader, &app, &conflict)
        if !app.isOnHostNetwork { app.requirePorts = false }
        return conflict
    }

    private func network(_ reader: SchemaReader) -> AppDefinition.Network {
        let mode = reader.choice("mode", ["host", "container/bridge", "container"]) ?? "container"
        let name = checksRules ? reader.name("name", maximumLength: 63, others: "_") : reader.string("name")
        var network = AppDefinition.Network(mode: .init(rawValue: mode) ?? .container, name: name)
        network.labels = reader.map("labels") ?? [:]
        if network.mode == .container, name == nil { network.name = defaultNetworkName }
        return network
    }

    private func container(
        _ reader: SchemaReader, _ docker: SchemaReader?, _ app: AppDefinition, _ conflict: inout APIError?
    ) -> AppDefinition.Container {
        let type = reader.choice("type", ["MESOS", "DOCKER"]) ?? "DOCKER"
        var container = AppDefinition.Container(isDocker: type == "DOCKER")
        refuseUnsupported(reader, docker, isDocker: container.isDocker, &conflict)
        if let docker {
            var parsed = AppDefinition.Docker(image: docker.requiredString("image", minimumLength: 1))
            parsed.forcePullImage = docker.bool("forcePullImage") ?? false
            parsed.privileged = docker.bool("privileged") ?? false
            parsed.parameters = (docker.objects("parameters") ?? []).map {
                ($0.requiredString("key", minimumLength: 1), $0.requiredString("value"))
            }
            container.docker = parsed
        }
        container.volumes = (reader.objects("volumes") ?? []).compactMap { volume(reader: $0, &conflict) }
        let current = reader.objects("portMappings")
        let old = docker?.objects("portMappings")
        if current != nil, old != nil {
            conflict = .message(422, "cannot specify both portMappings and docker.portMappings")
        }
        let mappings = (current ?? old)?.map(mapping)
        if app.isOnHostNetwork {
            if current?.isEmpty == false {
                conflict = conflict ?? .invalid("/", "portMappings are not allowed with host-networking")
            }
        } else {
            container.portMappings = (mappings ?? [Self.defaultMapping(app)]).map { mapping in
                var mapping = mapping
                if app.networks.contains(where: { $0.mode == .bridge }), mapping.hostPort == nil {
                    mapping.hostPort = 0
                }
                return mapping
            }
        }
        return container
    }

    /// What a container would have to run without is refused, so that nobody believes in it.
    private func refuseUnsupported(
        _ container: SchemaReader, _ docker: SchemaReader?, isDocker: Bool, _ conflict: inout APIError?
    ) {
        func refuse(_ path: String, _ text: String) { conflict = conflict ?? .invalid(path, text) }
        if container.isPresent("linuxInfo") {
            refuse("/container/linuxInfo", "is not supported by this version")
        }
        guard let docker else { return }
        if !isDocker {
            for name in ["network", "portMappings", "credential", "privileged"] where docker.isPresent(name) {
                if name == "privileged", docker.bool(name) == false { continue }
                refuse("/container/docker/\(name)", "must be empty")
            }
            if docker.isPresent("pullConfig") {
                refuse("/container/docker/pullConfig", "is not supported by this version")
            }
        } else {
            if docker.isPresent("pullConfig") {
                refuse("/container/docker/pullConfig", "pullConfig is not supported with Docker containerizer")
            }
            if docker.isPresent("credential") {
                refuse("/container/docker/credential", "is not supported by this version")
            }
        }
    }

    private func volume(reader: SchemaReader, _ conflict: inout APIError?) -> AppDefinition.Volume? {
        if ["persistent", "external", "secret"].contains(where: reader.isPresent) {
            conflict = conflict ?? .invalid(reader.path, "only host volumes are supported by this version")
            return nil
        }
        let path = reader.requiredString("containerPath", minimumLength: 1)
        let host = reader.requiredString("hostPath", minimumLength: 1)
        if !reader.isPresent("mode") { reader.complain("mode", "error.path.missing") }
        return AppDefinition.Volume(
            containerPath: path, hostPath: host, isReadOnly: reader.choice("mode", ["RO", "RW"]) == "RO")
    }

    private func mapping(_ reader: SchemaReader) -> AppDefinition.PortMapping {
        var mapping = AppDefinition.PortMapping(
            containerPort: reader.integer("containerPort", maximum: 65535) ?? 0,
            hostPort: reader.integer("hostPort", maximum: 65535),
            servicePort: reader.integer("servicePort", maximum: 65535) ?? 0)
        mapping.proto = reader.choice("protocol", ["tcp", "udp", "udp,tcp"]) ?? "tcp"
        mapping.name = portName(reader)
        mapping.labels = reader.map("labels") ?? [:]
        mapping.networkNames = reader.strings("networkNames") ?? []
        return mapping
    }

    private func portName(_ reader: SchemaReader) -> String? {
        checksRules ? reader.name("name") : reader.string("name")
    }

    private static func defaultMapping(_ app: AppDefinition) -> AppDefinition.PortMapping {
        let isBridge = app.networks.contains { $0.mode == .bridge }
        var mapping = AppDefinition.PortMapping(containerPort: 0, hostPort: isBridge ? 0 : nil, servicePort: 0)
        mapping.name = "default"
        return mapping
    }

    private func readPorts(_ reader: SchemaReader, _ app: inout AppDefinition, _ conflict: inout APIError?) {
        let ports = reader.array("ports")?.enumerated().compactMap { index, item -> Int? in
            if item.integer == nil { reader.complain("ports(\(index))", "error.expected.jsnumber") }
            return item.integer.flatMap { Int(exactly: $0) }
        }
        let definitions = reader.objects("portDefinitions")?.map { item in
            var definition = AppDefinition.PortDefinition(port: item.integer("port", maximum: 65535) ?? 0)
            definition.proto = item.choice("protocol", ["tcp", "udp", "udp,tcp"]) ?? "tcp"
            definition.name = portName(item)
            definition.labels = item.map("labels") ?? [:]
            return definition
        }
        if let ports, let definitions, ports != definitions.map(\.port) {
            conflict = conflict ?? .invalid("/", "cannot specify both ports and port definitions")
        }
        guard app.isOnHostNetwork else {
            // Old clients give service ports beside mappings.
            for (index, port) in (ports ?? definitions?.map(\.port) ?? []).enumerated() {
                guard let count = app.container?.portMappings?.count, index < count else { break }
                if app.container?.portMappings?[index].servicePort == 0 {
                    app.container?.portMappings?[index].servicePort = port
                }
            }
            return
        }
        if let definitions {
            app.portDefinitions = definitions
        } else if let ports {
            app.portDefinitions = ports.enumerated().map { index, port in
                var definition = AppDefinition.PortDefinition(port: port)
                if index == 0 { definition.name = "default" }
                return definition
            }
        } else {
            app.portDefinitions = [.init(port: 0, name: "default")]
        }
    }
}
