import MesosProtocol
import NIOCore
import NIOPosix

/// Sends messages to actors of other processes, over one connection for each of them that is opened when needed and
/// kept. Confined to one event loop.
public final class LibprocessSender {
    /// More unsent bytes to one process than this: it does not read, its connection is cut.
    private static let maximumUnsent = 64 << 20

    private let eventLoop: any EventLoop
    private let onExit: @Sendable (String) -> Void
    private var connections: [String: Connection] = [:]

    private final class Connection {
        var channel: (any Channel)?
        var waiting: [ByteBuffer] = []
        var unsent = 0
    }

    /// `onExit` is called on the event loop with the `ip:port` of a process whose connection broke or could not be
    /// opened; what was queued for it is lost.
    public init(eventLoop: any EventLoop, onExit: @escaping @Sendable (String) -> Void) {
        self.eventLoop = eventLoop
        self.onExit = onExit
    }

    public func send<M: ProtoMessage>(_ message: M, from sender: UPID, to receiver: UPID) {
        send(name: M.messageName, body: message.protobuf, from: sender, to: receiver)
    }

    public func send(name: String, body: [UInt8], from sender: UPID, to receiver: UPID) {
        eventLoop.preconditionInEventLoop()
        let bytes = Self.request(name: name, body: body, from: sender, to: receiver)
        let connection = connection(to: receiver)
        connection.unsent += bytes.readableBytes
        guard connection.unsent <= Self.maximumUnsent else {
            connection.channel?.close(promise: nil)
            return
        }
        if let channel = connection.channel {
            write(bytes, on: channel, of: connection)
        } else {
            connection.waiting.append(bytes)
        }
    }

    /// Opens the connection ahead of the first message, so that its loss is noticed (libprocess's `link`).
    public func link(_ actor: UPID) { _ = connection(to: actor) }

    public func closeAll() {
        for connection in connections.values { connection.channel?.close(promise: nil) }
        connections = [:]
    }

    /// The bytes that libprocess itself sends, down to the empty `Host`.
    static func request(name: String, body: [UInt8], from sender: UPID, to receiver: UPID) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeString(
            "POST /\(receiver.id)/\(name) HTTP/1.1\r\nUser-Agent: libprocess/\(sender)\r\n"
                + "Libprocess-From: \(sender)\r\nConnection: Keep-Alive\r\nHost: \r\n")
        if body.isEmpty {
            buffer.writeString("\r\n")
        } else {
            buffer.writeString("Transfer-Encoding: chunked\r\n\r\n\(String(body.count, radix: 16))\r\n")
            buffer.writeBytes(body)
            buffer.writeString("\r\n0\r\n\r\n")
        }
        return buffer
    }

    private func connection(to actor: UPID) -> Connection {
        if let known = connections[actor.address] { return known }
        let connection = Connection()
        connections[actor.address] = connection
        let bound = NIOLoopBound((self, connection), eventLoop: eventLoop)
        let address = actor.address
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DiscardAnswers())
                }
            }
            .connect(host: actor.ip, port: actor.port)
            .whenComplete { result in
                let (sender, connection) = bound.value
                switch result {
                case .success(let channel): sender.opened(channel, connection, address)
                case .failure: sender.lost(connection, address)
                }
            }
        return connection
    }

    private func opened(_ channel: any Channel, _ connection: Connection, _ address: String) {
        guard connections[address] === connection else {
            channel.close(promise: nil)
            return
        }
        connection.channel = channel
        let bound = NIOLoopBound((self, connection), eventLoop: eventLoop)
        channel.closeFuture.whenComplete { _ in bound.value.0.lost(bound.value.1, address) }
        for bytes in connection.waiting { write(bytes, on: channel, of: connection) }
        connection.waiting = []
    }

    private func write(_ bytes: ByteBuffer, on channel: any Channel, of connection: Connection) {
        let bound = NIOLoopBound(connection, eventLoop: eventLoop)
        let count = bytes.readableBytes
        channel.writeAndFlush(bytes).whenComplete { _ in bound.value.unsent -= count }
    }

    private func lost(_ connection: Connection, _ address: String) {
        guard connections[address] === connection else { return }
        connections[address] = nil
        onExit(address)
    }
}

/// Answers to messages say nothing; only the end of the connection is news.
private final class DiscardAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
