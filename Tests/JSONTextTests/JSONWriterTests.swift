import Testing

@testable import JSONText

@Suite("Writing JSON")
struct JSONWriterTests {
    private func written(_ build: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        build(&writer)
        return writer.text
    }

    @Test("Commas stand between members and items, not before the first")
    func commas() {
        let text = written { writer in
            writer.beginObject()
            writer.name("a")
            writer.beginArray()
            writer.value(1)
            writer.null()
            writer.beginObject()
            writer.endObject()
            writer.endArray()
            writer.field("b", "x")
            writer.field("c", true)
            writer.field("d", 2)
            writer.field("e", 2.0)
            writer.endObject()
        }
        #expect(text == #"{"a":[1,null,{}],"b":"x","c":true,"d":2,"e":2.0}"#)
    }

    @Test(
        "What JSON cannot hold as it is gets escaped",
        arguments: [
            ("\"\\", #""\"\\""#), ("\n\r\t", #""\n\r\t""#), ("\u{0}\u{1f}\u{8}", #""\u0000\u001f\u0008""#),
            ("a/b", #""a/b""#), ("é😀\u{7f}\u{2028}", "\"é😀\u{7f}\u{2028}\""), ("", #""""#),
            ("start\nend", #""start\nend""#),
        ])
    func escapes(text: String, expected: String) {
        #expect(written { $0.value(text) } == expected)
        #expect(
            written {
                $0.beginObject()
                $0.field(text, true)
                $0.endObject()
            } == "{\(expected):true}")
    }

    @Test(
        "A double keeps a fraction and reads back equal",
        arguments: [
            (15, "15.0"), (0.1, "0.1"), (-2.5, "-2.5"), (1_795_367_915.319615, "1795367915.319615"), (1e16, "1e+16"),

        ] as [(Double, String)])
    func doubles(number: Double, expected: String) throws {
        #expect(written { $0.value(number) } == expected)
        #expect(try JSON(parsing: expected).double == number)
    }

    @Test("Numbers that JSON has no text for become strings")
    func infinities() {
        #expect(written { $0.value(Double.infinity) } == #""Infinity""#)
        #expect(written { $0.value(-Double.infinity) } == #""-Infinity""#)
        #expect(written { $0.value(Double.nan) } == #""NaN""#)
    }

    @Test("Plain numbers lose a fraction of zero")
    func plain() {
        #expect(written { $0.plain(15) } == "15")
        #expect(written { $0.plain(0.5) } == "0.5")
        #expect(written { $0.plain(1e300) } == "1e+300")
        #expect(written { $0.plain(.infinity) } == #""Infinity""#)
    }

    @Test("Whole numbers are written to their last digit")
    func integers() {
        #expect(written { $0.value(Int64.min) } == "-9223372036854775808")
        #expect(written { $0.value(UInt64.max) } == "18446744073709551615")
    }

    @Test("A tree reads back as it was written")
    func roundTrip() throws {
        let json = JSON.members([
            "text": "a\"\n😀", "numbers": [0, -1, 0.25, 9_007_199_254_740_993], "flags": [true, false, .null],
            "empty": .members(["object": .object([]), "array": []]),
        ])
        #expect(try JSON(parsing: json.text) == json)
    }
}
