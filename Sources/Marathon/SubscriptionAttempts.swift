/// The attempts to subscribe since the last one that succeeded: each is later than the one before it, and only what
/// differs from the last failure is worth a line in the log.
struct SubscriptionAttempts: Sendable {
    private static let longestDelay = Duration.seconds(2)

    private var lastReason: String?
    /// How long to wait before the next one.
    private(set) var delay = Duration.milliseconds(500)

    /// Returns the reason when it is another than before.
    mutating func failed(_ reason: String) -> String? {
        if lastReason != nil { delay = min(delay * 2, Self.longestDelay) }
        defer { lastReason = reason }
        return reason == lastReason ? nil : reason
    }
}
