import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The `Date` header (RFC 9110, section 5.6.7), made once a second.
final class DateHeader: Sendable {
    private let cached = Mutex<(second: Int, text: String)>((0, ""))

    var text: String {
        var second = time(nil)
        return cached.withLock { cached in
            if cached.second == second { return cached.text }
            var parts = tm()
            gmtime_r(&second, &parts)
            let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
            let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
            let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
            cached = (second, "\(day) \(parts.tm_year + 1900) \(clock) GMT")
            return cached.text
        }
    }
}
