import ServiceKit

/// Which server is tried next, and when. Each client has an order of its own, and waits a time that is all chance below
/// a limit that doubles with each round through the servers: many clients that lose a server at once come to the others
/// spread over them and over time.
struct ReconnectSchedule: Sendable {
    /// Milliseconds. The first round is over before a session of the usual 10 s is in danger.
    static let firstLimit: Int64 = 50
    static let largestLimit: Int64 = 2000

    private let servers: [ZooKeeperAddress.Server]
    private let limit: Int64
    private var generator: SeededGenerator
    private var next = 0
    private var attempts = 0

    /// A quarter of the session's time-out (milliseconds) is the longest pause.
    init(servers: [ZooKeeperAddress.Server], sessionTimeout: Int32, seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        self.servers = servers.shuffled(using: &generator)
        limit = min(Self.largestLimit, max(Self.firstLimit, Int64(sessionTimeout) / 4))
    }

    /// The server to try now; nil when there is none at all.
    mutating func server() -> ZooKeeperAddress.Server? {
        guard !servers.isEmpty else { return nil }
        defer { next = (next + 1) % servers.count }
        return servers[next]
    }

    /// How long to wait before the next attempt.
    mutating func delay() -> Duration {
        let rounds = attempts / max(1, servers.count)
        attempts += 1
        let bound = min(limit, Self.firstLimit << Int64(min(rounds, 10)))
        return .milliseconds(Int64.random(in: 0...bound, using: &generator))
    }

    /// A server has answered: the next loss is a first one again.
    mutating func succeeded() { attempts = 0 }
}
