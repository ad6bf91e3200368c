import CSystemd

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Tells systemd how the service is (sd_notify(3)); without systemd every call does nothing.
public enum ServiceNotifier {
    /// The service answers its clients; `status` is the line that `systemctl status` shows.
    public static func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    public static func status(_ status: String) { send("STATUS=\(status)") }
    /// The configuration is being read again; `reloaded` ends that.
    public static func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        send("RELOADING=1\nMONOTONIC_USEC=\(UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000)")
    }
    public static func reloaded() { send("READY=1") }
    public static func stopping(_ reason: String) { send("STOPPING=1\nSTATUS=\(reason)") }
    /// One beat of the watchdog: call it from the main loop, so that a hung loop is seen.
    public static func alive() { send("WATCHDOG=1") }

    /// How often `alive` is due, half of what the unit asks; nil without a watchdog.
    public static var watchdogInterval: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(microseconds / 2))
    }

    private static func send(_ state: String) { _ = sd_notify(0, state) }
}
