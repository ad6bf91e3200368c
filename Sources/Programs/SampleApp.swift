import HTTPKit
import JSONText
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The app that `mesos-local --sample` deploys: this program again, answering HTTP.
struct SampleApp {
    let client: HTTPClient
    let marathon: (host: String, port: Int)

    init(group: any EventLoopGroup, marathon: (host: String, port: Int)) {
        client = HTTPClient(group: group)
        self.marathon = marathon
    }

    /// Creates the app by Marathon's REST API, shows how it comes up, and asks it once.
    func deploy() async throws {
        let app = JSON.members([
            "id": "/hello", "cmd": .string("exec \(ProgramPath.own) mesos-hello"), "cpus": 0.1, "mem": 32,
            "instances": 1, "labels": .members(["purpose": "sample"]),
        ])
        try await untilLeading()
        let answer = try await request(.PUT, "/v2/apps/hello?force=true", app)
        guard (200...201).contains(answer.status.code) else {
            throw FlagError("the sample app was refused: \(String(decoding: answer.body, as: UTF8.self))")
        }
        print("Deploying the app /hello ", terminator: "")
        let port = try await untilRunning()
        let hello = try await client.execute(.GET, host: marathon.host, port: port, uri: "/")
        print(
            " running.\nApp          http://\(marathon.host):\(port)/  answers: "
                + SmallFile.trimmed(String(decoding: hello.body, as: UTF8.self)))
    }

    private func request(_ method: HTTPMethod, _ uri: String, _ body: JSON? = nil) async throws -> HTTPResponse {
        try await client.execute(
            method, host: marathon.host, port: marathon.port, uri: uri,
            headers: ["Content-Type": "application/json"], body: body.map { Array($0.text.utf8) } ?? [])
    }

    private func untilLeading() async throws {
        for _ in 0..<300 {
            if try await request(.GET, "/v2/info").status == .ok { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw FlagError("Marathon did not become the leader within 30 seconds")
    }

    private func untilRunning() async throws -> Int {
        for _ in 0..<600 {
            let answer = try await request(.GET, "/v2/apps/hello/tasks")
            let tasks = try JSON(parsing: answer.body).value("tasks")?.array ?? []
            let running = tasks.first { $0.value("state")?.string == "TASK_RUNNING" }
            if let port = running?.value("ports")?.array?.first?.integer.map({ Int($0) }), await isOpen(port) {
                return port
            }
            print(".", terminator: "")
            fflush(nil)
            try await Task.sleep(for: .milliseconds(200))
        }
        throw FlagError("the sample app did not run within two minutes: see /v2/apps/hello at Marathon")
    }

    private func isOpen(_ port: Int) async -> Bool {
        (try? await client.execute(.GET, host: marathon.host, port: port, uri: "/").status == .ok) ?? false
    }
}

/// `mesos-hello`: answers every request on `$PORT0` with a greeting.
enum HelloProgram: HTTPService {
    case service

    static func run(_ arguments: [String]) async throws {
        guard let port = ServiceRun.environment["PORT0"].flatMap({ Int($0) }) else {
            throw FlagError("mesos-hello: the environment variable PORT0 is no port")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await HTTPServer.start(host: "127.0.0.1", port: port, group: group, service: Self.service)
        try await ServiceRun.untilStopped(AsyncStream { _ in }, on: group)
        await server.close()
        try await group.shutdownGracefully()
    }

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let task = ServiceRun.environment["MESOS_TASK_ID"] ?? "nobody"
        responder.respond(.text(.ok, "Hello from \(task)\n"))
    }
}

/// Where this program is.
enum ProgramPath {
    static var own: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static var directory: String { own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } }
}
