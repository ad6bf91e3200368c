import JSONText
import MesosProtocol
import Resources
import ServiceKit

/// What an agent is called and offers, from its flags and the machine.
enum AgentIdentity {
    static func address(_ flags: FlagValues) -> String {
        let bound = flags.text("ip") ?? "0.0.0.0"
        return flags.text("advertise_ip") ?? (bound == "0.0.0.0" ? Hostname.address : bound)
    }

    static func info(_ flags: FlagValues, port: Int) throws -> Mesos.AgentInfo {
        let ip = address(flags)
        let hostname = flags.text("hostname") ?? (flags.bool("hostname_lookup") ? Hostname.name(of: ip) : ip)
        let resources = try self.resources(flags)
        let attributes = try ResourcesText.attributes(flags.text("attributes") ?? "")
        return .with {
            $0.hostname = hostname
            $0.port = Int32(flags.integer("advertise_port") ?? port)
            $0.resources = resources
            $0.attributes = attributes
            $0.checkpoint = true
        }
    }

    /// What `--resources` names, and what the machine has of cpus, mem, disk and ports otherwise.
    static func resources(_ flags: FlagValues) throws -> [Mesos.Resource] {
        let role = flags.text("default_role") ?? "*"
        var resources = try ResourcesText.parse(flags.text("resources") ?? "", defaultRole: role)
        let named = Set(resources.map(\.name))
        let found = detected(workDirectory: flags.text("work_dir") ?? "/")
        for (name, amount) in found where !named.contains(name) {
            resources.append(
                .with {
                    $0.name = name
                    $0.type = .scalar
                    $0.scalar = .with { $0.value = amount }
                    $0.role = role
                })
        }
        if !named.contains("ports") {
            resources += try ResourcesText.parse("ports:[31000-32000]", defaultRole: role)
        }
        return resources
    }

    /// Mesos's rules: a gigabyte of memory and five of disk stay for the system, or half of a smaller machine.
    private static func detected(workDirectory: String) -> [(String, Double)] {
        let memory = SystemLoad.memory.total >> 20
        let disk = (SystemLoad.disk(workDirectory)?.total ?? 0) >> 20
        return [
            ("cpus", Double(SystemLoad.processors)),
            ("mem", Double(memory >= 2048 ? memory - 1024 : memory / 2)),
            ("disk", Double(disk >= 10_240 ? disk - 5120 : disk / 2)),
        ]
    }

    static func runtimeDirectory(_ flags: FlagValues) -> String {
        flags.text("runtime_dir") ?? "\(flags.text("work_dir") ?? "")/run"
    }

    static func configuration(_ flags: FlagValues) throws -> AgentCore.Configuration {
        let work = flags.text("work_dir") ?? ""
        var configuration = AgentCore.Configuration(
            workDirectory: work, runtimeDirectory: runtimeDirectory(flags))
        configuration.address = address(flags)
        configuration.registrationBackoff = flags.duration("registration_backoff_factor") ?? .seconds(1)
        configuration.executorRegistrationTimeout = flags.duration("executor_registration_timeout") ?? .seconds(60)
        configuration.shutdownGracePeriod = flags.duration("executor_shutdown_grace_period") ?? .seconds(5)
        configuration.switchesUser = flags.bool("switch_user")
        configuration.maximumCompletedTasks = flags.integer("max_completed_executors_per_framework") ?? 150
        configuration.seed = UInt64.random(in: .min ... .max)
        if let text = flags.text("executor_environment_variables") {
            guard let members = try JSON(parsing: text).members else {
                throw FlagError("mesos-agent: --executor_environment_variables: expected a JSON object of strings")
            }
            for member in members { configuration.environment[member.name] = member.value.string ?? "" }
        }
        return configuration
    }

    /// What changed since the agent registered in a way that its policy does not allow; nil when it may go on.
    static func change(_ old: Mesos.AgentInfo, _ new: Mesos.AgentInfo, policy: String) -> String? {
        if old.hostname != new.hostname { return "The hostname (\(old.hostname), now \(new.hostname))" }
        if old.portOrDefault != new.portOrDefault {
            return "The port (\(old.portOrDefault), now \(new.portOrDefault))"
        }
        let (before, after) = (Resources(old.resources), Resources(new.resources))
        let isKept = policy == "additive" ? after.contains(before) : before.contains(after) && after.contains(before)
        if !isKept { return "The resources (\(before.text()), now \(after.text()))" }
        let kept = old.attributes.allSatisfy(new.attributes.contains)
        let isSame = policy == "additive" ? kept : kept && old.attributes.count == new.attributes.count
        return isSame ? nil : "The attributes"
    }

    /// Why an agent that has tasks does not start with a change.
    static func refusal(_ change: String, _ old: Mesos.AgentInfo, _ policy: String) -> String {
        "\(change) of this agent changed since it registered as \(old.id?.value ?? ""), which --reconfiguration_policy="
            + "\(policy) does not allow while it has tasks: undo the change, or remove the folder meta/agent of "
            + "--work_dir to end them and register as a new agent"
    }
}
