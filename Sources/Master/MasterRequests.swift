import HTTPKit
import JSONText
import Libprocess
import MesosProtocol
import NIOCore
import NIOHTTP1
import ServiceKit

/// Answers a master's HTTP requests, on the master's own event loop.
struct MasterRequests: HTTPService {
    let master: MasterService

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        master.assumeIsolated { master in
            if let message = LibprocessMessage(request) {
                master.handle(.message(message))
                return responder.respond(HTTPResponse(.accepted))
            }
            if let response = master.respond(to: request, responder) { responder.respond(response) }
        }
    }
}

extension MasterService {
    /// Where a path leads: without double and trailing slashes and without the actor's name.
    static func route(_ path: String) -> String {
        let parts = path.split(separator: "/")
        let isPrefixed = parts.first == "master" && parts.count > 1
        return "/" + (isPrefixed ? parts.dropFirst() : parts[...]).joined(separator: "/")
    }

    /// Paths that every master answers, leading or not.
    private static let local: Set<String> = [
        "/", "/health", "/flags", "/version", "/metrics/snapshot", "/redirect", "/system/stats.json",
    ]

    /// Nil when the responder was used for a stream.
    func respond(to request: HTTPRequest, _ responder: HTTPResponder) -> HTTPResponse? {
        let route = Self.route(request.path)
        if let asset = WebPages.master.response(to: route, request) { return asset }
        guard Self.routes.contains(route) else { return .text(.notFound, "404 Not Found.") }
        if !Self.local.contains(route), core == nil { return redirect(to: request) }
        if route == "/api/v1/scheduler" { return schedulerCall(request, responder) }
        return page(route, request)
    }

    private static let routes: Set<String> = local.union([
        "/state", "/state-summary", "/slaves", "/frameworks", "/tasks", "/teardown", "/api/v1/scheduler",
    ])

    /// To the leader, on the page asked for; schedulers and browsers follow it.
    private func redirect(to request: HTTPRequest) -> HTTPResponse {
        guard let leader, leader.id != info.id else { return .text(.serviceUnavailable, "No leader elected") }
        let query = request.rawQuery.map { "?\($0)" } ?? ""
        let location = "//\(leader.hostname ?? ""):\(leader.port)\(request.rawPath)\(query)"
        return HTTPResponse(.temporaryRedirect, headers: ["Location": location])
    }

    private func page(_ route: String, _ request: HTTPRequest) -> HTTPResponse {
        switch route {
        case "/health": return HTTPResponse(.ok)
        case "/redirect":
            guard let leader else { return .text(.serviceUnavailable, "No leader elected") }
            return HTTPResponse(
                .temporaryRedirect, headers: ["Location": "//\(leader.hostname ?? ""):\(leader.port)"])
        case "/teardown": return teardown(request)
        case "/flags", "/version", "/metrics/snapshot", "/system/stats.json": return json(small(route), request)
        default: return json(large(route, request), request)
        }
    }

    private func small(_ route: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        switch route {
        case "/flags":
            writer.name("flags")
            writer.flagsObject(flags)
        case "/version": writer.versionFields()
        case "/system/stats.json":
            let loads = SystemLoad.averages
            writer.field("avg_load_1min", loads[0])
            writer.field("avg_load_5min", loads[1])
            writer.field("avg_load_15min", loads[2])
            writer.field("cpus_total", SystemLoad.processors)
            writer.field("mem_total_bytes", Int(SystemLoad.memory.total))
            writer.field("mem_free_bytes", Int(SystemLoad.memory.free))
        default:
            for (name, value) in MetricsPage(core: core, startedAt: startedAt, now: clock.now).values {
                writer.field(name, value)
            }
        }
        writer.endObject()
        return writer.bytes
    }

    private func large(_ route: String, _ request: HTTPRequest) -> [UInt8] {
        guard let core else { return [] }
        let pages = StatePages(core: core, flags: flags, startedAt: startedAt)
        switch route {
        case "/slaves": return pages.slaves(only: request.parameter("slave_id"))
        case "/frameworks": return pages.frameworks(only: request.parameter("framework_id"))
        case "/state-summary": return pages.summary()
        case "/tasks":
            return pages.tasks(
                limit: request.parameter("limit").flatMap { Int($0) }.map { max(0, $0) } ?? 100,
                offset: request.parameter("offset").flatMap { Int($0) }.map { max(0, $0) } ?? 0,
                ascending: request.parameter("order") == "asc", framework: request.parameter("framework_id"),
                task: request.parameter("task_id"))
        default: return pages.state()
        }
    }

    /// JSON, or a script that calls a function with it (`jsonp`).
    private func json(_ bytes: [UInt8], _ request: HTTPRequest) -> HTTPResponse {
        guard let function = request.parameter("jsonp") else { return .json(.ok, bytes) }
        let isName = function.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || $0.properties.numericType != nil
                    || "_$.[]".unicodeScalars.contains($0))
        }
        guard isName else { return .text(.badRequest, "The 'jsonp' parameter is no name of a function") }
        return HTTPResponse(
            .ok, headers: ["Content-Type": "text/javascript"],
            body: Array("\(function)(".utf8) + bytes + Array(")".utf8))
    }

    private func teardown(_ request: HTTPRequest) -> HTTPResponse {
        guard request.method == .POST else { return .methodNotAllowed(request.method, allowed: ["POST"]) }
        guard let id = request.form.first(where: { $0.name == "frameworkId" })?.value else {
            return .text(.badRequest, "Missing 'frameworkId' query parameter in the request body")
        }
        guard core?.frameworks[Mesos.FrameworkID(id)] != nil else {
            return .text(.badRequest, "No framework found with specified ID")
        }
        handle(.teardown(Mesos.FrameworkID(id)))
        return HTTPResponse(.ok)
    }
}

extension MasterService {
    private func schedulerCall(_ request: HTTPRequest, _ responder: HTTPResponder) -> HTTPResponse? {
        guard request.method == .POST else { return .methodNotAllowed(request.method, allowed: ["POST"]) }
        guard let type = request.headers.first(name: "Content-Type") else {
            return .text(.badRequest, "Expecting 'Content-Type' to be present")
        }
        let call: SchedulerAPI.Call
        switch CallDecoding.decode(SchedulerAPI.Call.self, type: type, body: request.body) {
        case .success(let decoded): call = decoded
        case .failure(let refusal): return refusal.response
        }
        if let complaint = CallValidation.complaint(about: call) {
            return .text(.badRequest, "Failed to validate scheduler::Call: \(complaint)")
        }
        let streamID = request.headers.first(name: "Mesos-Stream-Id")
        guard call.type == .subscribe else { return self.call(call, stream: streamID) }
        guard streamID == nil else {
            return .text(.badRequest, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
        }
        guard let isJSON = CallDecoding.acceptsJSON(request.headers) else {
            return .text(
                .notAcceptable, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")
        }
        let id = UUIDText.random()
        let body = responder.stream(
            .ok,
            headers: [
                "Content-Type": isJSON ? "application/json" : "application/x-protobuf", "Mesos-Stream-Id": id,
            ])
        body.onClose { [self] in assumeIsolated { $0.closed(id) } }
        open(SchedulerStream(id: id, isJSON: isJSON, body: body), call)
        return nil
    }
}
