import HTTPKit
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The service of the server tests: what it answers depends on the path.
final class EchoService: HTTPService {
    private let streams = Mutex<[HTTPBodyStream]>([])
    let opened: AsyncStream<HTTPBodyStream>
    let closed: AsyncStream<Void>
    private let opening: AsyncStream<HTTPBodyStream>.Continuation
    private let closing: AsyncStream<Void>.Continuation

    init() {
        (opened, opening) = AsyncStream.makeStream()
        (closed, closing) = AsyncStream.makeStream()
    }

    func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        switch request.path {
        case "/stream": stream(responder)
        case "/silence": break
        case "/later":
            Task { responder.respond(.text(.ok, "later \(request.rawQuery ?? "")")) }
        default: responder.respond(echo(request))
        }
    }

    private func echo(_ request: HTTPRequest) -> HTTPResponse {
        HTTPResponse(
            .ok,
            headers: [
                "X-Method": request.method.rawValue, "X-Path": request.path, "X-Query": request.rawQuery ?? "-",
                "X-Host": request.headers.first(name: "Host") ?? "-", "X-Remote": request.remoteAddress,
            ], body: request.body)
    }

    private func stream(_ responder: HTTPResponder) {
        let body = responder.stream(.ok, headers: ["Content-Type": "text/event-stream"])
        body.onClose { [closing] in closing.yield() }
        streams.withLock { $0.append(body) }
        opening.yield(body)
    }
}

/// A started server on a port of the kernel's choice, closed after the test.
func withServer<R>(
    limits: HTTPServer.Limits = HTTPServer.Limits(),
    _ body: (HTTPServer, EchoService, HTTPClient) async throws -> R
) async throws -> R {
    let group = MultiThreadedEventLoopGroup.singleton
    let service = EchoService()
    let server = try await HTTPServer.start(host: "127.0.0.1", port: 0, group: group, limits: limits, service: service)
    do {
        let result = try await body(server, service, HTTPClient(group: group))
        await server.close()
        return result
    } catch {
        await server.close()
        throw error
    }
}

/// Sends bytes as they are and returns what comes back, up to the end of the connection or until `isEnough`.
func exchange(_ port: Int, _ text: String, isEnough: @escaping (String) -> Bool = { _ in false }) async throws -> String
{
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
    return try await channel.executeThenClose { inbound, outbound in
        try await outbound.write(ByteBuffer(string: text))
        var received = ""
        for try await piece in inbound {
            received += String(buffer: piece)
            if isEnough(received) { break }
        }
        return received
    }
}

extension String {
    /// How often a text occurs.
    func occurrences(of text: String) -> Int { ranges(of: text).count }
}
