import NIOCore
import NIOHTTP1

/// Answers one request: exactly one of `respond` and `stream` is called, from any thread.
public struct HTTPResponder: Sendable {
    let channel: any Channel
    let requestHead: HTTPRequestHead
    let date: @Sendable () -> String

    public var eventLoop: any EventLoop { channel.eventLoop }

    public func respond(_ response: HTTPResponse) {
        var headers = response.headers
        let hasBody = response.status.mayHaveResponseBody
        if hasBody { headers.replaceOrAdd(name: "Content-Length", value: String(response.body.count)) }
        write(head: response.status, headers)
        if hasBody, requestHead.method != .HEAD, !response.body.isEmpty {
            channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: response.body))), promise: nil)
        }
        finish()
    }

    /// Starts an answer whose body is written piece by piece.
    public func stream(_ status: HTTPResponseStatus, headers: HTTPHeaders) -> HTTPBodyStream {
        var headers = headers
        headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
        write(head: status, headers)
        channel.flush()
        return HTTPBodyStream(channel: channel, finish: finish)
    }

    private func write(head status: HTTPResponseStatus, _ headers: HTTPHeaders) {
        var headers = headers
        headers.add(name: "Date", value: date())
        if !requestHead.isKeepAlive { headers.replaceOrAdd(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
    }

    private func finish() {
        let written = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        if !requestHead.isKeepAlive { written.whenComplete { [channel] _ in channel.close(promise: nil) } }
    }
}

/// The body of an answer that goes on: an event stream.
public final class HTTPBodyStream: Sendable {
    /// A reader that leaves more than this unread is cut off, so that it cannot fill the memory.
    public static let maximumUnread = 64 << 20

    private let channel: any Channel
    private let finish: @Sendable () -> Void
    private let unread = SharedCount()

    init(channel: any Channel, finish: @escaping @Sendable () -> Void) {
        self.channel = channel
        self.finish = finish
    }

    /// Sends bytes at once.
    public func write(_ bytes: [UInt8]) {
        guard unread.add(bytes.count) <= Self.maximumUnread else {
            channel.close(promise: nil)
            return
        }
        let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes)))
        channel.writeAndFlush(part).whenComplete { [unread] _ in _ = unread.add(-bytes.count) }
    }

    public func end() { finish() }

    /// Cuts the connection without the end of the body.
    public func abort() { channel.close(promise: nil) }

    /// Calls back on the connection's event loop when it is gone, for whatever reason.
    public func onClose(_ body: @escaping @Sendable () -> Void) {
        channel.closeFuture.whenComplete { _ in body() }
    }
}
