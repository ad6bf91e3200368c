#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A clock that starts at the wall's time and goes on monotonically, so that a changed wall clock ends no session
/// and fires no timer.
public struct WallClock: Sendable {
    private let base: Timestamp
    private let start: ContinuousClock.Instant

    public init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        base = Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
        start = ContinuousClock.now
    }

    public var now: Timestamp { base + start.duration(to: ContinuousClock.now) }

    /// By how many milliseconds the machine's clock was set since the start of this one, forward or back.
    public var correction: Int64 { Self().base.milliseconds - now.milliseconds }
}
