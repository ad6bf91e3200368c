import HTTPKit
import JSONText
import NIOHTTP1
import ServiceKit

/// Answers Marathon's HTTP requests, on its own event loop.
struct MarathonRequests: HTTPService {
    let marathon: MarathonService

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        marathon.assumeIsolated { $0.respond(to: request, responder) }
    }
}

extension MarathonService {
    func respond(to request: HTTPRequest, _ responder: HTTPResponder) {
        let path = "/" + request.path.split(separator: "/").joined(separator: "/")
        if path == "/" {
            return responder.respond(
                HTTPResponse(.found, headers: ["Location": "/ui/"]).withLocation(below: baseURL(request)))
        }
        if path == "/ui", !request.path.hasSuffix("/") {
            return responder.respond(HTTPResponse(.found, headers: ["Location": "/ui/"]))
        }
        if let page = WebPages.marathon.response(to: path, request) { return responder.respond(page) }
        if path == "/ping" { return responder.respond(ping(request)) }
        guard core != nil else { return passOn(request, responder) }
        do throws(APIError) {
            try route(path, request, responder)
        } catch {
            responder.respond(stamped(error.response))
        }
    }

    /// The headers of every answer of the leader.
    func stamped(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers.add(name: "X-Marathon-Leader", value: "http://\(ownAddress)")
        response.headers.add(name: "X-Frame-Options", value: "DENY")
        response.headers.add(name: "X-XSS-Protection", value: "1; mode=block")
        response.headers.add(name: "Cache-Control", value: "no-cache, no-store, must-revalidate")
        response.headers.add(name: "Pragma", value: "no-cache")
        response.headers.add(name: "Expires", value: "0")
        return response
    }

    private func ping(_ request: HTTPRequest) -> HTTPResponse {
        let accept = request.headers.first(name: "Accept") ?? "*/*"
        if accept.contains("application/json"), !accept.contains("*/*") { return .json(.ok, .string("pong")) }
        return HTTPResponse(.ok, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array("pong".utf8))
    }

    /// A standby asks the leader and gives its answer.
    private func passOn(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let via = "1.1 \(ownAddress)"
        guard !request.headers["X-Marathon-Via"].contains(via) else {
            return responder.respond(APIError.message(502, "Detected proxying loop.").response)
        }
        guard let leader, leader != ownAddress, let colon = leader.lastIndex(of: ":"),
            let port = Int(leader[leader.index(after: colon)...])
        else { return responder.respond(APIError.message(502, "Could not determine the current leader").response) }
        let host = String(leader[..<colon])
        var headers = request.headers
        for name in ["Connection", "Host", "Content-Length", "Transfer-Encoding"] { headers.remove(name: name) }
        headers.add(name: "X-Marathon-Via", value: via)
        let uri = request.rawPath + (request.rawQuery.map { "?\($0)" } ?? "")
        let client = HTTPClient(group: group)
        Task { [headers] in
            do {
                var answer = try await client.execute(
                    request.method, host: host, port: port, uri: uri, headers: headers, body: request.body)
                for name in ["Connection", "Content-Length", "Transfer-Encoding", "Date"] {
                    answer.headers.remove(name: name)
                }
                answer.headers.add(name: "X-Marathon-Via", value: via)
                responder.respond(answer)
            } catch {
                responder.respond(APIError.message(502, "Connection to leader refused.").response)
            }
        }
    }

    private func route(_ path: String, _ request: HTTPRequest, _ responder: HTTPResponder) throws(APIError) {
        switch path {
        case "/v2/apps": try apps(request, responder)
        case "/v2/tasks":
            try allow(request, ["GET"])
            responder.respond(stamped(allTasks(request)))
        case "/v2/tasks/delete": try deleteTasks(request, responder)
        case "/v2/deployments":
            try allow(request, ["GET"])
            responder.respond(stamped(.json(.ok, .array((core?.deployments ?? []).map(\.json)))))
        case "/v2/info":
            try allow(request, ["GET"])
            responder.respond(stamped(.json(.ok, info)))
        case "/v2/leader":
            try allow(request, ["GET", "DELETE"])
            responder.respond(stamped(request.method == .GET ? try shownLeader() : try abdication(request)))
        case "/v2/plugins":
            try allow(request, ["GET"])
            responder.respond(stamped(.json(.ok, .members(["plugins": []]))))
        default:
            if path.hasPrefix("/v2/apps/") {
                return try app(String(path.dropFirst("/v2/apps".count)), request, responder)
            }
            if path.hasPrefix("/v2/deployments/") {
                try allow(request, ["DELETE"])
                let id = String(path.dropFirst("/v2/deployments/".count))
                return change(.cancel(deployment: id, force: flag("force", request)), request, responder)
            }
            throw .message(404, "URI not found")
        }
    }

    func allow(_ request: HTTPRequest, _ methods: [String]) throws(APIError) {
        guard methods.contains(request.method.rawValue) else { throw .message(405, "Method Not Allowed") }
    }

    func flag(_ name: String, _ request: HTTPRequest, default value: Bool = false) -> Bool {
        // Clients in Python write `True`.
        request.parameter(name).map { $0.lowercased() == "true" } ?? value
    }

    func json(_ request: HTTPRequest) throws(APIError) -> JSON {
        do throws(JSONError) {
            return try JSON(parsing: request.body)
        } catch {
            throw .malformedJSON(error, isEmpty: request.body.isEmpty)
        }
    }

    private func allTasks(_ request: HTTPRequest) -> HTTPResponse {
        guard let core else { return HTTPResponse(.serviceUnavailable) }
        let wanted = request.query.filter { $0.name == "status" || $0.name == "status[]" }.map(\.value)
        let shown = core.instances.values.filter { instance in
            if wanted.isEmpty { return true }
            let isRunning = instance.condition == .running
            return (isRunning && wanted.contains("running")) || (!isRunning && wanted.contains("staging"))
        }
        let tasks = shown.sorted { $0.id < $1.id }.map { TaskView.json($0, core.apps[$0.app]) }
        return .json(.ok, .members(["tasks": .array(tasks)]))
    }

    private func deleteTasks(_ request: HTTPRequest, _ responder: HTTPResponder) throws(APIError) {
        try allow(request, ["POST"])
        let (scale, wipe) = (flag("scale", request), flag("wipe", request))
        if scale, wipe { throw .message(400, "You cannot use scale and wipe at the same time.") }
        let reader = SchemaReader(try json(request))
        if !reader.isPresent("ids") { reader.complain("ids", "error.path.missing") }
        let ids = reader.strings("ids") ?? []
        guard reader.found.isEmpty else { throw .schema(reader.found) }
        for id in ids where !id.contains(".") { throw .message(400, "Invalid task id '\(id)'.") }
        change(.kill(tasks: ids, scale: scale, force: flag("force", request), answer: .list), request, responder)
    }
}
