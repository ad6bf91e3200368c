import NIOCore
import NIOHTTP1

/// One request with its whole body.
public struct HTTPRequest: Sendable {
    public let method: HTTPMethod
    /// The path as sent, without the query.
    public let rawPath: String
    /// The path with percent escapes decoded; the raw one when they are malformed.
    public let path: String
    /// Query parameters in order, decoded.
    public let query: [(name: String, value: String)]
    public let rawQuery: String?
    public let version: HTTPVersion
    public let headers: HTTPHeaders
    public let body: [UInt8]
    /// The peer's address, without its port.
    public let remoteAddress: String

    public init(
        method: HTTPMethod, uri: String, version: HTTPVersion = .http1_1, headers: HTTPHeaders = [:],
        body: [UInt8] = [], remoteAddress: String = ""
    ) {
        self.method = method
        let split = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        rawPath = String(split[0])
        path = PercentCoding.decode(rawPath) ?? rawPath
        rawQuery = split.count > 1 ? String(split[1]) : nil
        query = FormCoding.decode(rawQuery ?? "")
        self.version = version
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
    }

    /// The first query parameter of a name.
    public func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// The body as a form (application/x-www-form-urlencoded).
    public var form: [(name: String, value: String)] {
        FormCoding.decode(String(decoding: body, as: UTF8.self))
    }
}

/// Percent encoding (RFC 3986, section 2.1).
public enum PercentCoding {
    /// Nil when an escape is malformed or the result is no UTF-8.
    public static func decode(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, rest.prefix(2).allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Escapes all but unreserved characters and those of `allowed`.
    public static func encode(_ text: String, allowed: String = "") -> String {
        var result = ""
        for byte in text.utf8 {
            let character = Character(Unicode.Scalar(byte))
            let isUnreserved = byte < 0x80 && (character.isLetter || character.isNumber || "-._~".contains(character))
            if isUnreserved || (byte < 0x80 && allowed.contains(character)) {
                result.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return result
    }
}

/// Names and values of a query or a form.
public enum FormCoding {
    public static func decode(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { part in
                let spaced = String(part.map { $0 == "+" ? " " : $0 })
                return PercentCoding.decode(spaced) ?? spaced
            }
            return (decoded[0], decoded.count > 1 ? decoded[1] : "")
        }
    }
}
