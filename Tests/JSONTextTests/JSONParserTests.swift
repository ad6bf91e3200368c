import Testing

@testable import JSONText

@Suite("Parsing JSON (RFC 8259)")
struct JSONParserTests {
    @Test(
        "Values of every kind are read",
        arguments: [
            ("null", JSON.null), ("true", true), ("false", false), ("\"\"", ""), ("[]", []), ("{}", .object([])),
            (" [ 1 , 2 ] ", [1, 2]), ("\t\r\n1\n", 1),
            ("{\"a\":{\"b\":[null]}}", .members(["a": .members(["b": [.null]])])),
            ("{\"\":\"\"}", .members(["": ""])),
        ] as [(String, JSON)])
    func value(text: String, expected: JSON) throws {
        #expect(try JSON(parsing: text) == expected)
    }

    @Test(
        "A number is whole when it is written so and fits 64 bits",
        arguments: [
            ("0", .integer(0)), ("-0", .integer(0)), ("-7", .integer(-7)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .unsigned(9_223_372_036_854_775_808)), ("18446744073709551615", .unsigned(.max)),
            ("18446744073709551616", .double(18_446_744_073_709_551_616)),
            ("-9223372036854775809", .double(-9_223_372_036_854_775_808)), ("1.0", .double(1)), ("1e3", .double(1000)),
            ("1E+2", .double(100)), ("25e-1", .double(2.5)), ("0.1", .double(0.1)), ("1e-400", .double(0)),
        ] as [(String, JSON)])
    func number(text: String, expected: JSON) throws {
        #expect(try JSON(parsing: text) == expected)
    }

    @Test(
        "Escapes stand for their characters",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"),
            (#""\ud83d\ude00""#, "😀"), (#""\uDBFF\uDFFF""#, "\u{10ffff}"), (#""a\u0000b""#, "a\u{0}b"),
            ("\"é😀\"", "é😀"),
        ])
    func escapes(text: String, expected: String) throws {
        #expect(try JSON(parsing: text).string == expected)
    }

    @Test(
        "Text that is no JSON is refused with the reason and the byte",
        arguments: [
            ("", "unexpected end of input", 0), ("  ", "unexpected end of input", 2),
            ("[", "unexpected end of input", 1),
            ("{\"a\":", "unexpected end of input", 5), ("nul", "unexpected character", 0),
            ("'a'", "unexpected character", 0), ("NaN", "unexpected character", 0), ("+1", "unexpected character", 0),
            (".5", "unexpected character", 0), ("-", "unexpected character", 1), ("[1,]", "unexpected character", 3),
            ("[1 2]", "expected ',' or the closing bracket", 3), ("{\"a\" 1}", "expected ':'", 5),
            ("{a:1}", "expected a member name in quotes", 1), ("{\"a\":1,}", "expected a member name in quotes", 7),
            ("{\"a\":1]", "expected ',' or the closing bracket", 6), ("1 2", "unexpected text after the value", 2),
            ("0x10", "unexpected text after the value", 1), ("01", "a number may not start with 0", 2),
            ("1.", "expected a digit after '.'", 2), ("1e", "expected a digit in the exponent", 2),
            ("1e999", "number out of range", 5),
        ])
    func refusal(text: String, reason: String, offset: Int) {
        #expect(throws: JSONError(reason: reason, offset: offset)) { try JSON(parsing: text) }
    }

    @Test(
        "A bad string is refused with the reason and the byte",
        arguments: [
            ("\"abc", "unterminated string", 4), ("\"abc\\", "unterminated string", 5),
            ("\"a\nb\"", "control character in a string", 2), (#""\x""#, "unknown escape", 3),
            (#""\u12""#, "expected four hexadecimal digits", 3), (#""\u12g4""#, "expected four hexadecimal digits", 3),
            (#""\ud800""#, "unpaired surrogate", 7), (#""\udc00""#, "unpaired surrogate", 7),
            (#""\ud800\u0041""#, "unpaired surrogate", 13),
        ])
    func badString(text: String, reason: String, offset: Int) {
        #expect(throws: JSONError(reason: reason, offset: offset)) { try JSON(parsing: text) }
    }

    @Test("The digits of an escape have no sign")
    func signedEscape() {
        #expect(throws: JSONError.self) { try JSON(parsing: #""\u+123""#) }
    }

    @Test("A string must be UTF-8", arguments: [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]] as [[UInt8]])
    func badUTF8(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError.self) { try JSON(parsing: [quote] + bytes + [quote]) }
    }

    @Test("Nesting is bounded, so that no input exhausts the stack")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(JSON.maximumDepth))
        let refusal = JSONError(reason: "nested deeper than 128", offset: 128)
        #expect(throws: refusal) { try JSON(parsing: nested(JSON.maximumDepth + 1)) }
        #expect(throws: refusal) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
        let objects = String(repeating: "{\"a\":", count: JSON.maximumDepth + 1)
        #expect(throws: JSONError.self) { try JSON(parsing: objects) }
    }

    @Test("Of members with one name the last counts")
    func duplicates() throws {
        let json = try JSON(parsing: #"{"a":1,"a":2}"#)
        #expect(json["a"] == 2)
        #expect(json.members?.count == 2)
    }

    @Test("An error says what and where")
    func description() {
        #expect(JSONError(reason: "expected ':'", offset: 5).description == "expected ':' at byte 5")
    }
}
