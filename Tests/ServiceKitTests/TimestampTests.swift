import Testing

@testable import ServiceKit

@Suite("Moments")
struct TimestampTests {
    private static let pairs: [(String, Int64)] = [
        ("1970-01-01T00:00:00.000Z", 0), ("2026-01-31T08:09:10.123Z", 1_769_846_950_123),
        ("2000-02-29T23:59:59.999Z", 951_868_799_999), ("2000-03-01T00:00:00.000Z", 951_868_800_000),
        ("2024-02-29T12:00:00.000Z", 1_709_208_000_000), ("1900-02-28T00:00:00.000Z", -2_203_977_600_000),
        ("1900-03-01T00:00:00.000Z", -2_203_891_200_000), ("1969-12-31T23:59:59.500Z", -500),
        ("1968-02-29T00:00:00.000Z", -58_060_800_000), ("2100-03-01T00:00:00.000Z", 4_107_542_400_000),
        ("1700-01-01T00:00:00.001Z", -8_520_335_999_999), ("2261-12-31T23:59:59.999Z", 9_214_646_399_999),
    ]

    @Test("ISO 8601 with milliseconds, both ways", arguments: pairs)
    func iso8601(text: String, milliseconds: Int64) {
        let moment = Timestamp(nanoseconds: milliseconds * 1_000_000)
        #expect(moment.iso8601 == text)
        #expect(Timestamp(iso8601: text) == moment)
    }

    @Test(
        "Offsets and other fractions are read",
        arguments: [
            ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00:00-0130", 5_400_000_000_000),
            ("1970-01-01T00:00:01Z", 1_000_000_000), ("1970-01-01T00:00:00.5Z", 500_000_000),
            ("1970-01-01T00:00:00.000000001Z", 1), ("1969-12-31T23:59:59.999999999Z", -1),
        ] as [(String, Int64)])
    func variants(text: String, nanoseconds: Int64) {
        #expect(Timestamp(iso8601: text)?.nanoseconds == nanoseconds)
    }

    @Test(
        "What is no date and time is refused",
        arguments: [
            "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z", "1970-01-00T00:00:00Z", "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00.1234567890Z",
            "70-01-01T00:00:00Z", "x1970-01-01T00:00:00Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+1",
        ])
    func refused(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test("A day that its month does not have is refused", arguments: ["2023-02-29T00:00:00Z", "2026-04-31T00:00:00Z"])
    func absentDay(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test(
        "A year beyond 64 bits of nanoseconds is refused",
        arguments: ["9999-12-31T23:59:59Z", "2262-12-31T00:00:00Z", "1677-01-01T00:00:00Z", "0000-01-01T00:00:00Z"])
    func farYear(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }

    @Test("Days of five centuries go to text in order and back")
    func days() throws {
        var previous = ""
        for day in stride(from: Int64(-90_000), through: 100_000, by: 5) {
            let moment = Timestamp(nanoseconds: day * 86_400_000_000_000 + 1_000_000)
            let text = moment.iso8601
            try #require(text > previous && text.hasSuffix("T00:00:00.001Z"), "day \(day)")
            previous = text
            if day % 9 == 0 { try #require(Timestamp(iso8601: text) == moment, "day \(day)") }
        }
    }

    @Test("Whole milliseconds survive the text to the last digit")
    func millisecondsNearSeconds() throws {
        for second in [Int64(-1), 0, 1_795_367_915, 4_000_000_000, 9_000_000_000] {
            for millisecond in [Int64(0), 1, 499, 500, 999] {
                let moment = Timestamp(nanoseconds: second * 1_000_000_000 + millisecond * 1_000_000)
                try #require(Timestamp(iso8601: moment.iso8601) == moment, "\(moment.iso8601)")
            }
        }
    }

    @Test("Arithmetic and order")
    func arithmetic() {
        let moment = Timestamp(seconds: 10)
        #expect(moment + .seconds(5) == Timestamp(seconds: 15))
        #expect(Timestamp(seconds: 15) - moment == .seconds(5))
        #expect(moment < moment + .nanoseconds(1))
        #expect(moment.milliseconds == 10_000)
        #expect(moment.seconds == 10)
    }

    @Test("The wall clock does not go back")
    func wallClock() {
        let clock = WallClock()
        let first = clock.now
        #expect(clock.now >= first)
        #expect(first > Timestamp(seconds: 1_700_000_000))
    }
}
