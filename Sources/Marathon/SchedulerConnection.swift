import HTTPKit
import Logging
import MesosProtocol
import NIOCore
import NIOHTTP1
import ServiceKit
import ZooKeeperClient

/// Marathon's side of the v1 scheduler API: one event stream, and calls in their order.
actor SchedulerConnection {
    enum Event: Sendable {
        case subscribed(SchedulerAPI.Event.Subscribed)
        case event(SchedulerAPI.Event)
    }

    /// A master that is not in office, or not yet: another one may be, or nobody.
    struct NotLeading: Error, CustomStringConvertible {
        let master: String
        var description: String { "\(master) does not lead" }
    }

    private let client: HTTPClient
    private let logger = Logger(label: "scheduler")
    private var master: (host: String, port: Int)?
    private var streamID: String?
    private var stream: HTTPAnswerStream?

    init(group: any EventLoopGroup) { client = HTTPClient(group: group) }

    /// Subscribes and yields events until the stream ends, or the task is cancelled, then returns.
    func run(
        master: (host: String, port: Int), framework: Mesos.FrameworkInfo,
        _ yield: @Sendable (Event) async -> Void
    ) async throws {
        let call = SchedulerAPI.Call.with {
            $0.type = .subscribe
            $0.frameworkID = framework.id
            $0.subscribe = .with { $0.frameworkInfo = framework }
        }
        let answer = try await client.stream(
            .POST, host: master.host, port: master.port, uri: "/api/v1/scheduler",
            headers: ["Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"],
            body: call.protobuf)
        defer { answer.close() }
        if [307, 503].contains(answer.status.code) { throw NotLeading(master: "\(master.host):\(master.port)") }
        guard answer.status == .ok, let id = answer.headers.first(name: "Mesos-Stream-Id") else {
            throw HTTPClientError.malformed("the master answered \(answer.status.code) to SUBSCRIBE")
        }
        self.master = master
        streamID = id
        stream = answer
        defer {
            streamID = nil
            stream = nil
        }
        var parser = RecordIO.Parser()
        for try await bytes in answer.body {
            for record in try parser.feed(bytes) {
                let event = try SchedulerAPI.Event(protobuf: record)
                if event.type == .subscribed, let subscribed = event.subscribed {
                    await yield(.subscribed(subscribed))
                } else {
                    await yield(.event(event))
                }
            }
        }
    }

    /// Sends a call over a connection of its own; a failure means that the stream is about to end too.
    func send(_ call: SchedulerAPI.Call) async {
        guard let master, let streamID, let stream else { return }
        do {
            let answer = try await client.execute(
                .POST, host: master.host, port: master.port, uri: "/api/v1/scheduler",
                headers: ["Content-Type": "application/x-protobuf", "Mesos-Stream-Id": streamID],
                body: call.protobuf, timeout: .seconds(10))
            guard answer.status == .accepted else {
                let text = String(decoding: answer.body.prefix(500), as: UTF8.self)
                logger.warning("the master answered \(answer.status.code) to \(call.type?.name ?? "a call"): \(text)")
                return
            }
        } catch {
            guard !Task.isCancelled else { return }  // It is Marathon that ends.
            logger.warning("\(call.type?.name ?? "a call") did not reach the master: \(error)")
            stream.close()
        }
    }

    func close() { stream?.close() }
}
