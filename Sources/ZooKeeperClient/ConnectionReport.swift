import Logging
import ZooKeeperProtocol

/// What the log says of a client's connection: each change once, however many attempts there are in between.
struct ConnectionReport: Sendable {
    enum News: Sendable, Equatable {
        case connected
        case lost
        case expired
        /// No server takes the connection.
        case unreachable
    }

    private var last: News?

    /// Whether the last news was the end of the session, after which a server closes the connection as well.
    var isOfExpiry: Bool { last == .expired }

    /// Whether this is a change.
    mutating func isNew(_ news: News) -> Bool {
        defer { last = news }
        return news != last
    }
}

extension ZooKeeperClient {
    /// Logs a change; `detail` is a server, a session or a reason.
    func report(_ news: ConnectionReport.News, _ detail: @autoclosure () -> String) {
        guard !isClosing, reported.isNew(news) else { return }
        switch news {
        case .connected: logger.info("connected to ZooKeeper: \(detail())")
        case .lost: logger.warning("the connection to ZooKeeper is lost: \(detail())")
        case .expired: logger.warning("the ZooKeeper session expired: \(detail())")
        case .unreachable: logger.warning("cannot connect to ZooKeeper, trying on: \(detail())")
        }
    }

    var sessionName: String { "session 0x" + String(UInt64(bitPattern: session.sessionID), radix: 16) }
}
