import MesosProtocol
import ServiceKit

/// What a master is called and how it is set, from its flags.
enum MasterIdentity {
    static func info(flags: FlagValues, port: Int) -> Mesos.MasterInfo {
        let bound = flags.text("ip") ?? "0.0.0.0"
        let ip = flags.text("advertise_ip") ?? (bound == "0.0.0.0" ? Hostname.address : bound)
        let port = flags.integer("advertise_port") ?? port
        let hostname = flags.text("hostname") ?? (flags.bool("hostname_lookup") ? Hostname.name(of: ip) : ip)
        return .with { info in
            info.id = UUIDText.random()
            info.ip = Hostname.littleEndian(ip)
            info.port = UInt32(port)
            info.pid = "master@\(ip):\(port)"
            info.hostname = hostname
            info.version = Version.mesos
            info.address = .with {
                $0.hostname = hostname
                $0.ip = ip
                $0.port = Int32(port)
            }
            info.capabilities = [.agentUpdate].map { type in .with { $0.type = type } }
        }
    }

    static func configuration(_ flags: FlagValues) -> MasterCore.Configuration {
        var configuration = MasterCore.Configuration()
        configuration.allocationInterval = flags.duration("allocation_interval") ?? .seconds(1)
        configuration.pingTimeout = flags.duration("agent_ping_timeout") ?? .seconds(15)
        configuration.maximumPingTimeouts = flags.integer("max_agent_ping_timeouts") ?? 5
        configuration.agentReregisterTimeout = flags.duration("agent_reregister_timeout") ?? .seconds(600)
        configuration.offerTimeout = flags.duration("offer_timeout")
        configuration.maximumCompletedFrameworks = flags.integer("max_completed_frameworks") ?? 50
        configuration.maximumCompletedTasks = flags.integer("max_completed_tasks_per_framework") ?? 1000
        configuration.registryMayBeStale = flags.isGiven("zk") || flags.text("registry") == "in_memory"
        configuration.allowsRootSubmissions = flags.bool("root_submissions")
        configuration.seed = UInt64.random(in: .min ... .max)
        return configuration
    }
}
