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

    /// How many bytes are read.
    public var offset: Int { position - bytes.startIndex }

    public var isAtEnd: Bool { position >= bytes.endIndex }

    public mutating func byte() throws(JuteError) -> UInt8 {
        guard position < bytes.endIndex else { throw JuteError("cut short") }
        defer { position += 1 }
        return bytes[position]
    }

    public mutating func bool() throws(JuteError) -> Bool { try byte() != 0 }

    public mutating func int() throws(JuteError) -> Int32 { try number() }
    public mutating func long() throws(JuteError) -> Int64 { try number() }

    private mutating func number<T: FixedWidthInteger>() throws(JuteError) -> T {
        let size = MemoryLayout<T>.size
        guard bytes.endIndex - position >= size else { throw JuteError("cut short") }
        defer { position += size }
        let offset = position - bytes.startIndex
        return T(bigEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) })
    }

    /// The bytes of a buffer in place; nil for the null buffer, which is not the empty one.
    public mutating func slice() throws(JuteError) -> ArraySlice<UInt8>? { try content("buffer") }

    private mutating func content(_ what: StaticString) throws(JuteError) -> ArraySlice<UInt8>? {
        let length = try int()
        guard length >= 0 else {
            guard length == -1 else { throw JuteError("a \(what) of length \(length)") }
            return nil
        }
        guard Int(length) <= bytes.endIndex - position else { throw JuteError("a \(what) beyond the end") }
        defer { position += Int(length) }
        return bytes[position..<position + Int(length)]
    }

    /// A copy of a buffer; nil for the null buffer, which is not the empty one.
    public mutating func buffer() throws(JuteError) -> [UInt8]? { try slice().map { Array($0) } }

    /// Calls with a buffer in place; nil is the null buffer.
    public mutating func withBuffer<R>(_ body: (UnsafeRawBufferPointer?) -> R) throws(JuteError) -> R {
        guard let slice = try slice() else { return body(nil) }
        return slice.withUnsafeBytes { body($0) }
    }

    public mutating func string() throws(JuteError) -> String? {
        guard let slice = try content("text") else { return nil }
        // Most texts are ASCII, and for them there is a way without the standard library's generic validation.
        let text = slice.withUnsafeBufferPointer { bytes in
            bytes.reduce(0, |) < 0x80
                ? String(decoding: bytes, as: UTF8.self) : String(validating: bytes, as: UTF8.self)
        }
        guard let text else { throw JuteError("a text that is no UTF-8") }
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

    public init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// Begins a frame: its length comes in front when it is taken by `endFrame`.
    public static func beginFrame(capacity: Int = 128) -> JuteWriter {
        var writer = JuteWriter(capacity: capacity)
        writer.int(0)
        return writer
    }

    /// The frame with its length, for a writer that came from `beginFrame`.
    public consuming func endFrame() -> [UInt8] {
        var frame = bytes
        bytes = []
        let length = UInt32(frame.count - 4).bigEndian
        frame.withUnsafeMutableBytes { $0.storeBytes(of: length, as: UInt32.self) }
        return frame
    }

    public mutating func byte(_ value: UInt8) { bytes.append(value) }
    public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    public mutating func int(_ value: Int32) { number(value) }
    public mutating func long(_ value: Int64) { number(value) }

    private mutating func number<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func buffer(_ value: [UInt8]?) {
        guard let value else { return int(-1) }
        int(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    /// A buffer that somebody else holds; nil is the null buffer.
    public mutating func buffer(copying value: UnsafeRawBufferPointer?) {
        guard let value else { return int(-1) }
        int(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Bytes as they are, without a length.
    public mutating func raw(_ value: some Collection<UInt8>) { bytes.append(contentsOf: value) }

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
