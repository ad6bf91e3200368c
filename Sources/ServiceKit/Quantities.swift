/// A duration as Mesos's flags spell it: a number and one of ns, us, ms, secs, mins, hrs, days, weeks (`1.5mins`).
public struct DurationText {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("weeks", 604_800e9), ("days", 86_400e9), ("hrs", 3600e9), ("mins", 60e9), ("secs", 1e9), ("ms", 1e6),
        ("us", 1e3), ("ns", 1),
    ]

    /// Nil when the text is no duration.
    public static func parse(_ text: String) -> Duration? {
        let number = text.prefix { $0.isNumber || $0 == "." || $0 == "-" }
        guard let value = Double(number), let unit = units.first(where: { $0.name == text.dropFirst(number.count) })
        else { return nil }
        let nanoseconds = value * unit.nanoseconds
        guard abs(nanoseconds) < 9e18 else { return nil }
        return .nanoseconds(Int64(nanoseconds.rounded()))
    }

    /// The text with the largest unit that divides evenly: 60 seconds are `1mins`, nothing is `0ns`.
    public static func print(_ duration: Duration) -> String {
        let nanoseconds = duration.nanoseconds
        guard nanoseconds != 0 else { return "0ns" }
        for unit in units where nanoseconds % Int64(unit.nanoseconds) == 0 {
            return "\(nanoseconds / Int64(unit.nanoseconds))\(unit.name)"
        }
        return "\(nanoseconds)ns"
    }
}

/// An amount of bytes as Mesos's flags spell it: a whole number and one of B, KB, MB, GB, TB (1024 based).
public struct BytesText {
    private static let units = ["B", "KB", "MB", "GB", "TB"]

    /// Nil when the text is no amount of bytes.
    public static func parse(_ text: String) -> Int64? {
        let number = text.prefix { $0.isNumber }
        guard let value = Int64(number), let power = units.firstIndex(of: String(text.dropFirst(number.count))) else {
            return nil
        }
        let (bytes, overflow) = value.multipliedReportingOverflow(by: 1 << (10 * Int64(power)))
        return overflow ? nil : bytes
    }
}
