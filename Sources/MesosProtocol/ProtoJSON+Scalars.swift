import JSONText

extension String: ProtoJSONValue, ExpressibleByDefault {
    public static var zero: String { "" }

    public init(json: JSON, field: String) throws(ProtoError) {
        guard let text = json.string else { throw ProtoJSON.unexpected(json, field) }
        self = text
    }

    public func writeValue(to writer: inout JSONWriter) { writer.value(self) }
}

extension Array: ProtoJSONValue, ExpressibleByDefault where Element == UInt8 {
    public static var zero: [UInt8] { [] }

    public init(json: JSON, field: String) throws(ProtoError) {
        guard let text = json.string else { throw ProtoJSON.unexpected(json, field) }
        guard let bytes = Base64.decode(text) else {
            throw .json("Failed to base64 decode bytes field '\(field)'")
        }
        self = bytes
    }

    public func writeValue(to writer: inout JSONWriter) { writer.value(Base64.encode(self)) }
}

extension Bool: ProtoJSONValue, ExpressibleByDefault {
    public static var zero: Bool { false }

    public init(json: JSON, field: String) throws(ProtoError) {
        switch (json.bool, json.string) {
        case (let flag?, _): self = flag
        case (_, "true"?): self = true
        case (_, "false"?): self = false
        default: throw ProtoJSON.unexpected(json, field)
        }
    }

    public func writeValue(to writer: inout JSONWriter) { writer.value(self) }
}

extension Double: ProtoJSONValue, ExpressibleByDefault {
    public init(json: JSON, field: String) throws(ProtoError) {
        if let number = json.double {
            self = number
        } else if let number = json.string.flatMap({ Double($0) }) {
            self = number
        } else {
            throw ProtoJSON.unexpected(json, field)
        }
    }

    public func writeValue(to writer: inout JSONWriter) { writer.value(self) }
}

/// Whole numbers: a JSON number, or a string of one as proto3 clients send; a fraction is cut off as Mesos does.
private func wholeNumber<N: FixedWidthInteger>(_ json: JSON, _ field: String) throws(ProtoError) -> N {
    if let number = json.integer.flatMap({ N(exactly: $0) }) { return number }
    if case .unsigned(let number) = json, let exact = N(exactly: number) { return exact }
    if let number = json.string.flatMap({ N($0) }) { return number }
    if let number = json.double {
        guard let whole = N(exactly: number.rounded(.towardZero)) else {
            throw .json("Number out of range for field '\(field)'")
        }
        return whole
    }
    throw ProtoJSON.unexpected(json, field)
}

extension Int32: ProtoJSONValue, ExpressibleByDefault {
    public init(json: JSON, field: String) throws(ProtoError) { self = try wholeNumber(json, field) }
    public func writeValue(to writer: inout JSONWriter) { writer.value(Int64(self)) }
}

extension Int64: ProtoJSONValue, ExpressibleByDefault {
    public init(json: JSON, field: String) throws(ProtoError) { self = try wholeNumber(json, field) }
    public func writeValue(to writer: inout JSONWriter) { writer.value(self) }
}

extension UInt32: ProtoJSONValue, ExpressibleByDefault {
    public init(json: JSON, field: String) throws(ProtoError) { self = try wholeNumber(json, field) }
    public func writeValue(to writer: inout JSONWriter) { writer.value(Int64(self)) }
}

extension UInt64: ProtoJSONValue, ExpressibleByDefault {
    public init(json: JSON, field: String) throws(ProtoError) { self = try wholeNumber(json, field) }
    public func writeValue(to writer: inout JSONWriter) { writer.value(self) }
}
