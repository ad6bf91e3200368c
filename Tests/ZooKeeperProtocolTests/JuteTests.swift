import Testing

@testable import ZooKeeperProtocol

@Suite("ZooKeeper's record format (reference, 1)")
struct JuteTests {
    private func written(_ build: (inout JuteWriter) -> Void) -> [UInt8] {
        var writer = JuteWriter()
        build(&writer)
        return writer.bytes
    }

    @Test("Numbers are big-endian")
    func numbers() throws {
        #expect(written { $0.int(0x0102_0304) } == [1, 2, 3, 4])
        #expect(written { $0.int(-2) } == [0xff, 0xff, 0xff, 0xfe])
        #expect(written { $0.long(0x0102_0304_0506_0708) } == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(written { $0.bool(true) } == [1])
        for number in [Int32.min, -1, 0, 1, .max] {
            var reader = JuteReader(written { $0.int(number) })
            #expect(try reader.int() == number)
        }
        for number in [Int64.min, -1, 0, 1, .max] {
            var reader = JuteReader(written { $0.long(number) })
            #expect(try reader.long() == number)
        }
    }

    @Test("The null buffer is not the empty one")
    func buffers() throws {
        #expect(written { $0.buffer(nil) } == [0xff, 0xff, 0xff, 0xff])
        #expect(written { $0.buffer([]) } == [0, 0, 0, 0])
        var reader = JuteReader(
            written {
                $0.buffer(nil)
                $0.buffer([])
                $0.buffer([1, 2])
            })
        #expect(try reader.buffer() == nil)
        #expect(try reader.buffer() == [])
        #expect(try reader.buffer() == [1, 2])
        #expect(reader.isAtEnd)
    }

    @Test("Texts are UTF-8, null where that is allowed")
    func texts() throws {
        var reader = JuteReader(
            written {
                $0.string("/é😀")
                $0.string("")
                $0.buffer(nil)
                $0.buffer(nil)
                $0.buffer([0xff])
            })
        #expect(try reader.text() == "/é😀")
        #expect(try reader.string()?.isEmpty == true)
        #expect(try reader.string() == nil)
        #expect(throws: JuteError("a text is null")) { try reader.text() }
        #expect(throws: JuteError("a text that is no UTF-8")) { try reader.text() }
    }

    @Test("Vectors are read item by item; null reads as empty")
    func vectors() throws {
        let bytes = written {
            $0.vector(["a", "b"]) { $0.string($1) }
            $0.vector([Int32]()) { $0.int($1) }
            $0.int(-1)
        }
        var reader = JuteReader(bytes)
        let item = { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
        #expect(try reader.vector(item) == ["a", "b"])
        #expect(try reader.vector(item) == [])
        #expect(try reader.vector(item) == [])
        #expect(reader.isAtEnd)
    }

    @Test("Lengths beyond the end are refused before anything is taken")
    func limits() {
        for length in [Int32(5), .max] {
            let bytes = written { $0.int(length) } + [1, 2, 3, 4]
            var buffer = JuteReader(bytes)
            #expect(throws: JuteError("a buffer beyond the end")) { try buffer.buffer() }
            var vector = JuteReader(bytes)
            #expect(throws: JuteError("a vector of \(length) items")) {
                try vector.vector { (reader: inout JuteReader) throws(JuteError) in try reader.byte() }
            }
        }
        var negative = JuteReader(written { $0.int(-2) })
        #expect(throws: JuteError("a buffer of length -2")) { try negative.buffer() }
        var short = JuteReader([1, 2, 3])
        #expect(throws: JuteError("cut short")) { try short.int() }
    }

    @Test("A frame is the bytes behind their length")
    func frame() {
        var writer = JuteWriter()
        writer.byte(7)
        #expect(writer.frame == [0, 0, 0, 1, 7])
        #expect(JuteWriter().frame == [0, 0, 0, 0])
    }

    @Test("A slice is read from its own start")
    func slice() throws {
        var reader = JuteReader([9, 9, 0, 0, 0, 5, 9][2..<6])
        #expect(try reader.int() == 5)
        #expect(reader.isAtEnd)
        #expect(throws: JuteError.self) { try reader.byte() }
    }
}
