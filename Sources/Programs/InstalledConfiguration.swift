import Agent
import Coordinator
import Doctor
import Marathon
import Master
import ServiceKit
import ZooKeeperClient

/// The configuration of the services of a machine, read as they read it themselves.
enum InstalledConfiguration {
    static func read(_ kind: ServiceKind, _ unit: UnitFacts?, _ files: FileSystem) -> ServiceConfiguration {
        switch kind {
        case .coordinator: coordinator(unit, files)
        case .master: flags(MasterProgram.flags, unit, files, check: MasterFlags.check, master)
        case .agent: flags(AgentProgram.flags, unit, files, check: AgentFlags.check, agent)
        case .marathon: flags(MarathonProgram.flags, unit, files, check: MarathonFlags.check, marathon)
        }
    }

    /// Loads a service's flags from its unit's command line and environment and from its files. `settings` takes from
    /// them what the doctor needs.
    private static func flags(
        _ service: ServiceFlags, _ unit: UnitFacts?, _ files: FileSystem,
        check: (FlagValues) throws(FlagError) -> Void,
        _ settings: (FlagValues) -> ServiceConfiguration
    ) -> ServiceConfiguration {
        var complaint: String?
        var flags = FlagValues.none
        do throws(FlagError) {
            flags = try service.load(
                arguments(unit), environment: unit?.environment ?? [:], etc: files.location("/etc"),
                readFile: { SmallFile.read(files.location($0)) }
            ).flags
            if let url = SmallFile.read(files.location("/etc/mesos/zk")).map(SmallFile.trimmed), !url.isEmpty {
                for (name, value) in service.common { flags.provide(name, value(url)) }
            }
            try check(flags)
        } catch {
            complaint = error.description
        }
        var configuration = settings(flags)
        configuration.complaint = complaint ?? address(configuration)
        configuration.withoutEffect = flags.withoutEffect
        configuration.unreadable =
            (service.folders.map { "/etc/\($0)" }.flatMap { folder in files.names(folder).map { "\(folder)/\($0)" } }
            + service.defaults.map { "/etc/default/\($0)" } + ["/etc/mesos/zk"])
            .filter { files.exists($0) && !files.isReadable($0) }
        if let complaint = configuration.complaint {
            configuration.complaint = complaint.replacing(files.location("/etc/"), with: "/etc/")
        }
        return configuration
    }

    /// The options on the unit's command line, after the program's name.
    private static func arguments(_ unit: UnitFacts?) -> [String] {
        Array((unit?.command ?? []).drop { !$0.hasPrefix("--") })
    }

    /// What is wrong with a URL, without what may be its password.
    private static func address(_ configuration: ServiceConfiguration) -> String? {
        for url in [configuration.mastersURL, configuration.stateURL].compactMap({ $0 }) {
            guard url.hasPrefix("zk://") else {
                let shown = url.lastIndex(of: "@").map { "…\(url[$0...])" } ?? url
                return "/etc/mesos/zk: '\(shown)' is wrong: expected zk://host1:port1,host2:port2/path"
            }
            do { _ = try ZooKeeperAddress(parsing: url) } catch { return "/etc/mesos/zk: \(error.description)" }
        }
        return nil
    }

    /// The URL of an ensemble; nil for the address of a master.
    private static func ensemble(_ url: String?) -> String? {
        url?.contains("/") == true || url?.contains("@") == true ? url : nil
    }

    private static func settings(_ flags: FlagValues, port: Int) -> ServiceSettings {
        var settings = ServiceSettings(port: flags.integer("port") ?? port)
        settings.address = flags.text("ip") ?? "0.0.0.0"
        settings.advertisedAddress = flags.text("advertise_ip")
        settings.hostname = flags.text("hostname")
        settings.namesItsAddress = true
        settings.looksUpHostname = flags.bool("hostname_lookup")
        return settings
    }

    private static func named(_ url: String?) -> String? { url.map(Redaction.credentials) }

    private static func master(_ flags: FlagValues) -> ServiceConfiguration {
        var settings = settings(flags, port: 5050)
        settings.quorum = flags.text("registry") == "in_memory" ? nil : flags.integer("quorum")
        settings.masterURL = named(flags.text("zk"))
        var configuration = ServiceConfiguration(settings: settings)
        configuration.encryptsSessions = flags.text("zk_ssl_trust_store") != nil
        configuration.mastersURL = flags.text("zk")
        configuration.stateDirectory = flags.text("work_dir")
        return configuration
    }

    private static func agent(_ flags: FlagValues) -> ServiceConfiguration {
        var settings = settings(flags, port: 5051)
        settings.containerizers = (flags.text("containerizers") ?? "").split(separator: ",").map {
            SmallFile.trimmed(String($0))
        }
        settings.startSeconds = flags.duration("executor_registration_timeout")?.inSeconds ?? 60
        settings.masterURL = named(flags.text("master"))
        var configuration = ServiceConfiguration(settings: settings)
        configuration.encryptsSessions = flags.text("zk_ssl_trust_store") != nil
        configuration.mastersURL = ensemble(flags.text("master"))
        configuration.stateDirectory = flags.text("work_dir")
        configuration.docker = (flags.text("docker") ?? "docker", flags.text("docker_socket") ?? "/var/run/docker.sock")
        return configuration
    }

    private static func marathon(_ flags: FlagValues) -> ServiceConfiguration {
        var settings = ServiceSettings(port: flags.integer("http_port") ?? 8080)
        settings.address = flags.text("http_address") ?? "0.0.0.0"
        settings.hostname = flags.text("hostname")
        settings.masterURL = named(flags.text("master"))
        var configuration = ServiceConfiguration(settings: settings)
        configuration.encryptsSessions = flags.text("zk_ssl_trust_store") != nil
        configuration.mastersURL = ensemble(flags.text("master"))
        configuration.stateURL = flags.text("zk")
        return configuration
    }

    /// A zoo.cfg may also be that of an Apache ZooKeeper, which takes more of it than ours does.
    private static func coordinator(_ unit: UnitFacts?, _ files: FileSystem) -> ServiceConfiguration {
        let option = unit?.command.first { $0.hasPrefix("--config=") }.map { String($0.dropFirst("--config=".count)) }
        let path = option ?? "/etc/zookeeper/conf/zoo.cfg"
        var configuration = ServiceConfiguration(settings: ServiceSettings(port: 2181))
        configuration.unreadable = files.exists(path) && !files.isReadable(path) ? [path] : []
        guard configuration.unreadable.isEmpty else { return configuration }
        guard let text = SmallFile.read(files.location(path)) else {
            configuration.complaint = "mesos-coordinator: --config: cannot read \(path)"
            return configuration
        }
        let keys = ZooConfigurationKeys(text).values
        configuration.settings.port = keys["clientPort"].flatMap { Int($0) } ?? 2181
        configuration.stateDirectory = keys["dataDir"]
        let program = unit?.command.first ?? ""
        let isApache =
            unit == nil ? files.exists("/usr/share/java/zookeeper.jar") : !program.contains("mesos-coordinator")
        guard !isApache else {
            configuration.settings.isApache = true
            if keys["admin.enableServer"] != "false" {
                configuration.settings.adminPort = keys["admin.serverPort"].flatMap { Int($0) } ?? 8080
            }
            return configuration
        }
        do throws(FlagError) {
            let parsed = try CoordinatorConfiguration(parsing: relocated(text, files), path: path)
            configuration.settings.adminPort = parsed.adminPort
            configuration.withoutEffect = parsed.unknownKeys
        } catch {
            configuration.complaint = error.description
        }
        return configuration
    }

    /// The text with its data directory, where `myid` is, below the doctor's root.
    private static func relocated(_ text: String, _ files: FileSystem) -> String {
        text.split(separator: "\n").map { line in
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, SmallFile.trimmed(String(parts[0])) == "dataDir" else { return String(line) }
            return "dataDir=" + files.location(SmallFile.trimmed(String(parts[1])))
        }.joined(separator: "\n")
    }
}
