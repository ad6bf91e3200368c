import HTTPKit
import Logging
import NIOCore
import NIOPosix
import ServiceKit
import ZooKeeperProtocol

/// A standalone coordinator on its client port. Everything but file access happens on one event loop.
public final class CoordinatorServer: Sendable {
    private let channel: any Channel
    private let shell: NIOLoopBound<CoordinatorShell>
    private let locks: [DirectoryLock]
    private let pages: [HTTPServer]

    /// Ends when the log can no longer be written: the service must not go on.
    public let failures: AsyncStream<String>

    public var port: Int { channel.localAddress?.port ?? 0 }

    /// The port of the administrator's server, and that of the metrics; nil where there is none.
    public let adminPort: Int?
    public let metricsPort: Int?

    private init(
        channel: any Channel, shell: NIOLoopBound<CoordinatorShell>, locks: [DirectoryLock],
        admin: HTTPServer?, metrics: HTTPServer?, failures: AsyncStream<String>
    ) {
        pages = [admin, metrics].compactMap { $0 }
        adminPort = admin?.port
        metricsPort = metrics?.port
        self.channel = channel
        self.locks = locks
        self.shell = shell
        self.failures = failures
    }

    /// Recovers the state and serves clients; `group` gives the event loop.
    public static func start(
        _ configuration: CoordinatorConfiguration, group: any EventLoopGroup
    ) async throws -> CoordinatorServer {
        let logger = Logger(label: "coordinator")
        try refuseForeign(configuration)
        let directories = try directories(of: configuration)
        let locks = try Set([directories.log, directories.snapshots]).map { directory in
            try DirectoryLock(directory, purpose: "coordinator")
        }
        let clock = WallClock()
        var core = CoordinatorCore(configuration: configuration.core, startedAt: clock.now)
        let settings = configuration.disk(log: directories.log, snapshots: directories.snapshots)
        let log = try Recovery.run(into: &core, settings)
        core.finishRecovery(at: clock.now)
        logger.info("recovered \(core.tree.count) nodes, \(core.sessions.count) sessions, zxid \(core.lastZxid)")
        let eventLoop = group.next()
        let (failures, continuation) = AsyncStream<String>.makeStream()
        let recovered = core
        let box = LogBox(log)
        let shell = try await eventLoop.submit {
            let durable = DurableLog(eventLoop: eventLoop, log: box.log, settings: settings)
            let shell = CoordinatorShell(
                core: recovered, log: durable, configuration: configuration, clock: clock, eventLoop: eventLoop,
                failures: continuation)
            shell.start()
            return NIOLoopBound(shell, eventLoop: eventLoop)
        }.get()
        let channel: any Channel
        do {
            channel = try await listen(configuration, shell, eventLoop)
        } catch {
            throw LogError(
                description: "cannot listen on \(configuration.clientAddress):\(configuration.clientPort): \(error)")
        }
        let admin = try await pages(
            .commands, configuration.adminAddress, configuration.adminPort, shell, eventLoop)
        let metrics = try await pages(
            .metrics, configuration.metricsAddress, configuration.metricsPort, shell, eventLoop)
        return CoordinatorServer(
            channel: channel, shell: shell, locks: locks, admin: admin, metrics: metrics, failures: failures)
    }

    private static func pages(
        _ purpose: Administration.Purpose, _ host: String, _ port: Int?, _ shell: NIOLoopBound<CoordinatorShell>,
        _ eventLoop: any EventLoop
    ) async throws -> HTTPServer? {
        guard let port else { return nil }
        return try await HTTPServer.start(
            host: host, port: port, group: eventLoop, limits: .init(bodySize: 1 << 16, connections: 100),
            service: Administration(purpose, shell, eventLoop))
    }

    private static func listen(
        _ configuration: CoordinatorConfiguration, _ shell: NIOLoopBound<CoordinatorShell>, _ eventLoop: any EventLoop
    ) async throws -> any Channel {
        try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ClientHandler(shell: shell.value, maximumFrame: configuration.maximumFrame))
                }
            }
            .bind(host: configuration.clientAddress, port: configuration.clientPort).get()
    }

    /// Closes the port and the connections; sessions go on with the next start.
    public func close() async {
        for server in pages { await server.close() }
        try? await channel.close().get()  // An error means that it is closed already.
        let threads = try? await channel.eventLoop.submit { [shell] in shell.value.stop() }.get()
        for pool in threads ?? [] { try? await pool.shutdownGracefully() }  // A stopped pool needs nothing.
    }

    /// Hands the log to the event loop, once.
    private final class LogBox: @unchecked Sendable {
        // Safe: the starting task gives it up before the event loop takes it.
        let log: WriteAheadLog
        init(_ log: WriteAheadLog) { self.log = log }
    }

    /// The data of another program must not look like an empty directory.
    private static func refuseForeign(_ configuration: CoordinatorConfiguration) throws {
        guard Snapshot.files(in: "\(configuration.dataDirectory)/coordinator").isEmpty,
            WriteAheadLog.segments(in: "\(configuration.logDirectory)/coordinator").isEmpty
        else { return }
        for directory in Set([configuration.dataDirectory, configuration.logDirectory]) {
            let names = SmallFile.names(in: "\(directory)/version-2")
            guard names.contains(where: { $0.hasPrefix("log.") || $0.hasPrefix("snapshot.") }) else { continue }
            let isApart = configuration.logDirectory != configuration.dataDirectory
            throw LogError(
                description: "\(directory)/version-2 holds the data of an Apache ZooKeeper: take it over with "
                    + "`mesos-coordinator import --config=ZOO.CFG --from=\(configuration.dataDirectory)"
                    + (isApart ? " --from_log=\(configuration.logDirectory)" : "")
                    + "`, or move it away to start empty")
        }
    }

    static func directories(
        of configuration: CoordinatorConfiguration
    ) throws -> (log: String, snapshots: String) {
        let log = "\(configuration.logDirectory)/coordinator"
        let snapshots = "\(configuration.dataDirectory)/coordinator"
        try SmallFile.makeDirectory(log, mode: 0o700)
        try SmallFile.makeDirectory(snapshots, mode: 0o700)
        return (log, snapshots)
    }
}
