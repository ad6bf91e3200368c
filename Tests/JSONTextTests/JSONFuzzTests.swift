import ServiceKit
import Testing

@testable import JSONText

@Suite("Random JSON")
struct JSONFuzzTests {
    private static let alphabet = Array("{}[]:,\"\\ntrufalse0123456789.eE+-u \u{1}é".utf8) + [0xff, 0xed, 0xa0]

    @Test(
        "No bytes crash the parser, and what it reads it reads again from its own text", arguments: [1, 2] as [UInt64])
    func randomBytes(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50_000 {
            let length = Int.random(in: 0...12, using: &generator)
            let bytes = (0..<length).map { _ in
                Self.alphabet.randomElement(using: &generator) ?? 0
            }
            guard let json = try? JSON(parsing: bytes) else { continue }
            try #require(try JSON(parsing: json.text) == json, "seed \(seed), bytes \(bytes)")
        }
    }

    @Test("A random tree reads back equal", arguments: [1, 2, 3, 4] as [UInt64])
    func randomTrees(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let json = Self.tree(depth: 4, &generator)
            try #require(try JSON(parsing: json.text) == json, "seed \(seed), text \(json.text)")
        }
    }

    @Test("A changed or cut text never crashes the parser", arguments: [1, 2] as [UInt64])
    func damaged(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            var bytes = Array(Self.tree(depth: 3, &generator).text.utf8)
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            if Bool.random(using: &generator) {
                bytes[place] = UInt8.random(in: 0...255, using: &generator)
            } else {
                bytes.removeSubrange(place...)
            }
            if let json = try? JSON(parsing: bytes) { _ = json.text }
        }
    }

    private static func tree(depth: Int, _ generator: inout SeededGenerator) -> JSON {
        switch Int.random(in: 0...(depth == 0 ? 4 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64(bitPattern: generator.next()) >> Int64.random(in: 0...63, using: &generator))
        case 3:
            let number = Double(bitPattern: generator.next())
            return .double(number.isFinite ? number : 0.5)
        case 4: return .string(text(&generator))
        case 5: return .array((0..<3).map { _ in tree(depth: depth - 1, &generator) })
        default: return .object((0..<3).map { _ in JSON.Member(text(&generator), tree(depth: depth - 1, &generator)) })
        }
    }

    private static func text(_ generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...6, using: &generator) {
            let scalar = Unicode.Scalar(UInt32.random(in: 0...0x1_2000, using: &generator)) ?? "?"
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
