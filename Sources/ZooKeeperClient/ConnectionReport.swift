/// What the log says of a client's connection: each change once, however many attempts there are in between.
struct ConnectionReport: Sendable {
    enum News: Sendable, Equatable {
        case connected
        case lost
        case expired
        /// No server takes the connection.
        case unreachable
        /// A server does not believe who the client says that it is.
        case refused
        /// A server's bytes are none of the protocol's.
        case nonsense
    }

    private var last: News?

    /// Whether this is a change.
    mutating func isNew(_ news: News) -> Bool {
        defer { last = news }
        return news != last
    }
}

extension ZooKeeperClient {
    /// Logs a change; `detail` is a server, a session or a reason.
    func report(_ news: ConnectionReport.News, _ detail: String) {
        guard !isClosing, reported.isNew(news) else { return }
        switch news {
        case .connected: logger.info("connected to ZooKeeper: \(detail)")
        case .lost: logger.warning("the connection to ZooKeeper is lost: \(detail)")
        case .expired: logger.warning("the ZooKeeper session expired: \(detail)")
        case .unreachable: logger.warning("cannot connect to ZooKeeper, trying on: \(detail)")
        case .refused: logger.error("ZooKeeper does not take the credentials: \(detail)")
        case .nonsense: logger.warning("ZooKeeper's answer cannot be read: \(detail)")
        }
    }
}
