/// Writes the protobuf wire format.
public struct ProtoWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func field(_ number: Int, _ value: String) {
        tag(number, 2)
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    public mutating func field(_ number: Int, _ value: [UInt8]) {
        tag(number, 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    public mutating func field(_ number: Int, _ value: Bool) { scalar(number, value ? 1 : 0) }
    public mutating func field(_ number: Int, _ value: Int32) { scalar(number, UInt64(bitPattern: Int64(value))) }
    public mutating func field(_ number: Int, _ value: Int64) { scalar(number, UInt64(bitPattern: value)) }
    public mutating func field(_ number: Int, _ value: UInt32) { scalar(number, UInt64(value)) }
    public mutating func field(_ number: Int, _ value: UInt64) { scalar(number, value) }
    public mutating func field<E: ProtoEnum>(_ number: Int, _ value: E) { field(number, value.rawValue) }

    public mutating func field(_ number: Int, _ value: Double) {
        tag(number, 1)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    public mutating func field<M: ProtoMessage>(_ number: Int, _ value: M) {
        delimited(number) { value.write(to: &$0) }
    }

    public mutating func mapEntry<M: ProtoMessage>(_ number: Int, _ key: String, _ value: M?) {
        guard let value else { return }
        delimited(number) {
            $0.field(1, key)
            $0.field(2, value)
        }
    }

    public mutating func mapEntry(_ number: Int, _ key: String, _ value: String?) {
        guard let value else { return }
        delimited(number) {
            $0.field(1, key)
            $0.field(2, value)
        }
    }

    /// The length is written as one byte and made room for when it needs more, which few messages do.
    private mutating func delimited(_ number: Int, _ content: (inout ProtoWriter) -> Void) {
        tag(number, 2)
        bytes.append(0)
        let start = bytes.count
        content(&self)
        var length = UInt64(bytes.count - start)
        guard length >= 0x80 else {
            bytes[start - 1] = UInt8(length)
            return
        }
        var digits: [UInt8] = []
        while length >= 0x80 {
            digits.append(UInt8(length & 0x7f) | 0x80)
            length >>= 7
        }
        digits.append(UInt8(length))
        bytes.replaceSubrange(start - 1..<start, with: digits)
    }

    private mutating func tag(_ number: Int, _ wire: UInt64) { varint(UInt64(number) << 3 | wire) }

    private mutating func scalar(_ number: Int, _ value: UInt64) {
        tag(number, 0)
        varint(value)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
