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
    static func run(_ arguments: [String]) async throws {
        let loader = FlagLoader(program: "mesos-agent", flags: AgentFlags.all)
        let directories = ["mesos-slave", "mesos-agent"].map { "\(ServiceRun.etc)/\($0)" }
        var flags = try ServiceRun.flags(loader, arguments, directories: directories)
        if let zooKeeper = ServiceRun.commonZooKeeper { flags.provide("master", zooKeeper) }
        try AgentFlags.check(flags)
        ServiceLog.bootstrap(program: "mesos-agent", level: ServiceLog.level(named: flags.text("logging_level")))
        let logger = Logger(label: "agent")
        ServiceRun.warn(of: flags, logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let agent = AgentService(flags: flags, containerizers: try containerizers(flags), group: group)
        let port = try await agent.start()
        logger.notice("listening on port \(port)")
        await agent.announce()
        try await ServiceRun.untilStopped(agent.failures, on: group)
        await agent.stop()
        try await group.shutdownGracefully()
    }

    /// The containerizers that the flag names, in its order.
    static func containerizers(_ flags: FlagValues) throws -> [any Containerizer] {
        let launcherDirectory = flags.text("launcher_dir") ?? ProgramPath.directory
        let names = (flags.text("containerizers") ?? "").split(separator: ",").map { SmallFile.trimmed(String($0)) }
        guard !names.isEmpty else {
            throw FlagError("mesos-agent: --containerizers names none: docker, mesos, process")
        }
        return try names.map { name in
            switch name {
            case "process": return ProcessContainerizer(launcherDirectory: launcherDirectory)
            case "docker":
                return DockerContainerizer(
                    program: flags.text("docker") ?? "docker", socket: flags.text("docker_socket") ?? "",
                    launcherDirectory: launcherDirectory, workDirectory: flags.text("work_dir") ?? "",
                    sandboxDirectory: flags.text("sandbox_directory") ?? "",
                    limitsCPU: flags.bool("cgroups_enable_cfs"), killsOrphans: flags.bool("docker_kill_orphans"))
            case "mesos":
                return NativeContainerizer(
                    launcherDirectory: launcherDirectory, hierarchy: flags.text("cgroups_hierarchy") ?? "",
                    root: flags.text("cgroups_root") ?? "mesos", needsGroups: flags.isGiven("cgroups_root"),
                    limitsCPU: flags.bool("cgroups_enable_cfs"), maximumPIDs: flags.integer("cgroups_pids_max"))
            default:
                throw FlagError(
                    "mesos-agent: --containerizers: '\(name)' is unknown: expected docker, mesos or process")
            }
        }
    }
}
