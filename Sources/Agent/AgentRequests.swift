import HTTPKit
import JSONText
import Libprocess
import MesosProtocol
import NIOHTTP1
import ServiceKit

/// Answers an agent's HTTP requests, on the agent's own event loop.
struct AgentRequests: HTTPService {
    let agent: AgentService

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        agent.assumeIsolated { agent in
            if let message = LibprocessMessage(request) {
                agent.handle(.message(message))
                return responder.respond(HTTPResponse(.accepted))
            }
            agent.respond(to: request, responder)
        }
    }
}

extension AgentService {
    /// Where a path leads: without double and trailing slashes and without the actor's name.
    static func route(_ path: String) -> String {
        let parts = path.split(separator: "/")
        let isPrefixed = parts.first == "slave(1)" && parts.count > 1
        return "/" + (isPrefixed ? parts.dropFirst() : parts[...]).joined(separator: "/")
    }

    func respond(to request: HTTPRequest, _ responder: HTTPResponder) {
        let route = Self.route(request.path)
        switch route {
        case "/health": responder.respond(HTTPResponse(.ok))
        case "/state", "/flags", "/version", "/metrics/snapshot", "/system/stats.json":
            responder.respond(AgentPages.json(page(route), request))
        case "/containers", "/monitor/statistics": statistics(route, request, responder)
        case "/files/browse", "/files/read", "/files/download":
            files(String(route.dropFirst("/files/".count)), request, responder)
        case "/files/debug": responder.respond(AgentPages.json(fileMap, request))
        default: responder.respond(.text(.notFound, "404 Not Found."))
        }
    }

    private func page(_ route: String) -> [UInt8] {
        guard let core else { return Array("{}".utf8) }
        let pages = AgentPages(
            core: core, flags: flags, startedAt: startedAt, now: clock.now, masterHostname: masterHostname)
        switch route {
        case "/state": return pages.state()
        case "/metrics/snapshot": return pages.metrics()
        default: return pages.small(route)
        }
    }

    /// What the running containers use; asking for it takes time, so the answer comes later.
    private func statistics(_ route: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        let wanted = request.parameter("container_id")
        let tasks = (core?.tasks.values.filter { $0.phase == .running || $0.phase == .stopping } ?? [])
            .filter { wanted == nil || wanted == $0.containerID }.sorted { $0.containerID < $1.containerID }
        let directories = tasks.map { stateDirectory($0.containerID) }
        let isFull = route == "/containers"
        add { [host] in
            var writer = JSONWriter()
            writer.beginArray()
            for (task, directory) in zip(tasks, directories) {
                let usage = await host.usage(task.containerID, directory)
                writer.container(task, usage, isFull: isFull)
            }
            writer.endArray()
            responder.respond(AgentPages.json(writer.bytes, request))
        }
    }

    /// Sandboxes by the paths that clients know them by.
    private var sandboxes: [String: String] {
        guard let core else { return [:] }
        var roots: [String: String] = [:]
        for task in Array(core.tasks.values) + core.completed where !task.containerID.isEmpty {
            let path = core.sandbox(task)
            roots[path] = path
            let runs = path.split(separator: "/").dropLast().joined(separator: "/")
            roots["/\(runs)/latest"] = path
            let short = "/frameworks/\(task.key.framework.value)/executors/\(task.key.task.value)/runs/latest"
            roots[short] = path
        }
        return roots
    }

    private var fileMap: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for (path, real) in sandboxes.sorted(by: { $0.key < $1.key }) { writer.field(path, real) }
        writer.endObject()
        return writer.bytes
    }

    private func files(_ operation: String, _ request: HTTPRequest, _ responder: HTTPResponder) {
        guard let path = request.parameter("path"), !path.isEmpty else {
            return responder.respond(.text(.badRequest, "Expecting 'path=value' in query.\n"))
        }
        let isNumeric = ["offset", "length"].allSatisfy { name in request.parameter(name).map { Int($0) != nil } ?? true
        }
        guard isNumeric else {
            return responder.respond(.text(.badRequest, "Failed to parse offset or length: expected a whole number"))
        }
        let files = SandboxFiles(roots: sandboxes)
        add {
            switch operation {
            case "browse": responder.respond(files.browse(path, request))
            case "read": responder.respond(files.read(path, request))
            default: responder.respond(files.download(path))
            }
        }
    }
}
