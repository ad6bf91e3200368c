import ServiceKit
import Testing

@testable import JSONText

@Suite("Base64 (RFC 4648)")
struct Base64Tests {
    @Test(
        "The vectors of section 10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(text.utf8))
    }

    @Test("All digits are used, the standard ones")
    func digits() {
        let bytes: [UInt8] = [0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff]
        #expect(Base64.encode(bytes) == "++++////")
        #expect(Base64.decode("++++////") == bytes)
    }

    @Test(
        "What is no base64 is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Z===", "====", "Zm9v=", "Zg==Zg==", "Zm=9", "####", "Zg==\n", "Zm9-", "Zm9_", "Zm 9v",
        ])
    func refused(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("Random bytes of every length read back equal")
    func random() throws {
        var generator = SeededGenerator(seed: 1)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            try #require(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }
}
