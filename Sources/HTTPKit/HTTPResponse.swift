import JSONText
import NIOHTTP1

/// An answer with its whole body.
public struct HTTPResponse: Sendable {
    public var status: HTTPResponseStatus
    public var headers: HTTPHeaders
    public var body: [UInt8]

    public init(_ status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A plain text answer, the form of every error of the Mesos programs.
    public static func text(_ status: HTTPResponseStatus, _ text: String) -> HTTPResponse {
        HTTPResponse(status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    public static func json(_ status: HTTPResponseStatus = .ok, _ bytes: [UInt8]) -> HTTPResponse {
        HTTPResponse(status, headers: ["Content-Type": "application/json"], body: bytes)
    }

    public static func json(_ status: HTTPResponseStatus = .ok, _ value: JSON) -> HTTPResponse {
        json(status, Array(value.text.utf8))
    }

    /// The answer to a method that the path does not take, in Mesos's words.
    public static func methodNotAllowed(_ method: HTTPMethod, allowed: [String]) -> HTTPResponse {
        let list = allowed.map { "'\($0)'" }.joined(separator: ", ")
        var response = text(
            .methodNotAllowed,
            "405 Method Not Allowed. Expecting one of { \(list) }, but received '\(method.rawValue)'.")
        response.headers.add(name: "Allow", value: allowed.joined(separator: ", "))
        return response
    }
}
