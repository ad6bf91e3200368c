import NIOCore
import NIOHTTP1
import NIOPosix

/// Why a request got no answer.
public enum HTTPClientError: Error, Sendable, CustomStringConvertible {
    case connect(host: String, port: Int, reason: String)
    case closed
    case timeout
    case malformed(String)

    public var description: String {
        switch self {
        case .connect(let host, let port, let reason): "cannot connect to \(host):\(port): \(reason)"
        case .closed: "the connection was closed before the answer"
        case .timeout: "no answer in time"
        case .malformed(let reason): "malformed answer: \(reason)"
        }
    }
}

/// Makes HTTP/1.1 requests, each over a connection of its own.
public struct HTTPClient: Sendable {
    /// A larger answer is refused.
    public static let maximumAnswer = 256 << 20

    private let group: any EventLoopGroup
    private let connectTimeout: TimeAmount

    public init(group: any EventLoopGroup, connectTimeout: TimeAmount = .seconds(5)) {
        self.group = group
        self.connectTimeout = connectTimeout
    }

    /// A request and its whole answer, within the timeout.
    public func execute(
        _ method: HTTPMethod, host: String, port: Int, uri: String, headers: HTTPHeaders = [:], body: [UInt8] = [],
        timeout: TimeAmount = .seconds(30)
    ) async throws -> HTTPResponse {
        let opened = try await open(method, host: host, port: port, uri: uri, headers: headers, body: body)
        let deadline = opened.channel.eventLoop.scheduleTask(in: timeout) { [channel = opened.channel] in
            channel.pipeline.fireErrorCaught(HTTPClientError.timeout)
            channel.close(promise: nil)
        }
        defer {
            deadline.cancel()
            opened.channel.close(promise: nil)
        }
        var response: HTTPResponse?
        for try await part in opened.parts {
            switch part {
            case .head(let head): response = HTTPResponse(head.status, headers: head.headers)
            case .body(let bytes):
                response?.body.append(contentsOf: bytes)
                guard response.map({ $0.body.count <= Self.maximumAnswer }) ?? true else {
                    throw HTTPClientError.malformed("longer than \(Self.maximumAnswer) bytes")
                }
            }
        }
        guard let response else { throw HTTPClientError.closed }
        return response
    }

    /// A request whose answer goes on: its head and the pieces of its body. The connection lives as long as the
    /// stream is read, or until `close`.
    public func stream(
        _ method: HTTPMethod, host: String, port: Int, uri: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) async throws -> HTTPAnswerStream {
        let opened = try await open(method, host: host, port: port, uri: uri, headers: headers, body: body)
        var iterator = opened.parts.makeAsyncIterator()
        guard case .head(let head)? = try await iterator.next() else {
            opened.channel.close(promise: nil)
            throw HTTPClientError.closed
        }
        return HTTPAnswerStream(
            status: head.status, headers: head.headers, parts: opened.parts, channel: opened.channel)
    }

    private func open(
        _ method: HTTPMethod, host: String, port: Int, uri: String, headers: HTTPHeaders, body: [UInt8]
    ) async throws -> (channel: any Channel, parts: AsyncThrowingStream<HTTPAnswerPart, any Error>) {
        let (parts, continuation) = AsyncThrowingStream<HTTPAnswerPart, any Error>.makeStream()
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .connectTimeout(connectTimeout)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(HTTPAnswerHandler(continuation: continuation))
                    }
                }
                .connect(host: host, port: port).get()
        } catch {
            throw HTTPClientError.connect(host: host, port: port, reason: "\(error)")
        }
        continuation.onTermination = { [channel] _ in channel.close(promise: nil) }
        var headers = headers
        headers.replaceOrAdd(name: "Host", value: "\(host):\(port)")
        if !body.isEmpty || method == .POST || method == .PUT {
            headers.replaceOrAdd(name: "Content-Length", value: String(body.count))
        }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if !body.isEmpty {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return (channel, parts)
    }
}

/// A piece of an answer.
public enum HTTPAnswerPart: Sendable {
    case head(HTTPResponseHead)
    case body([UInt8])
}

/// An answer that is still coming.
public struct HTTPAnswerStream: Sendable {
    public let status: HTTPResponseStatus
    public let headers: HTTPHeaders
    let parts: AsyncThrowingStream<HTTPAnswerPart, any Error>
    let channel: any Channel

    /// The pieces of the body, in the sizes the network brings them.
    public var body: AsyncThrowingCompactMapSequence<AsyncThrowingStream<HTTPAnswerPart, any Error>, [UInt8]> {
        parts.compactMap { part throws -> [UInt8]? in
            guard case .body(let bytes) = part else { return nil }
            return bytes
        }
    }

    public func close() { channel.close(promise: nil) }
}

private final class HTTPAnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let continuation: AsyncThrowingStream<HTTPAnswerPart, any Error>.Continuation

    init(continuation: AsyncThrowingStream<HTTPAnswerPart, any Error>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head) where head.status.code >= 200: continuation.yield(.head(head))
        case .head: break
        case .body(let buffer): continuation.yield(.body(Array(buffer.readableBytesView)))
        case .end: continuation.finish()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        continuation.finish(throwing: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish(throwing: HTTPClientError.closed)
    }
}
