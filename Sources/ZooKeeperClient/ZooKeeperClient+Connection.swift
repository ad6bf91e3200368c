import NIOCore
import NIOPosix
import ZooKeeperProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension ZooKeeperClient {
    /// Connects to a server; what comes of it is an event.
    func open(_ number: UInt64, _ server: ZooKeeperAddress.Server, _ timeout: TimeAmount) {
        socket(server, timeout) { [self] in ReplyHandler(client: self, number: number) }
            .whenComplete { [self] result in assumeIsolated { $0.opened(number, result) } }
    }

    /// Opens the socket. Whatever stands between it and the frames of the protocol belongs here. There may be a handler
    /// for each address that the server's name has.
    private func socket(
        _ server: ZooKeeperAddress.Server, _ timeout: TimeAmount, _ makeHandler: @escaping @Sendable () -> ReplyHandler
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(makeHandler()) }
            }
            .connect(host: server.host, port: server.port)
            .flatMap { [security] channel in
                security?.secure(channel, host: server.host, timeout: timeout)
                    ?? channel.eventLoop.makeSucceededFuture(channel)
            }
    }

    /// The system's word for why there is no connection, without the event loop's own.
    static func reason(_ error: any Error) -> String {
        if let failure = error as? NIOConnectionError {
            if let attempt = failure.connectionErrors.first { return reason(attempt.error) }
            return "the name has no address"
        }
        guard let failure = error as? IOError else { return "\(error)" }
        return String(cString: strerror(failure.errnoCode))
    }
}

/// Cuts the server's bytes into frames.
private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Real servers send whole child lists in one frame; more than this is no answer of theirs.
    private static let maximumFrame = 64 << 20

    private let client: ZooKeeperClient
    private let number: UInt64
    private var pending = ByteBuffer()

    init(client: ZooKeeperClient, number: UInt64) {
        self.client = client
        self.number = number
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        pending.writeBuffer(&buffer)
        while let length = pending.getInteger(at: pending.readerIndex, as: Int32.self) {
            guard length >= 0, length <= Self.maximumFrame else { return context.close(promise: nil) }
            guard pending.readableBytes >= 4 + Int(length) else { break }
            pending.moveReaderIndex(forwardBy: 4)
            let frame = pending.readBytes(length: Int(length)) ?? []
            client.assumeIsolated { [number] in $0.handle(.received(number, frame)) }
        }
        if pending.readableBytes == 0 { pending.clear() } else { pending.discardReadBytes() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = context.channel
        client.assumeIsolated { [number] in $0.lost(number, channel) }
    }
}
