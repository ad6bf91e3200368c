import Testing

@testable import ServiceKit

@Suite("Durations and amounts of bytes as flags spell them")
struct QuantitiesTests {
    @Test(
        "A duration is a number and a unit",
        arguments: [
            ("15secs", .seconds(15)), ("1.5mins", .seconds(90)), ("1weeks", .seconds(604_800)),
            ("2days", .seconds(172_800)), ("0.5hrs", .seconds(1800)), ("250ms", .milliseconds(250)),
            ("7us", .microseconds(7)), ("1ns", .nanoseconds(1)), ("0ns", .zero), ("0.25ms", .microseconds(250)),
            ("-1secs", .seconds(-1)),
        ] as [(String, Duration)])
    func duration(text: String, expected: Duration) {
        #expect(DurationText.parse(text) == expected)
    }

    @Test(
        "Anything else is no duration",
        arguments: [
            "", "15", "secs", "15 secs", "15sec", "15s", "15SECS", "1.5.5secs", "1e3secs", "15secs ", " 15secs",
            "½secs",
            "1-secs", "1000000weeks",
        ])
    func noDuration(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "A duration is printed with the largest unit that divides it",
        arguments: [
            (.seconds(60), "1mins"), (.seconds(90), "90secs"), (.seconds(604_800), "1weeks"),
            (.seconds(86_400), "1days"),
            (.seconds(7200), "2hrs"), (.milliseconds(1500), "1500ms"), (.nanoseconds(1001), "1001ns"), (.zero, "0ns"),
            (.microseconds(5), "5us"), (.seconds(-60), "-1mins"),
        ] as [(Duration, String)])
    func printed(duration: Duration, expected: String) {
        #expect(DurationText.print(duration) == expected)
        #expect(DurationText.parse(expected) == duration)
    }

    @Test(
        "Bytes are a whole number and a unit to the base of 1024",
        arguments: [
            ("0B", 0), ("5B", 5), ("64KB", 65_536), ("64MB", 67_108_864), ("2GB", 2_147_483_648),
            ("1TB", 1_099_511_627_776),
        ] as [(String, Int64)])
    func bytes(text: String, expected: Int64) {
        #expect(BytesText.parse(text) == expected)
    }

    @Test(
        "Anything else is no amount of bytes",
        arguments: ["", "5", "MB", "1.5MB", "5 MB", "5mb", "5PB", "-5MB", "9999999999TB", "5MBs"])
    func noBytes(text: String) {
        #expect(BytesText.parse(text) == nil)
    }

    @Test("A duration counts in nanoseconds, milliseconds and seconds, saturated")
    func durationUnits() {
        #expect(Duration.milliseconds(1500).nanoseconds == 1_500_000_000)
        #expect(Duration.milliseconds(1500).inMilliseconds == 1500)
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
        #expect(Duration.seconds(-2).nanoseconds == -2_000_000_000)
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.min).nanoseconds == .min)
    }
}
