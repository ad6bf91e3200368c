import ServiceKit

/// The commands that are sent raw on the client port (ZooKeeper administrator's guide, "The Four Letter Words").
enum FourLetterWord: String, CaseIterable {
    case ruok, srvr, stat, isro, envi

    /// What a server tells about itself.
    struct Status {
        var received = 0
        var sent = 0
        var outstanding = 0
        var latencyMinimum = 0.0
        var latencyMaximum = 0.0
        var latencyTotal = 0.0
        var latencyCount = 0
        var clients: [String] = []
        var zxid: Int64 = 0
        var nodes = 0
    }

    /// The ZooKeeper whose protocol this server speaks; clients choose features by it.
    static let version = "3.8.0-swift-mesos"

    func answer(_ status: Status) -> String {
        switch self {
        case .ruok: "imok"
        case .isro: "rw"
        case .envi: "Environment:\nzookeeper.version=\(Self.version)\nhost.name=\(Hostname.machine)\nos.name=Linux\n"
        case .srvr: Self.version(header: "") + Self.body(status)
        case .stat: Self.version(header: "Clients:\n\(status.clients.joined())\n") + Self.body(status)
        }
    }

    private static func version(header: String) -> String {
        "Zookeeper version: \(version), built on 2026-11-22 00:00 UTC\n" + header
    }

    private static func body(_ status: Status) -> String {
        let average = status.latencyCount == 0 ? 0 : status.latencyTotal / Double(status.latencyCount)
        let rounded = (average * 10_000).rounded() / 10_000
        return """
            Latency min/avg/max: \(Int(status.latencyMinimum))/\(rounded)/\(Int(status.latencyMaximum))
            Received: \(status.received)
            Sent: \(status.sent)
            Connections: \(status.clients.count)
            Outstanding: \(status.outstanding)
            Zxid: 0x\(String(status.zxid, radix: 16))
            Mode: standalone
            Node count: \(status.nodes + 1)

            """
    }
}
