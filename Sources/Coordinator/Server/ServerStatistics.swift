import ServiceKit

/// What a server counts of its own doing, since its start or the last reset.
struct ServerStatistics {
    let startedAt: Timestamp
    var received = 0
    var sent = 0
    var latency = ClientConnection.Latency()

    init(startedAt: Timestamp) { self.startedAt = startedAt }

    mutating func reset() { self = ServerStatistics(startedAt: startedAt) }
}
