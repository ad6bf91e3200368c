import Agent
import Containerizer
import DockerContainerizer
import Logging
import NIOPosix
import NativeContainerizer
import ProcessContainerizer
import ServiceKit

/// `mesos-agent`, also called `mesos-slave`
enum AgentProgram {
    static let flags = ServiceFlags(
        loader: FlagLoader(
            program: "mesos-agent", flags: AgentFlags.all,
            shellFlags: [
                "MASTER": "master", "IP": "ip", "PORT": "port", "LOGS": "log_dir", "ISOLATION": "isolation",
            ], folders: ["attributes", "resources"]),
        folders: ["mesos-slave", "mesos-agent"], defaults: ["mesos-slave", "mesos-agent", "mesos"],
        common: [("master", { $0 })])

    static func run(_ arguments: [String]) async throws {
        var flags = try ServiceRun.flags(flags, arguments)
        let reload = try Reload(
            unit: "mesos-slave", Self.flags, arguments, level: ServiceLog.level, check: AgentFlags.check)
        // Who asks for a root of his own wants its limits; the unit's is an offer.
        let needsGroups = flags.isGiven("cgroups_root")
        let tasks = try TasksUnit(environment: ServiceRun.environment, hierarchy: flags.text("cgroups_hierarchy") ?? "")
        if let tasks { flags.provide("cgroups_root", tasks.root) }
        try AgentFlags.check(flags)
        ServiceLog.bootstrap(program: "mesos-agent", level: ServiceLog.level(named: flags.text("logging_level")))
        let logger = Logger(label: "agent")
        ServiceRun.warn(of: flags, logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let agent = AgentService(
            flags: flags, containerizers: try containerizers(flags, needsGroups, tasks), group: group)
        let port = try await agent.start()
        logger.notice("listening on port \(port)")
        await agent.announce()
        try await ServiceRun.untilStopped(agent.failures, on: group, reload: reload)
        await agent.stop()
        try await group.shutdownGracefully()
    }

    /// The containerizers that the flag names, in its order.
    static func containerizers(
        _ flags: FlagValues, _ needsGroups: Bool = false, _ tasks: TasksUnit? = nil
    ) throws -> [any Containerizer] {
        let launcher = Launcher(
            directory: flags.text("launcher_dir") ?? ProgramPath.directory, cgroup: tasks?.launchers)
        let names = (flags.text("containerizers") ?? "").split(separator: ",").map { SmallFile.trimmed(String($0)) }
        guard !names.isEmpty else {
            throw FlagError("mesos-agent: --containerizers names none: docker, mesos, process")
        }
        return try names.map { name in
            switch name {
            case "process": return ProcessContainerizer(launcher: launcher)
            case "docker":
                return DockerContainerizer(
                    program: flags.text("docker") ?? "docker", socket: flags.text("docker_socket") ?? "",
                    launcher: launcher,
                    workDirectory: flags.text("work_dir") ?? "",
                    sandboxDirectory: flags.text("sandbox_directory") ?? "",
                    limitsCPU: flags.bool("cgroups_enable_cfs"), killsOrphans: flags.bool("docker_kill_orphans"))
            case "mesos":
                return NativeContainerizer(
                    launcher: launcher, hierarchy: flags.text("cgroups_hierarchy") ?? "",
                    root: flags.text("cgroups_root") ?? "mesos", needsGroups: needsGroups,
                    limitsCPU: flags.bool("cgroups_enable_cfs"), maximumPIDs: flags.integer("cgroups_pids_max"))
            default:
                throw FlagError(
                    "mesos-agent: --containerizers: '\(name)' is unknown: expected docker, mesos or process")
            }
        }
    }
}
