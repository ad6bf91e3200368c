/// The rules that a well-formed definition must keep; the texts are Marathon's.
enum AppValidation {
    static func check(_ app: AppDefinition) throws(APIError) {
        var problems: [Problem] = []
        func complain(_ path: String, _ text: String) { problems.append(Problem(path: path, text: text)) }
        if app.id.isReserved {
            complain(
                "/id", "must not end with any of the following reserved keywords: restart, tasks, versions, ., ..")
        }
        if let cmd = app.cmd, cmd.count == 1 { complain("/", "must not be an empty string") }
        let hasCommand = (app.cmd != nil) != !app.args.isEmpty
        let hasImage = app.container?.docker != nil && !(app.cmd != nil && !app.args.isEmpty)
        if !hasCommand && !hasImage {
            complain("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.")
        }
        if !app.executor.isEmpty, app.executor != "//cmd" {
            complain("/executor", "only the command executor (//cmd) is supported by this version")
        }
        if !Set(app.acceptedResourceRoles).isSubset(of: ["*", app.role]) {
            complain("/acceptedResourceRoles", "acceptedResourceRoles can only contain * and \(app.role)")
        }
        if app.container?.isDocker == true, app.networks.count(where: { $0.mode == .container }) > 1 {
            complain("/", "may only specify a single container network when using the Docker container engine")
        }
        problems += containerProblems(app) + networkProblems(app) + portProblems(app)
        if app.env.keys.contains("") { complain("/env/keys(0)", "must not be empty") }
        if let unreachable = app.unreachable, unreachable.inactive > unreachable.expunge {
            complain(
                "/unreachableStrategy/inactiveAfterSeconds",
                "inactiveAfterSeconds (\(unreachable.inactive)) must be less or equal to expungeAfterSeconds, which is "
                    + "\(unreachable.expunge)")
        }
        if app.labels["MARATHON_SINGLE_INSTANCE_APP"] == "true", app.instances > 1 {
            complain("/", "Single instance app may only have one instance")
        }
        guard problems.isEmpty else { throw .invalid(problems) }
    }

    private static func containerProblems(_ app: AppDefinition) -> [Problem] {
        guard let container = app.container else { return [] }
        if container.isDocker, container.docker == nil {
            return [Problem(path: "/container/docker", text: "not defined")]
        }
        if !container.isDocker, container.docker?.parameters.isEmpty == false {
            return [Problem(path: "/container/docker/parameters", text: "must be empty")]
        }
        return []
    }

    private static func networkProblems(_ app: AppDefinition) -> [Problem] {
        var texts: [String] = []
        for network in app.networks {
            let isNamed = network.name != nil || !network.labels.isEmpty
            if network.mode == .host, isNamed { texts.append("Host networks may not have names or labels") }
            if network.mode == .bridge, network.name != nil { texts.append("Bridge networks may not have names") }
            if network.mode == .container, network.name == nil {
                texts.append("Network name must be specified when container network is selected.")
            }
        }
        let names = app.networks.compactMap(\.name)
        if Set(names).count != names.count { texts.append("Duplicate networks are not allowed") }
        if app.networks.count > 1, app.networks.contains(where: { $0.mode != .container }) {
            texts.append(
                "May specify a single host network, single bridge network, or else 1-to-n container networks")
        }
        return texts.map { Problem(path: "/networks", text: $0) }
    }

    private static func portProblems(_ app: AppDefinition) -> [Problem] {
        var problems: [Problem] = []
        let names = app.portDefinitions.compactMap(\.name)
        if Set(names).count != names.count {
            problems.append(Problem(path: "/portDefinitions", text: "Port names must be unique."))
        }
        let ports = app.portDefinitions.map(\.port).filter { $0 != 0 }
        if Set(ports).count != ports.count {
            problems.append(Problem(path: "/portDefinitions", text: "Ports must be unique."))
        }
        let mapped = (app.container?.portMappings ?? []).compactMap(\.name)
        if Set(mapped).count != mapped.count {
            problems.append(Problem(path: "/container/portMappings", text: "Port names must be unique."))
        }
        return problems + networkNameProblems(app)
    }

    /// A port may name networks of its app only, and must name one where a host port could lead to several.
    private static func networkNameProblems(_ app: AppDefinition) -> [Problem] {
        let known = app.networks.compactMap(\.name)
        let hasSeveral = app.networks.count { $0.mode == .container } > 1
        return (app.container?.portMappings ?? []).enumerated().flatMap { index, mapping in
            let path = "/container/portMappings(\(index))"
            var problems: [Problem] = []
            if hasSeveral, mapping.hostPort != nil, mapping.networkNames.count != 1 {
                let text =
                    "networkNames must be a single item list when hostPort is specified and more than 1 container "
                    + "network is defined"
                problems.append(Problem(path: path, text: text))
            }
            for (place, name) in mapping.networkNames.enumerated() where !known.contains(name) {
                let text = "is not one of (\(known.joined(separator: ",")))"
                problems.append(Problem(path: "\(path)/networkNames(\(place))", text: text))
            }
            return problems
        }
    }
}
