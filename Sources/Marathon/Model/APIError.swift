import HTTPKit
import JSONText
import NIOHTTP1

/// An error of the REST API, with the status and body that Marathon gives.
struct APIError: Error, Sendable, Equatable {
    let status: Int
    let body: JSON

    var response: HTTPResponse { .json(HTTPResponseStatus(statusCode: status), body) }

    static func message(_ status: Int, _ text: String) -> APIError {
        APIError(status: status, body: .members(["message": .string(text)]))
    }

    static func malformedJSON(_ error: JSONError, isEmpty: Bool) -> APIError {
        let text = isEmpty ? "Please specify data in JSON format" : "Invalid JSON"
        return APIError(
            status: 400, body: .members(["message": .string(text), "details": .string("\(error)")]))
    }

    /// Types and ranges that are wrong.
    static func schema(_ problems: [Problem]) -> APIError { list("Invalid JSON", problems) }

    /// A definition that makes no sense.
    static func invalid(_ problems: [Problem]) -> APIError { list("Object is not valid", problems) }

    static func invalid(_ path: String, _ text: String) -> APIError { invalid([Problem(path: path, text: text)]) }

    static func unknownApp(_ id: String) -> APIError { message(404, "App '\(id)' does not exist") }

    private static func list(_ message: String, _ problems: [Problem]) -> APIError {
        var paths: [String] = []
        for problem in problems where !paths.contains(problem.path) { paths.append(problem.path) }
        let details = paths.map { path in
            JSON.members([
                "path": .string(path),
                "errors": .array(problems.filter { $0.path == path }.map { .string($0.text) }),
            ])
        }
        return APIError(status: 422, body: .members(["message": .string(message), "details": .array(details)]))
    }
}

/// What is wrong at one place of a document.
struct Problem: Sendable, Equatable {
    let path: String
    let text: String
}
