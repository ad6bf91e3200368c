/// Why bytes are no jute record.
public struct JuteError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// Reads ZooKeeper's record format: big-endian numbers, buffers and texts behind a 32-bit length (-1 is null).
public struct JuteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    public var isAtEnd: Bool { position >= bytes.endIndex }

    public mutating func byte() throws(JuteError) -> UInt8 {
        guard position < bytes.endIndex else { throw JuteError("cut short") }
        defer { position += 1 }
        return bytes[position]
    }

    public mutating func bool() throws(JuteError) -> Bool { try byte() != 0 }

    public mutating func int() throws(JuteError) -> Int32 {
        var value: UInt32 = 0
        for _ in 0..<4 { value = value << 8 | UInt32(try byte()) }
        return Int32(bitPattern: value)
    }

    public mutating func long() throws(JuteError) -> Int64 {
        var value: UInt64 = 0
        for _ in 0..<8 { value = value << 8 | UInt64(try byte()) }
        return Int64(bitPattern: value)
    }

    /// Nil for the null buffer, which is not the empty one.
    public mutating func buffer() throws(JuteError) -> [UInt8]? {
        let length = try int()
        guard length >= 0 else {
            guard length == -1 else { throw JuteError("a buffer of length \(length)") }
            return nil
        }
        guard Int(length) <= bytes.endIndex - position else { throw JuteError("a buffer beyond the end") }
        defer { position += Int(length) }
        return Array(bytes[position..<position + Int(length)])
    }

    public mutating func string() throws(JuteError) -> String? {
        guard let raw = try buffer() else { return nil }
        guard let text = String(validating: raw, as: UTF8.self) else { throw JuteError("a text that is no UTF-8") }
        return text
    }

    /// A text that may not be null.
    public mutating func text() throws(JuteError) -> String {
        guard let text = try string() else { throw JuteError("a text is null") }
        return text
    }

    /// The null vector reads as an empty one.
    public mutating func vector<T>(
        _ item: (inout JuteReader) throws(JuteError) -> T
    ) throws(JuteError) -> [T] {
        let count = try int()
        guard Int(count) <= bytes.endIndex - position else { throw JuteError("a vector of \(count) items") }
        var items: [T] = []
        for _ in 0..<max(0, count) { items.append(try item(&self)) }
        return items
    }
}

/// Writes ZooKeeper's record format.
public struct JuteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func byte(_ value: UInt8) { bytes.append(value) }
    public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    public mutating func int(_ value: Int32) {
        let bits = UInt32(bitPattern: value)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }

    public mutating func long(_ value: Int64) {
        let bits = UInt64(bitPattern: value)
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }

    public mutating func buffer(_ value: [UInt8]?) {
        guard let value else { return int(-1) }
        int(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    public mutating func string(_ value: String) {
        int(Int32(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    public mutating func vector<T>(_ values: [T], _ item: (inout JuteWriter, T) -> Void) {
        int(Int32(values.count))
        for value in values { item(&self, value) }
    }

    /// The bytes behind their length, as a frame on the wire.
    public var frame: [UInt8] {
        var framed = JuteWriter()
        framed.int(Int32(bytes.count))
        framed.bytes.append(contentsOf: bytes)
        return framed.bytes
    }
}
