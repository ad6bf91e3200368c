import HTTPKit
import JSONText
import NIOHTTP1
import ServiceKit

extension MarathonService {
    /// `/v2/apps`
    func apps(_ request: HTTPRequest, _ responder: HTTPResponder) throws(APIError) {
        let force = flag("force", request)
        switch request.method {
        case .GET: responder.respond(stamped(try list(request)))
        case .POST: change(.create(try json(request), force: force), request, responder)
        case .PUT, .PATCH:
            let body = try json(request)
            guard let items = body.array else {
                throw .schema([Problem(path: "", text: "error.expected.jsarray")])
            }
            let replaces = request.method == .PUT && !flag("partialUpdate", request, default: true)
            change(
                .updateAll(items, replaces: replaces, creates: request.method == .PUT, force: force), request, responder
            )
        default: throw .message(405, "Method Not Allowed")
        }
    }

    private func list(_ request: HTTPRequest) throws(APIError) -> HTTPResponse {
        guard let core else { return HTTPResponse(.serviceUnavailable) }
        let selector = try request.parameter("label").map { text throws(APIError) in try LabelSelector(text) }
        let cmd = request.parameter("cmd")?.lowercased()
        let id = request.parameter("id")?.lowercased()
        let shown = core.apps.values.filter { app in
            (cmd == nil || (app.cmd ?? "").lowercased().contains(cmd ?? ""))
                && (id == nil || app.id.path.contains(id ?? "")) && (selector?.matches(app.labels) ?? true)
        }
        let embed = Embed(request)
        let list = shown.sorted { $0.id.path < $1.id.path }.map {
            core.appInfo($0, tasks: embed.tasks, lastFailure: embed.lastFailure)
        }
        return .json(.ok, .members(["apps": .array(list)]))
    }

    /// `/v2/apps/{id}` and what is below it; ids hold slashes, so that the end of the path tells.
    func app(_ path: String, _ request: HTTPRequest, _ responder: HTTPResponder) throws(APIError) {
        var parts = path.split(separator: "/").map(String.init)
        let last = parts.last ?? ""
        if last == "*" {
            parts.removeLast()
            return try group("/" + parts.joined(separator: "/"), request, responder)
        }
        if let index = parts.lastIndex(of: "tasks"), index > 0, index >= parts.count - 2 {
            let id = "/" + parts[..<index].joined(separator: "/")
            let task = index == parts.count - 1 ? nil : parts[parts.count - 1]
            return try tasks(id, task, request, responder)
        }
        if let index = parts.lastIndex(of: "versions"), index > 0, index >= parts.count - 2 {
            let id = "/" + parts[..<index].joined(separator: "/")
            let version = index == parts.count - 1 ? nil : parts[parts.count - 1]
            return responder.respond(stamped(try versions(id, version, request)))
        }
        if last == "restart", parts.count > 1 {
            try allow(request, ["POST"])
            let id = "/" + parts.dropLast().joined(separator: "/")
            return change(.restart(id: id, force: flag("force", request)), request, responder)
        }
        try one(path, request, responder)
    }

    private func one(_ id: String, _ request: HTTPRequest, _ responder: HTTPResponder) throws(APIError) {
        let force = flag("force", request)
        switch request.method {
        case .GET:
            let app = try known(id)
            let info = core?.appInfo(app, tasks: true, lastFailure: true) ?? .null
            responder.respond(stamped(.json(.ok, .members(["app": info]))))
        case .PUT:
            let replaces = !flag("partialUpdate", request, default: true)
            change(
                .update(id: id, try json(request), replaces: replaces, creates: true, force: force), request, responder)
        case .PATCH:
            change(
                .update(id: id, try json(request), replaces: false, creates: false, force: force), request, responder)
        case .DELETE: change(.delete(id: id, force: flag("force", request, default: true)), request, responder)
        default: throw .message(405, "Method Not Allowed")
        }
    }

    private func known(_ id: String) throws(APIError) -> AppDefinition {
        guard let app = AppID(id).flatMap({ core?.apps[$0] }) else {
            throw .unknownApp(MarathonCore.shown(id))
        }
        return app
    }

    private func group(_ prefix: String, _ request: HTTPRequest, _ responder: HTTPResponder) throws(APIError) {
        try allow(request, ["GET"])
        guard let core else { return }
        let below = core.apps.values.filter { $0.id.path.hasPrefix(prefix == "/" ? "/" : prefix + "/") }
        guard !below.isEmpty else { throw .message(404, "Group '\(prefix)' does not exist") }
        let embed = Embed(request)
        let list = below.sorted { $0.id.path < $1.id.path }.map {
            core.appInfo($0, tasks: embed.tasks, lastFailure: embed.lastFailure)
        }
        responder.respond(stamped(.json(.ok, .members(["*": .array(list)]))))
    }

    private func tasks(
        _ id: String, _ task: String?, _ request: HTTPRequest, _ responder: HTTPResponder
    ) throws(APIError) {
        try allow(request, task == nil ? ["GET", "DELETE"] : ["DELETE"])
        if id.hasSuffix("/*"), task == nil, request.method == .GET {
            return groupTasks(String(id.dropLast(2)), responder)
        }
        let app = try known(id)
        let own = core?.tasks(of: app.id) ?? []
        guard request.method == .DELETE else {
            let list = own.map { TaskView.json($0, app) }
            return responder.respond(stamped(.json(.ok, .members(["tasks": .array(list)]))))
        }
        let (scale, force) = (flag("scale", request), flag("force", request))
        if scale, flag("wipe", request) { throw .message(400, "You cannot use scale and wipe at the same time.") }
        guard let task else {
            let host = request.parameter("host")
            let chosen = own.filter { host == nil || host == "*" || host == $0.host }.map(\.taskID)
            return change(.kill(tasks: chosen, scale: scale, force: force, answer: .list), request, responder)
        }
        guard own.contains(where: { $0.taskID == task || $0.id == task }) else {
            throw .message(404, "Task '\(task)' does not exist")
        }
        let chosen = own.filter { $0.taskID == task || $0.id == task }.map(\.taskID)
        change(.kill(tasks: chosen, scale: scale, force: force, answer: .single), request, responder)
    }

    private func groupTasks(_ group: String, _ responder: HTTPResponder) {
        guard let core else { return }
        let prefix = (group.hasPrefix("/") ? group : "/" + group) + "/"
        let apps = core.apps.values.filter { $0.id.path.hasPrefix(prefix) }.sorted { $0.id.path < $1.id.path }
        let list = apps.flatMap { app in core.tasks(of: app.id).map { TaskView.json($0, app) } }
        responder.respond(stamped(.json(.ok, .members(["tasks": .array(list)]))))
    }

    private func versions(_ id: String, _ version: String?, _ request: HTTPRequest) throws(APIError) -> HTTPResponse {
        try allow(request, ["GET"])
        let app = try known(id)
        let kept = core?.versions[app.id] ?? []
        guard let version else {
            let list = kept.reversed().map { JSON.string($0.version.iso8601) }
            return .json(.ok, .members(["versions": .array(list)]))
        }
        guard let moment = Timestamp(iso8601: version) else {
            throw .message(422, "Invalid timestamp provided '\(version)'. Expecting ISO-8601 datetime string.")
        }
        guard let old = kept.last(where: { $0.version.milliseconds == moment.milliseconds }) else {
            throw .message(404, "App '\(app.id)' does not exist in version \(version)")
        }
        return .json(.ok, old.json)
    }
}

/// What a client wants shown besides the definition (`embed`).
struct Embed {
    let tasks: Bool
    let lastFailure: Bool

    init(_ request: HTTPRequest) {
        let names = request.query.filter { $0.name == "embed" }.map { value in
            value.value.split(separator: ".").last.map(String.init) ?? ""
        }
        tasks = names.contains("tasks") || names.contains("failures")
        lastFailure = names.contains("lastTaskFailure") || names.contains("failures")
    }
}

/// Chooses apps by their labels: `key`, `key==value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`, joined by commas.
struct LabelSelector {
    private enum Term {
        case exists(String)
        case isIn(String, [String])
        case notIn(String, [String])
    }

    private var terms: [Term] = []

    init(_ text: String) throws(APIError) {
        for part in Self.split(text) {
            let term = SmallFile.trimmed(part)
            if let match = term.wholeMatch(of: #/([\w.\-]+)\s*==\s*([\w.\-]+)/#) {
                terms.append(.isIn(String(match.1), [String(match.2)]))
            } else if let match = term.wholeMatch(of: #/([\w.\-]+)\s*!=\s*([\w.\-]+)/#) {
                terms.append(.notIn(String(match.1), [String(match.2)]))
            } else if let match = term.wholeMatch(of: #/([\w.\-]+)\s+(in|notin)\s*\(([^)]*)\)/#) {
                let values = match.3.split(separator: ",").map { SmallFile.trimmed(String($0)) }
                terms.append(match.2 == "in" ? .isIn(String(match.1), values) : .notIn(String(match.1), values))
            } else if term.wholeMatch(of: #/[\w.\-]+/#) != nil {
                terms.append(.exists(term))
            } else {
                throw .message(422, "Can not parse label selector \(text). Reason: '\(term)' is no term")
            }
        }
    }

    /// At commas that are not inside brackets.
    private static func split(_ text: String) -> [String] {
        var parts = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts
    }

    func matches(_ labels: [String: String]) -> Bool {
        terms.allSatisfy { term in
            switch term {
            case .exists(let key): labels[key] != nil
            case .isIn(let key, let values): labels[key].map(values.contains) ?? false
            case .notIn(let key, let values): labels[key].map { !values.contains($0) } ?? false
            }
        }
    }
}
