import HTTPKit
import JSONText
import NIOCore
import ServiceKit

/// The administrator's server: `GET /commands/NAME` answers JSON, as ZooKeeper's AdminServer does; on the port of the
/// metrics, `GET /metrics` answers Prometheus's text.
final class Administration: HTTPService {
    /// What a server on a port is for.
    enum Purpose: Sendable { case commands, metrics }

    private let shell: NIOLoopBound<CoordinatorShell>
    private let eventLoop: any EventLoop
    private let purpose: Purpose

    init(_ purpose: Purpose, _ shell: NIOLoopBound<CoordinatorShell>, _ eventLoop: any EventLoop) {
        self.purpose = purpose
        self.shell = shell
        self.eventLoop = eventLoop
    }

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard request.method == .GET || request.method == .HEAD else {
            return responder.respond(.methodNotAllowed(request.method, allowed: ["GET"]))
        }
        eventLoop.execute { [shell, purpose] in
            let shell = shell.value
            switch purpose {
            case .metrics: responder.respond(Self.metrics(request, shell))
            case .commands: responder.respond(Self.command(request, shell))
            }
        }
    }

    private static func metrics(_ request: HTTPRequest, _ shell: CoordinatorShell) -> HTTPResponse {
        guard request.path == "/metrics" else { return .text(.notFound, "Not found: the figures are at /metrics\n") }
        let lines = shell.figures.compactMap { name, value in
            Double(value).map { _ in "# TYPE \(name) gauge\n\(name) \(value)\n" }
        }
        let latencies = shell.latencies.map { name, latency in
            "# TYPE \(name) summary\n\(name)_count \(latency.count)\n\(name)_sum \(latency.total)\n"
        }
        return HTTPResponse(
            .ok, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
            body: Array((lines + latencies).joined().utf8))
    }

    private static func command(_ request: HTTPRequest, _ shell: CoordinatorShell) -> HTTPResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.first == "commands", parts.count <= 2 else {
            return .text(.notFound, "Not found: the commands are at /commands\n")
        }
        guard parts.count == 2 else {
            let links = AdministratorCommand.allCases.map {
                "<a href=\"/commands/\($0.rawValue)\">\($0.rawValue)</a><br/>\n"
            }
            return HTTPResponse(.ok, headers: ["Content-Type": "text/html"], body: Array(links.joined().utf8))
        }
        guard let command = AdministratorCommand(named: parts[1]) else {
            let complaint = JSON.members([
                "command": .string(parts[1]), "error": .string("Unknown command: \(parts[1])"),
            ])
            return .json(.ok, complaint)
        }
        var members: [JSON.Member] = command.answer(shell)
        members.append(.init("command", .string(command.rawValue)))
        members.append(.init("error", .null))
        return .json(.ok, JSON.object(members))
    }
}

/// The commands of the administrator's server; most go by a short name too, that of the four-letter word.
enum AdministratorCommand: String, CaseIterable {
    case configuration, connections, dirs, dump, environment, hash, leader, monitor, observers, ruok, stats, watches
    case zabstate
    case connectionStatReset = "connection_stat_reset"
    case initialConfiguration = "initial_configuration"
    case isReadOnly = "is_read_only"
    case lastSnapshot = "last_snapshot"
    case observerConnectionStatReset = "observer_connection_stat_reset"
    case serverStats = "server_stats"
    case statReset = "stat_reset"
    case systemProperties = "system_properties"
    case traceMask = "get_trace_mask"
    case votingView = "voting_view"
    case watchSummary = "watch_summary"
    case watchesByPath = "watches_by_path"

    private static let shortNames: [String: AdministratorCommand] = [
        "conf": .configuration, "config": .configuration, "cons": .connections, "crst": .connectionStatReset,
        "env": .environment, "envi": .environment, "gtmk": .traceMask,
        "icfg": .initialConfiguration, "isro": .isReadOnly, "lead": .leader,
        "lsnp": .lastSnapshot, "mntr": .monitor, "obsr": .observers, "orst": .observerConnectionStatReset,
        "srst": .statReset, "srvr": .serverStats, "stat": .stats, "sysp": .systemProperties, "wchc": .watches,
        "wchp": .watchesByPath, "wchs": .watchSummary,
    ]

    init?(named name: String) {
        guard let command = AdministratorCommand(rawValue: name) ?? Self.shortNames[name] else { return nil }
        self = command
    }

    func answer(_ shell: CoordinatorShell) -> [JSON.Member] {
        switch self {
        case .configuration: return Self.members(shell.settings)
        case .initialConfiguration:
            return [.init("initial_configuration", .string(shell.configuration.initialText))]
        case .environment: return Self.members(shell.environment)
        case .monitor: return Self.members(shell.figures + shell.latencyFigures)
        case .connections:
            return [false, true].map { isSecure in
                let all = shell.sortedConnections.filter { $0.isSecure == isSecure }
                return .init(
                    isSecure ? "secure_connections" : "connections", .array(all.map { Self.connection($0, shell) }))
            }
        case .stats, .serverStats: return Self.statistics(shell)
        case .dirs:
            let sizes = shell.sizes
            return [
                .init("datadir_size", .integer(Int64(sizes.data))), .init("logdir_size", .integer(Int64(sizes.log))),
            ]
        case .dump: return Self.dump(shell)
        case .lastSnapshot:
            let last = shell.lastSnapshot
            return [
                .init("zxid", .string(CoordinatorShell.hex(last?.zxid ?? -1))),
                .init("timestamp", .integer(last?.seconds ?? -1)),
            ]
        case .statReset:
            shell.resetStatistics()
            return []
        case .connectionStatReset:
            shell.resetConnectionStatistics()
            return []
        case .watches:
            return [.init("session_id_to_watched_paths", Self.lists(shell.watchesBySession))]
        case .watchesByPath: return [.init("path_to_session_ids", Self.lists(shell.watchesByPath))]
        case .watchSummary:
            return [
                .init("num_connections", .integer(Int64(shell.core.watches.connectionCount))),
                .init("num_paths", .integer(Int64(shell.core.watches.pathCount))),
                .init("num_total_watches", .integer(Int64(shell.core.watches.count))),
            ]
        default: return constant
        }
    }

    /// What a server that stands alone, and is no Java program, always answers.
    private var constant: [JSON.Member] {
        switch self {
        case .hash: [.init("digests", .array([]))]
        case .isReadOnly: [.init("read_only", .bool(false))]
        case .leader: [.init("is_leader", .bool(true)), .init("leader_id", .integer(-1))]
        case .observers: [.init("synced_observers", .integer(0)), .init("observers", .array([]))]
        case .traceMask: [.init("tracemask", .integer(306))]
        case .votingView: [.init("current_config", .object([]))]
        case .zabstate: [.init("voting", .bool(false)), .init("zabstate", .string(""))]
        default: []
        }
    }

    /// `clientPort` as `client_port`; numbers as numbers.
    private static func members(_ pairs: [(String, String)]) -> [JSON.Member] {
        pairs.map { name, value in
            let key = name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
            let number = Int64(value).map(JSON.integer) ?? Double(value).map(JSON.double)
            return .init(key, number ?? .string(value))
        }
    }

    private static func lists(_ pairs: [(String, [String])]) -> JSON {
        .object(pairs.map { .init($0.0, .array($0.1.map(JSON.string))) })
    }

    private static func connection(_ connection: ClientConnection, _ shell: CoordinatorShell) -> JSON {
        let session = shell.core.sessionOf[connection.id]
        return .members([
            "remote_socket_address": .string("\(connection.address):\(connection.port)"),
            "interest_ops": .integer(1),
            "outstanding_requests": .integer(Int64(connection.answers.count)),
            "packets_received": .integer(Int64(connection.received)),
            "packets_sent": .integer(Int64(connection.sent)),
            "session_id": .integer(session ?? 0),
            "last_operation": .string(connection.lastOperation),
            "established": .integer(connection.establishedAt.milliseconds),
            "session_timeout": .integer(Int64(session.flatMap { shell.core.sessions[$0]?.timeout } ?? 0)),
            "last_cxid": .string("0x" + CoordinatorShell.hex(connection.lastXid)),
            "last_zxid": .string("0x" + CoordinatorShell.hex(connection.lastZxid)),
            "last_response_time": .integer(connection.lastResponse.milliseconds),
            "last_latency": .integer(Int64(connection.lastLatency)),
            "min_latency": .integer(Int64(connection.latency.minimum)),
            "avg_latency": .integer(Int64(connection.latency.average)),
            "max_latency": .integer(Int64(connection.latency.maximum)),
        ])
    }

    private static func statistics(_ shell: CoordinatorShell) -> [JSON.Member] {
        let statistics = shell.statistics
        let figures = JSON.members([
            "packets_sent": .integer(Int64(statistics.sent)),
            "packets_received": .integer(Int64(statistics.received)),
            "fsync_threshold_exceed_count": .integer(Int64(shell.log.slowSyncs)),
            "num_alive_client_connections": .integer(Int64(shell.connections.count)),
            "outstanding_requests": .integer(Int64(shell.outstanding)),
            "server_state": .string("standalone"),
            "data_dir_size": .integer(Int64(shell.sizes.data)),
            "log_dir_size": .integer(Int64(shell.sizes.log)),
            "last_processed_zxid": .integer(shell.core.lastZxid),
            "min_latency": .integer(Int64(statistics.latency.minimum)),
            "avg_latency": .double(statistics.latency.average),
            "max_latency": .integer(Int64(statistics.latency.maximum)),
            "uptime": .integer((shell.clock.now - statistics.startedAt).inMilliseconds),
            "provider_null": .bool(false),
        ])
        return [
            .init("version", .string(CoordinatorShell.versionLine)), .init("read_only", .bool(false)),
            .init("server_stats", figures), .init("node_count", .integer(Int64(shell.core.tree.count + 1))),
            .init("connections", .array(shell.sortedConnections.map { connection($0, shell) })),
        ]
    }

    private static func dump(_ shell: CoordinatorShell) -> [JSON.Member] {
        let core = shell.core
        let byDeadline = Dictionary(grouping: core.sessions) { $0.value.deadline.milliseconds }
        let ephemerals = core.tree.ephemerals.map { id, nodes in
            JSON.Member(
                "0x" + CoordinatorShell.hex(id), .array(nodes.map { .string(core.tree.path(of: $0)) }))
        }
        return [
            .init(
                "expiry_time_to_session_ids",
                .object(
                    byDeadline.sorted { $0.key < $1.key }.map { deadline, sessions in
                        .init(String(deadline), .array(sessions.map { .integer($0.key) }))
                    })),
            .init("session_id_to_ephemeral_paths", .object(ephemerals.sorted { $0.name < $1.name })),
        ]
    }
}
