/// A moment: nanoseconds since 1970-01-01T00:00:00Z. Cores take it as an argument and never ask a clock.
public struct Timestamp: Sendable, Hashable, Comparable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public init(seconds: Double) { nanoseconds = Int64((seconds * 1e9).rounded()) }

    /// Seconds since 1970, as Mesos writes times.
    public var seconds: Double { Double(nanoseconds) / 1e9 }
    public var milliseconds: Int64 { nanoseconds / 1_000_000 }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return Timestamp(nanoseconds: overflow ? (duration.nanoseconds < 0 ? .min : .max) : sum)
    }

    public static func - (left: Timestamp, right: Timestamp) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }

    /// ISO 8601 in UTC with three digits of a second: `2026-01-31T08:09:10.123Z`.
    public var iso8601: String {
        let second = Int64((Double(nanoseconds) / 1e9).rounded(.down))
        let (days, secondOfDay) = Self.floorDivide(second, 86_400)
        let date = Self.civilDate(days: days)
        let millisecond = (nanoseconds - second * 1_000_000_000) / 1_000_000
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let time = [secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60].map { padded($0, 2) }
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
            + time.joined(separator: ":") + ".\(padded(millisecond, 3))Z"
    }

    /// Reads an ISO 8601 date and time with an offset or `Z`; nil for anything else.
    public init?(iso8601 text: String) {
        let pattern = #/(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)/#
        guard let match = text.wholeMatch(of: pattern) else { return nil }
        let parts = [match.1, match.2, match.3, match.4, match.5, match.6].compactMap { Int64($0) }
        guard parts.count == 6, (1...12).contains(parts[1]), (1...31).contains(parts[2]), parts[3] < 24,
            parts[4] < 60, parts[5] < 61, (1678...2262).contains(parts[0])
        else { return nil }
        let days = Self.days(year: parts[0], month: parts[1], day: parts[2])
        guard Self.civilDate(days: days) == (parts[0], parts[1], parts[2]) else { return nil }
        let fraction = match.7.map { ($0 + String(repeating: "0", count: 9 - $0.count)) }.flatMap { Int64($0) } ?? 0
        let seconds = days * 86_400 + parts[3] * 3600 + parts[4] * 60 + parts[5] - Self.offset(match.8)
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowed) = scaled.addingReportingOverflow(fraction)
        if overflow || overflowed { return nil }
        nanoseconds = sum
    }

    private static func offset(_ zone: Substring) -> Int64 {
        let digits = zone.filter(\.isNumber)
        guard zone != "Z", let hours = Int64(digits.prefix(2)), let minutes = Int64(digits.suffix(2)) else { return 0 }
        return (hours * 3600 + minutes * 60) * (zone.first == "-" ? -1 : 1)
    }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
        let quotient = value >= 0 ? value / by : (value - by + 1) / by
        return (quotient, value - quotient * by)
    }

    /// The proleptic Gregorian date of a day count since 1970-01-01, by eras of 400 years that start in March.
    private static func civilDate(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(shiftedYear, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Duration {
    /// The whole duration in nanoseconds, saturated to what 64 bits hold.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in seconds with its fraction.
    public var inSeconds: Double { Double(nanoseconds) / 1e9 }

    /// The duration in whole milliseconds.
    public var inMilliseconds: Int64 { nanoseconds / 1_000_000 }
}
