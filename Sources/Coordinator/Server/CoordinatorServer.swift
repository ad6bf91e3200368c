import HTTPKit
import Logging
import NIOCore
import NIOPosix
import ServiceKit
import TransportSecurity
import ZooKeeperProtocol

/// A standalone coordinator on its client port. Everything but file access happens on one event loop.
public final class CoordinatorServer: Sendable {
    private let channels: [any Channel]
    private let listener: NIOLoopBound<ClientListener>
    private let shell: NIOLoopBound<CoordinatorShell>
    private let locks: [DirectoryLock]
    private let pages: [HTTPServer]

    /// Ends when the log can no longer be written: the service must not go on.
    public let failures: AsyncStream<String>

    /// The client port; nil where there is only one for TLS.
    public let port: Int?

    /// The port for TLS alone; nil where there is none.
    public let securePort: Int?

    /// The port of the administrator's server, and that of the metrics; nil where there is none.
    public let adminPort: Int?
    public let metricsPort: Int?

    private init(
        plain: (any Channel)?, secure: (any Channel)?, listener: NIOLoopBound<ClientListener>,
        shell: NIOLoopBound<CoordinatorShell>, locks: [DirectoryLock],
        admin: HTTPServer?, metrics: HTTPServer?, failures: AsyncStream<String>
    ) {
        pages = [admin, metrics].compactMap { $0 }
        adminPort = admin?.port
        metricsPort = metrics?.port
        channels = [plain, secure].compactMap { $0 }
        port = plain?.localAddress?.port
        securePort = secure?.localAddress?.port
        self.listener = listener
        self.locks = locks
        self.shell = shell
        self.failures = failures
    }

    /// Recovers the state and serves clients; `group` gives the event loop.
    public static func start(
        _ configuration: CoordinatorConfiguration, group: any EventLoopGroup
    ) async throws -> CoordinatorServer {
        let logger = Logger(label: "coordinator")
        try DataDirectories.refusePrivate(configuration)
        try DataDirectories.refuseForeign(configuration)
        let directories = try DataDirectories.of(configuration)
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
        let listener = try await listener(configuration, shell, eventLoop)
        var secure: (any Channel)?
        if let port = configuration.securePort {
            secure = try await listen(configuration.secureAddress, port, listener, isSecure: true)
        }
        let plain =
            configuration.hasClientPort
            ? try await listen(configuration.clientAddress, configuration.clientPort, listener, isSecure: false) : nil
        let admin = try await pages(
            .commands, configuration.adminAddress, configuration.adminPort, shell, eventLoop)
        let metrics = try await pages(
            .metrics, configuration.metricsAddress, configuration.metricsPort, shell, eventLoop)
        return CoordinatorServer(
            plain: plain, secure: secure, listener: listener, shell: shell, locks: locks, admin: admin,
            metrics: metrics, failures: failures)
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

    private static func listener(
        _ configuration: CoordinatorConfiguration, _ shell: NIOLoopBound<CoordinatorShell>, _ eventLoop: any EventLoop
    ) async throws -> NIOLoopBound<ClientListener> {
        let security = try configuration.transportSecurity.map { settings in
            (settings, settings.stamps, try TLSContext(server: settings))
        }
        return try await eventLoop.submit {
            let listener = ClientListener(shell: shell.value, configuration: configuration, eventLoop: eventLoop)
            if let (settings, stamps, context) = security { listener.use(context, of: settings, stamps: stamps) }
            return NIOLoopBound(listener, eventLoop: eventLoop)
        }.get()
    }

    /// Listens on an address, or on all of both families; on those of IPv4 where there is no other.
    private static func listen(
        _ address: String?, _ port: Int, _ listener: NIOLoopBound<ClientListener>, isSecure: Bool
    ) async throws -> any Channel {
        do {
            if let address { return try await bootstrap(listener, isSecure).bind(host: address, port: port).get() }
            do {
                let isOnlyIPv6 = ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only)
                return try await bootstrap(listener, isSecure).serverChannelOption(isOnlyIPv6, value: 0)
                    .bind(host: "::", port: port).get()
            } catch let error as IOError where [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errnoCode) {
                return try await bootstrap(listener, isSecure).bind(host: "0.0.0.0", port: port).get()
            }
        } catch {
            throw LogError(description: "cannot listen on \(address ?? "*"):\(port): \(error)")
        }
    }

    private static func bootstrap(_ listener: NIOLoopBound<ClientListener>, _ isSecure: Bool) -> ServerBootstrap {
        ServerBootstrap(group: listener.eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try listener.value.welcome(channel, isSecure: isSecure) }
            }
    }

    /// Closes the port and the connections; sessions go on with the next start.
    public func close() async {
        for server in pages { await server.close() }
        for channel in channels { try? await channel.close().get() }  // An error means that it is closed already.
        let threads = try? await shell.eventLoop.submit { [shell, listener] in
            listener.value.stop()
            return shell.value.stop()
        }.get()
        for pool in threads ?? [] { try? await pool.shutdownGracefully() }  // A stopped pool needs nothing.
    }

    /// Hands the log to the event loop, once.
    private final class LogBox: @unchecked Sendable {
        // Safe: the starting task gives it up before the event loop takes it.
        let log: WriteAheadLog
        init(_ log: WriteAheadLog) { self.log = log }
    }
}
