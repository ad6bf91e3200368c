import ServiceKit
import ZooKeeperProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What a server tells of itself in text, in the formats of ZooKeeper's commands.
extension CoordinatorShell {
    static let versionLine = "\(FourLetterWord.version), built on 2026-11-22 00:00 UTC"

    /// The answer to a four-letter word, or nil for an unknown one.
    func answer(_ text: String) -> String? {
        guard let word = FourLetterWord(rawValue: text) else { return nil }
        guard configuration.fourLetterWords.contains(text) else {
            return "\(text) is not executed because it is not in the whitelist.\n"
        }
        switch word {
        case .ruok: return "imok"
        case .isro: return "rw"
        case .gtmk, .stmk: return "306"  // Tracing, which this server does not have, at its default.
        case .hash: return ""
        case .envi: return "Environment:\n" + environment.map { "\($0.0)=\($0.1)\n" }.joined()
        case .conf: return settings.map { "\($0.0)=\($0.1)\n" }.joined()
        case .srvr: return "Zookeeper version: \(Self.versionLine)\n" + summary
        case .stat:
            let clients = sortedConnections.map { " \(place($0))(\(traffic($0)))\n" }.joined()
            return "Zookeeper version: \(Self.versionLine)\nClients:\n\(clients)\n" + summary
        case .cons: return sortedConnections.map { " \(place($0))(\(details($0)))\n" }.joined() + "\n"
        case .crst:
            resetConnectionStatistics()
            return "Connection stats reset.\n"
        case .srst:
            resetStatistics()
            return "Server stats reset.\n"
        case .dirs: return "datadir_size: \(sizes.data)\nlogdir_size: \(sizes.log)\n"
        case .dump: return dump
        case .mntr: return (figures + latencyFigures).map { "zk_\($0.0)\t\($0.1)\n" }.joined()
        case .wchs:
            return "\(core.watches.connectionCount) connections watching \(core.watches.pathCount) paths\n"
                + "Total watches:\(core.watches.count)\n"
        case .wchc: return watchesBySession.map { "0x\($0)\n" + $1.map { "\t\($0)\n" }.joined() }.joined() + "\n"
        case .wchp: return watchesByPath.map { "\($0)\n" + $1.map { "\t0x\($0)\n" }.joined() }.joined() + "\n"
        }
    }

    var sortedConnections: [ClientConnection] { connections.values.sorted { $0.id.number < $1.id.number } }

    private func place(_ connection: ClientConnection) -> String { "/\(connection.address):\(connection.port)[1]" }

    private func traffic(_ connection: ClientConnection) -> String {
        "queued=\(connection.answers.count),recved=\(connection.received),sent=\(connection.sent)"
    }

    private func details(_ connection: ClientConnection) -> String {
        guard let id = core.sessionOf[connection.id], let session = core.sessions[id] else {
            return traffic(connection)
        }
        let latency = connection.latency
        return traffic(connection) + ",sid=0x\(Self.hex(id)),lop=\(connection.lastOperation),"
            + "est=\(connection.establishedAt.milliseconds),to=\(session.timeout),lcxid=0x\(Self.hex(connection.lastXid)),"
            + "lzxid=0x\(Self.hex(connection.lastZxid)),lresp=\(connection.lastResponse.milliseconds),"
            + "llat=\(Int(connection.lastLatency)),minlat=\(Int(latency.minimum)),avglat=\(Int(latency.average)),"
            + "maxlat=\(Int(latency.maximum))"
    }

    static func hex<T: FixedWidthInteger & SignedInteger>(_ number: T) -> String where T.Magnitude: UnsignedInteger {
        String(T.Magnitude(truncatingIfNeeded: number), radix: 16)
    }

    private var summary: String {
        let latency = statistics.latency
        let average = (latency.average * 10_000).rounded() / 10_000
        return """
            Latency min/avg/max: \(Int(latency.minimum))/\(average)/\(Int(latency.maximum))
            Received: \(statistics.received)
            Sent: \(statistics.sent)
            Connections: \(connections.count)
            Outstanding: \(outstanding)
            Zxid: 0x\(Self.hex(core.lastZxid))
            Mode: standalone
            Node count: \(core.tree.count + 1)

            """
    }

    private var dump: String {
        var text = "SessionTracker dump:\n"
        let byDeadline = Dictionary(grouping: core.sessions) { $0.value.deadline }
        text += "Session Sets (\(byDeadline.count))/(\(core.sessions.count)):\n"
        for (deadline, sessions) in byDeadline.sorted(by: { $0.key < $1.key }) {
            text += "\(sessions.count) expire at \(deadline.milliseconds):\n"
            for id in sessions.map(\.key).sorted() { text += "\t0x\(Self.hex(id))\n" }
        }
        text += "ephemeral nodes dump:\nSessions with Ephemerals (\(core.tree.ephemerals.count)):\n"
        for (id, nodes) in core.tree.ephemerals.sorted(by: { $0.key < $1.key }) {
            text += "0x\(Self.hex(id)):\n"
            for path in nodes.map({ core.tree.path(of: $0) }).sorted() { text += "\t\(path)\n" }
        }
        return text + dumpConnections
    }

    /// Connections by when they go if nothing comes from them: with their sessions.
    private var dumpConnections: String {
        let byDeadline = Dictionary(grouping: sortedConnections) { connection in
            core.sessionOf[connection.id].flatMap { core.sessions[$0]?.deadline } ?? connection.establishedAt
        }
        var text = "Connections dump:\nConnections Sets (\(byDeadline.count))/(\(connections.count)):\n"
        for (deadline, connections) in byDeadline.sorted(by: { $0.key < $1.key }) {
            text += "\(connections.count) expire at \(deadline.milliseconds):\n"
            for connection in connections {
                text +=
                    "\tip: /\(connection.address):\(connection.port) "
                    + "sessionId: 0x\(Self.hex(core.sessionOf[connection.id] ?? 0))\n"
            }
        }
        return text
    }

    /// Session (as hex) and watched paths.
    var watchesBySession: [(String, [String])] {
        core.watches.watched.keys.compactMap { connection in
            guard let session = core.sessionOf[connection] else { return nil }
            let keys = core.watches.keys(of: connection)
            guard !keys.isEmpty else { return nil }
            return (Self.hex(session), Set(keys.map(\.path)).sorted().map(\.text))
        }.sorted { $0.0 < $1.0 }
    }

    /// Path and watching sessions (as hex).
    var watchesByPath: [(String, [String])] {
        var found: [ZNodeName: Set<String>] = [:]
        for (key, watchers) in core.watches.watchers {
            for connection in watchers.keys {
                if let session = core.sessionOf[connection] { found[key.path, default: []].insert(Self.hex(session)) }
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value.sorted()) }
    }

    private var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "unreachable" }
        defer { free(path) }
        return String(cString: path)
    }

    var environment: [(String, String)] {
        [
            ("zookeeper.version", Self.versionLine), ("host.name", Hostname.machine), ("java.version", "none"),
            ("os.name", "Linux"), ("user.dir", workingDirectory),
        ]
    }

    var sizes: (data: Int, log: Int) {
        (
            SmallFile.size(ofFilesIn: "\(configuration.dataDirectory)/coordinator"),
            SmallFile.size(ofFilesIn: "\(configuration.logDirectory)/coordinator")
        )
    }

    /// What the newest snapshot holds, and when it was taken, in seconds since 1970.
    var lastSnapshot: (zxid: Int64, seconds: Int64)? {
        guard let path = Snapshot.files(in: "\(configuration.dataDirectory)/coordinator").last,
            let zxid = WriteAheadLog.firstZxid(of: path)
        else { return nil }
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (zxid, Int64(status.st_mtim.tv_sec))
    }

    var settings: [(String, String)] {
        let limits = configuration.core
        return [
            ("clientPort", configuration.hasClientPort ? "\(configuration.clientPort)" : "-1"),
            ("secureClientPort", "\(configuration.securePort ?? -1)"),
            ("dataDir", "\(configuration.dataDirectory)/coordinator"), ("dataDirSize", "\(sizes.data)"),
            ("dataLogDir", "\(configuration.logDirectory)/coordinator"), ("dataLogSize", "\(sizes.log)"),
            ("tickTime", "\(configuration.tickTime)"),
            ("maxClientCnxns", "\(configuration.maximumClientConnections)"),
            ("minSessionTimeout", "\(limits.minimumSessionTimeout)"),
            ("maxSessionTimeout", "\(limits.maximumSessionTimeout)"), ("clientPortListenBacklog", "-1"),
            ("serverId", "\(configuration.serverID)"),
        ]
    }

    /// Waits in milliseconds, by the names that ZooKeeper has for them.
    var latencies: [(String, Latency)] {
        [
            ("readlatency", statistics.readLatency), ("updatelatency", statistics.updateLatency),
            ("fsynctime", log.syncTime),
        ]
    }

    /// The same as `mntr` has them.
    var latencyFigures: [(String, String)] {
        latencies.flatMap { name, latency in
            [
                ("avg_\(name)", "\((latency.average * 10_000).rounded() / 10_000)"),
                ("min_\(name)", "\(Int(latency.minimum))"), ("max_\(name)", "\(Int(latency.maximum))"),
                ("cnt_\(name)", "\(latency.count)"), ("sum_\(name)", "\(Int(latency.total))"),
            ]
        }
    }

    /// What `mntr`, the administrator's server and Prometheus tell: names as in `mntr`, without `zk_`.
    var figures: [(String, String)] {
        let latency = statistics.latency
        let descriptors = SmallFile.names(in: "/proc/self/fd").count
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return [
            ("version", Self.versionLine), ("server_state", "standalone"),
            ("peer_state", "standalone"),
            ("ephemerals_count", "\(core.tree.ephemerals.values.reduce(0) { $0 + $1.count })"),
            ("num_alive_connections", "\(connections.count)"),
            ("avg_latency", "\((latency.average * 10_000).rounded() / 10_000)"),
            ("min_latency", "\(Int(latency.minimum))"), ("max_latency", "\(Int(latency.maximum))"),
            ("outstanding_requests", "\(outstanding)"), ("znode_count", "\(core.tree.count + 1)"),
            ("watch_count", "\(core.watches.count)"), ("global_sessions", "\(core.sessions.count)"),
            ("local_sessions", "0"), ("approximate_data_size", "\(core.tree.size)"),
            ("open_file_descriptor_count", "\(descriptors)"), ("max_file_descriptor_count", "\(limit.rlim_cur)"),
            ("packets_received", "\(statistics.received)"), ("packets_sent", "\(statistics.sent)"),
            ("uptime", "\((clock.now - statistics.startedAt).inMilliseconds)"),
            ("last_client_response_size", "\(statistics.responses?.last ?? -1)"),
            ("max_client_response_size", "\(statistics.responses?.maximum ?? -1)"),
            ("min_client_response_size", "\(statistics.responses?.minimum ?? -1)"),
            ("fsync_threshold_exceed_count", "\(log.slowSyncs)"),
            ("auth_failed_count", "\(statistics.authenticationFailures)"), ("non_mtls_local_conn_count", "0"),
            ("connection_drop_probability", "0.0"),
        ]
    }
}
