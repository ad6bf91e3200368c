import ServiceKit

/// What a server counts of its own doing, since its start or the last reset.
struct ServerStatistics {
    let startedAt: Timestamp
    var received = 0
    var sent = 0
    /// Of all requests, of those that read, and of those that changed something.
    var latency = Latency()
    var readLatency = Latency()
    var updateLatency = Latency()
    var authenticationFailures = 0
    /// Bytes of replies: nil before the first one.
    private(set) var responses: (last: Int, minimum: Int, maximum: Int)?

    init(startedAt: Timestamp) { self.startedAt = startedAt }

    mutating func add(response bytes: Int) {
        let old = responses ?? (bytes, bytes, bytes)
        responses = (bytes, min(old.minimum, bytes), max(old.maximum, bytes))
    }

    mutating func reset() { self = ServerStatistics(startedAt: startedAt) }
}
