import Logging
import Master
import NIOPosix
import ServiceKit

/// `mesos-master`
enum MasterProgram {
    static let flags = ServiceFlags(
        loader: FlagLoader(
            program: "mesos-master", flags: MasterFlags.all,
            shellFlags: ["ZK": "zk", "IP": "ip", "PORT": "port", "CLUSTER": "cluster", "LOGS": "log_dir"]),
        folders: ["mesos-master"], defaults: ["mesos-master", "mesos"], common: [("zk", { $0 })])

    static func run(_ arguments: [String]) async throws {
        let flags = try ServiceRun.flags(flags, arguments)
        try MasterFlags.check(flags)
        let reload = try Reload(
            unit: "mesos-master", Self.flags, arguments, level: ServiceLog.level, check: MasterFlags.check)
        ServiceLog.bootstrap(program: "mesos-master", level: ServiceLog.level(named: flags.text("logging_level")))
        let logger = Logger(label: "master")
        ServiceRun.warn(of: flags, logger)
        ServiceRun.raiseFileLimit()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let master = MasterService(flags: flags, group: group)
        let port = try await master.start()
        logger.notice("listening on port \(port)")
        ServiceNotifier.ready("listening on port \(port)")
        try await ServiceRun.untilStopped(master.failures, on: group, reload: reload)
        await master.stop()
        try await group.shutdownGracefully()
    }
}
