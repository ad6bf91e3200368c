import Coordinator
import Logging
import NIOPosix
import ServiceKit

/// `mesos-coordinator --config zoo.cfg`, and `mesos-coordinator import|export|dump|verify|status` for people.
enum CoordinatorProgram {
    static let flags = [
        Flag("config", .text, default: "/etc/zookeeper/conf/zoo.cfg", "The zoo.cfg to use."),
        Flag("logging_level", .oneOf(["DEBUG", "INFO", "WARNING", "ERROR"]), default: "INFO"),
        Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
    ]

    private static let loader = FlagLoader(
        program: "mesos-coordinator", flags: flags, environmentPrefix: "MESOS_COORDINATOR_")

    private static let tools = ["import", "export", "dump", "verify", "status"]

    static func run(_ arguments: [String]) async throws {
        if let tool = arguments.first, tools.contains(tool) {
            return try CoordinatorToolProgram.run(tool, Array(arguments.dropFirst()))
        }
        let flags = try ServiceRun.flags(loader, arguments)
        ServiceLog.bootstrap(
            program: "mesos-coordinator", level: ServiceLog.level(named: flags.text("logging_level")))
        let logger = Logger(label: "coordinator")
        let path = flags.text("config") ?? ""
        guard let text = SmallFile.read(path) else {
            throw FlagError("mesos-coordinator: --config: cannot read \(path)")
        }
        let configuration = try CoordinatorConfiguration(parsing: text, path: path)
        for key in configuration.unknownKeys { logger.warning("\(path): the key \(key) is unknown and has no effect") }
        ServiceRun.raiseFileLimit()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await CoordinatorServer.start(configuration, group: group)
        if let port = server.securePort {
            logger.notice("serving clients by TLS on \(configuration.secureAddress ?? "*"):\(port)")
        }
        if let port = server.port { logger.notice("serving clients on \(configuration.clientAddress ?? "*"):\(port)") }
        if server.port != nil, !["127.0.0.1", "::1", "localhost"].contains(configuration.clientAddress) {
            logger.warning(
                """
                clients need not say who they are, and what they send is not encrypted: whoever reaches the port may \
                change every node that has no access control list of its own
                """)
        }
        if let port = server.adminPort {
            logger.notice("commands for administrators at http://\(configuration.adminAddress):\(port)/commands")
        }
        if let port = server.metricsPort {
            logger.notice("metrics, for everybody, at http://\(configuration.metricsAddress):\(port)/metrics")
        }
        let ports = [server.port, server.securePort].compactMap { $0.map(String.init) }
        ServiceNotifier.ready("serving clients on port \(ports.joined(separator: " and "))")
        try await ServiceRun.untilStopped(server.failures, on: group, reload: Reload(zooConfiguration: path, text))
        await server.close()
        try await group.shutdownGracefully()
    }
}
