import ServiceKit
import Testing

@testable import HTTPKit

@Suite("RecordIO")
struct RecordIOTests {
    private static let records: [[UInt8]] = [
        [], [0x0a], Array("{\"type\":\"HEARTBEAT\"}".utf8), [UInt8](repeating: 0x31, count: 300),
        Array("5\nabcde".utf8),
    ]

    private static var stream: [UInt8] { records.flatMap(RecordIO.frame) }

    @Test("A record stands behind its length in decimal")
    func frame() {
        #expect(RecordIO.frame(Array("hello".utf8)) == Array("5\nhello".utf8))
        #expect(RecordIO.frame([]) == Array("0\n".utf8))
    }

    @Test("A stream cut in two at any place gives the same records")
    func twoPieces() throws {
        let stream = Self.stream
        for place in 0...stream.count {
            var parser = RecordIO.Parser()
            let found = try parser.feed(Array(stream[..<place])) + parser.feed(Array(stream[place...]))
            try #require(found == Self.records, "cut at \(place)")
        }
    }

    @Test("A stream in random pieces gives the same records", arguments: 1...20 as ClosedRange<UInt64>)
    func randomPieces(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var parser = RecordIO.Parser()
        var rest = Self.stream[...]
        var found: [[UInt8]] = []
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 0...9, using: &generator))
            rest = rest.dropFirst(piece.count)
            found += try parser.feed(Array(piece))
        }
        #expect(found == Self.records)
    }

    @Test("A record comes as soon as it is whole, not before")
    func timing() throws {
        var parser = RecordIO.Parser()
        #expect(try parser.feed(Array("3\nab".utf8)).isEmpty)
        #expect(try parser.feed(Array("c".utf8)) == [Array("abc".utf8)])
        #expect(try parser.feed([]).isEmpty)
    }

    @Test("A record above the limit is refused when its length is read")
    func limit() throws {
        var parser = RecordIO.Parser(maximumRecord: 4)
        #expect(try parser.feed(Array("4\nabcd".utf8)) == [Array("abcd".utf8)])
        #expect(throws: RecordIO.Malformed.self) { try parser.feed(Array("5\n".utf8)) }
    }

    @Test(
        "What is no length is refused",
        arguments: [
            "\n", "a\n", "-1\n", "1 \n", "0x1\n", "{\"type\":\"HEARTBEAT\"}", "99999999999999999999\n", "1.0\n",
        ])
    func malformed(text: String) {
        var parser = RecordIO.Parser()
        #expect(throws: RecordIO.Malformed.self) { try parser.feed(Array(text.utf8)) }
    }

    @Test("Digits without an end are refused, not gathered")
    func endlessLength() throws {
        var parser = RecordIO.Parser()
        #expect(try parser.feed(Array(String(repeating: "1", count: 19).utf8)).isEmpty)
        #expect(throws: RecordIO.Malformed.self) { try parser.feed(Array("1".utf8)) }
    }

    @Test("Random bytes never crash the parser", arguments: 1...4 as ClosedRange<UInt64>)
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("0123456789\n\n\nab".utf8)
        for _ in 0..<1000 {
            var parser = RecordIO.Parser(maximumRecord: 50)
            for _ in 0..<5 {
                let piece = (0..<6).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
                guard let records = try? parser.feed(piece) else { break }
                for record in records { #expect(record.count <= 50) }
            }
        }
    }
}
