/// The field number and wire type before each field (Protocol Buffers encoding, "Message Structure").
public struct ProtoTag: Sendable {
    public let field: Int
    let wire: UInt8
}

/// Reads the protobuf wire format from a slice of bytes.
public struct ProtoReader: Sendable {
    /// Deeper nesting is refused, so that no input can exhaust the stack.
    static let maximumDepth = 64

    private let bytes: [UInt8]
    private var position: Int
    private let end: Int
    private let depth: Int

    public init(_ bytes: [UInt8]) { self.init(bytes, from: 0, to: bytes.count, depth: 0) }

    private init(_ bytes: [UInt8], from start: Int, to end: Int, depth: Int) {
        self.bytes = bytes
        position = start
        self.end = end
        self.depth = depth
    }

    public mutating func nextTag() throws(ProtoError) -> ProtoTag? {
        guard position < end else { return nil }
        let key = try varint()
        guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw .malformed("field number \(key >> 3)") }
        return ProtoTag(field: Int(key >> 3), wire: UInt8(key & 7))
    }

    /// Passes over a field that the schema does not have.
    public mutating func skip(_ tag: ProtoTag) throws(ProtoError) {
        switch tag.wire {
        case 0: _ = try varint()
        case 1: try advance(8)
        case 2: try advance(try length())
        case 5: try advance(4)
        default: throw .malformed("wire type \(tag.wire)")
        }
    }

    /// Checks the bits of the required fields seen, lowest first, against their names.
    public func require(_ seen: UInt64, _ names: [String], in message: String) throws(ProtoError) {
        let missing = names.indices.filter { seen & (1 << UInt64($0)) == 0 }
        guard missing.isEmpty else { throw .missingRequired(missing.map { names[$0] }, message: message) }
    }

    public mutating func readString(_ tag: ProtoTag) throws(ProtoError) -> String {
        let range = try delimited(tag)
        return String(decoding: bytes[range], as: UTF8.self)
    }

    public mutating func readBytes(_ tag: ProtoTag) throws(ProtoError) -> [UInt8] {
        Array(bytes[try delimited(tag)])
    }

    public mutating func readBool(_ tag: ProtoTag) throws(ProtoError) -> Bool { try scalar(tag) != 0 }
    public mutating func readInt32(_ tag: ProtoTag) throws(ProtoError) -> Int32 {
        Int32(truncatingIfNeeded: try scalar(tag))
    }
    public mutating func readInt64(_ tag: ProtoTag) throws(ProtoError) -> Int64 { Int64(bitPattern: try scalar(tag)) }
    public mutating func readUInt32(_ tag: ProtoTag) throws(ProtoError) -> UInt32 {
        UInt32(truncatingIfNeeded: try scalar(tag))
    }
    public mutating func readUInt64(_ tag: ProtoTag) throws(ProtoError) -> UInt64 { try scalar(tag) }

    public mutating func readDouble(_ tag: ProtoTag) throws(ProtoError) -> Double {
        guard tag.wire == 1, position + 8 <= end else { throw .malformed("field \(tag.field) is no double") }
        var bits: UInt64 = 0
        for index in 0..<8 { bits |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += 8
        return Double(bitPattern: bits)
    }

    /// Nil for a number that the enum does not have.
    public mutating func readEnum<E: ProtoEnum>(_ tag: ProtoTag) throws(ProtoError) -> E? {
        E(rawValue: try readInt32(tag))
    }

    public mutating func readRepeatedEnum<E: ProtoEnum>(_ tag: ProtoTag, into list: inout [E]) throws(ProtoError) {
        for number in try packed(tag) {
            if let value = E(rawValue: Int32(truncatingIfNeeded: number)) { list.append(value) }
        }
    }

    public mutating func readRepeatedUInt32(_ tag: ProtoTag, into list: inout [UInt32]) throws(ProtoError) {
        for number in try packed(tag) { list.append(UInt32(truncatingIfNeeded: number)) }
    }

    public mutating func readMessage<M: ProtoMessage>(_ tag: ProtoTag) throws(ProtoError) -> M {
        let range = try delimited(tag)
        guard depth < Self.maximumDepth else { throw .malformed("nested deeper than \(Self.maximumDepth)") }
        var inner = ProtoReader(bytes, from: range.lowerBound, to: range.upperBound, depth: depth + 1)
        return try M(from: &inner)
    }

    public mutating func readMapEntry<M: ProtoMessage>(_ tag: ProtoTag) throws(ProtoError) -> (String, M) {
        var entry = try mapEntry(tag)
        var key = ""
        var value = M()
        while let inner = try entry.nextTag() {
            switch inner.field {
            case 1: key = try entry.readString(inner)
            case 2: value = try entry.readMessage(inner)
            default: try entry.skip(inner)
            }
        }
        return (key, value)
    }

    public mutating func readStringMapEntry(_ tag: ProtoTag) throws(ProtoError) -> (String, String) {
        var entry = try mapEntry(tag)
        var pair = ("", "")
        while let inner = try entry.nextTag() {
            switch inner.field {
            case 1: pair.0 = try entry.readString(inner)
            case 2: pair.1 = try entry.readString(inner)
            default: try entry.skip(inner)
            }
        }
        return pair
    }

    private mutating func mapEntry(_ tag: ProtoTag) throws(ProtoError) -> ProtoReader {
        let range = try delimited(tag)
        return ProtoReader(bytes, from: range.lowerBound, to: range.upperBound, depth: depth + 1)
    }

    private mutating func scalar(_ tag: ProtoTag) throws(ProtoError) -> UInt64 {
        guard tag.wire == 0 else { throw .malformed("field \(tag.field) is no number") }
        return try varint()
    }

    private mutating func packed(_ tag: ProtoTag) throws(ProtoError) -> [UInt64] {
        guard tag.wire == 2 else { return [try scalar(tag)] }
        let range = try delimited(tag)
        var inner = ProtoReader(bytes, from: range.lowerBound, to: range.upperBound, depth: depth)
        var numbers: [UInt64] = []
        while inner.position < inner.end { numbers.append(try inner.varint()) }
        return numbers
    }

    private mutating func delimited(_ tag: ProtoTag) throws(ProtoError) -> Range<Int> {
        guard tag.wire == 2 else { throw .malformed("field \(tag.field) has no length") }
        let size = try length()
        let start = position
        try advance(size)
        return start..<position
    }

    private mutating func length() throws(ProtoError) -> Int {
        let size = try varint()
        guard size <= UInt64(end - position) else { throw .malformed("a length beyond the end") }
        return Int(size)
    }

    private mutating func advance(_ count: Int) throws(ProtoError) {
        guard count <= end - position else { throw .malformed("cut short") }
        position += count
    }

    private mutating func varint() throws(ProtoError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard position < end else { throw .malformed("cut short") }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw .malformed("a number longer than ten bytes")
    }
}
