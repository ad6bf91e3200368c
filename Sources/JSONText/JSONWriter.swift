/// Writes JSON text into a byte buffer, without a tree between; the shape is the caller's duty.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    /// True when the next value or name needs a comma before it.
    private var needsComma = false

    public init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Writes a member's name; its value must follow.
    public mutating func name(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func null() { raw("null") }
    public mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }
    public mutating func value(_ number: Int) { raw(String(number)) }
    public mutating func value(_ number: Int64) { raw(String(number)) }
    public mutating func value(_ number: UInt64) { raw(String(number)) }

    /// The shortest text that reads back equal, always with a fraction (`15.0`). A number that JSON has no text
    /// for is written as a string, as Mesos does for `Infinity`.
    public mutating func value(_ number: Double) {
        guard number.isFinite else {
            return value(number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity")
        }
        raw(number.description)
    }

    /// As `value`, but a whole number has no fraction (`15`), which is how Mesos's v0 pages print.
    public mutating func plain(_ number: Double) {
        if let whole = Int64(exactly: number) { value(whole) } else { value(number) }
    }

    public mutating func value(_ text: String) {
        separate()
        quote(text)
        needsComma = true
    }

    public mutating func field(_ name: String, _ flag: Bool) {
        self.name(name)
        value(flag)
    }
    public mutating func field(_ name: String, _ number: Int) {
        self.name(name)
        value(number)
    }
    public mutating func field(_ name: String, _ number: Double) {
        self.name(name)
        value(number)
    }
    public mutating func field(_ name: String, _ text: String) {
        self.name(name)
        value(text)
    }

    public mutating func write(_ json: JSON) {
        switch json {
        case .null: null()
        case .bool(let flag): value(flag)
        case .integer(let number): value(number)
        case .unsigned(let number): value(number)
        case .double(let number): value(number)
        case .string(let text): value(text)
        case .array(let items):
            beginArray()
            for item in items { write(item) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                name(member.name)
                write(member.value)
            }
            endObject()
        }
    }

    private mutating func open(_ byte: UInt8) {
        separate()
        bytes.append(byte)
        needsComma = false
    }

    private mutating func close(_ byte: UInt8) {
        bytes.append(byte)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func raw(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var start = 0
            for index in 0..<utf8.count {
                let byte = utf8[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                bytes.append(contentsOf: utf8[start..<index])
                escape(byte)
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: [
                UInt8(ascii: "u"), 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)],
            ])
        }
    }
}
