import NIOCore
import NIOHTTP1

/// Collects the parts of a request and hands it to the service.
final class HTTPServerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let service: any HTTPService
    private let limits: HTTPServer.Limits
    private let dates: DateHeader
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false

    init(service: any HTTPService, limits: HTTPServer.Limits, dates: DateHeader) {
        self.service = service
        self.limits = limits
        self.dates = dates
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            isTooLarge = false
            if head.headers[canonicalForm: "expect"].contains("100-continue") {
                let goOn = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(goOn)), promise: nil)
            }
        case .body(let buffer):
            guard body.count + buffer.readableBytes <= limits.bodySize else {
                isTooLarge = true
                body = []
                return
            }
            if !isTooLarge { body.append(contentsOf: buffer.readableBytesView) }
        case .end:
            finish(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func finish(_ context: ChannelHandlerContext) {
        guard let head else { return }
        let responder = HTTPResponder(channel: context.channel, requestHead: head, date: { [dates] in dates.text })
        self.head = nil
        let content = body
        body = []
        guard !isTooLarge else {
            let text = "The request body is larger than \(limits.bodySize) bytes"
            return responder.respond(.text(.payloadTooLarge, text))
        }
        service.handle(
            HTTPRequest(
                method: head.method, uri: head.uri, version: head.version, headers: head.headers, body: content,
                remoteAddress: context.remoteAddress?.ipAddress ?? ""),
            responder)
    }
}
