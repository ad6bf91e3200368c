import Logging
import Marathon
import NIOPosix
import ServiceKit

/// `marathon`
enum MarathonProgram {
    static let flags = ServiceFlags(
        loader: FlagLoader(
            program: "marathon", flags: MarathonFlags.all, style: .marathon, environmentPrefix: "MARATHON_"),
        folders: ["marathon/conf"], defaults: ["marathon"], common: [("master", { $0 }), ("zk", stateURL)])

    static func run(_ arguments: [String]) async throws {
        let flags = try ServiceRun.flags(flags, arguments)
        try MarathonFlags.check(flags)
        let reload = try Reload(unit: "marathon", Self.flags, arguments, level: level, check: MarathonFlags.check)
        ServiceLog.bootstrap(program: "marathon", level: level(flags.text("logging_level")))
        let logger = Logger(label: "marathon")
        ServiceRun.warn(of: flags, logger)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let marathon = MarathonService(flags: flags, group: group)
        let port = try await marathon.start()
        logger.notice("listening on port \(port)")
        await marathon.announce()
        do {
            try await ServiceRun.untilStopped(marathon.failures, on: group, reload: reload)
        } catch {
            throw ProgramExit(status: await marathon.exitStatus, description: "\(error)")
        }
        await marathon.stop()
        try await group.shutdownGracefully()
    }

    /// The same servers with Marathon's own path, as the original's packages make it of /etc/mesos/zk.
    @Sendable private static func stateURL(_ url: String) -> String {
        let rest = url.dropFirst("zk://".count)
        return "zk://\(rest.prefix { $0 != "/" })/marathon"
    }

    @Sendable private static func level(_ name: String?) -> Logger.Level {
        switch name {
        case "trace", "all": .trace
        case "debug": .debug
        case "warn": .warning
        case "error": .error
        case "off": .critical
        default: .info
        }
    }
}
