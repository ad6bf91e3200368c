import NIOCore
import TransportSecurity
import ZooKeeperProtocol

/// Takes a client's bytes apart into frames. The first four bytes may be a four-letter word instead.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A connection that has not asked for a session by then is ended (ZooKeeper's sessionlessCnxnTimeout).
    private static let silenceLimit = TimeAmount.seconds(10)
    private static let readingTime = TimeAmount.milliseconds(500)

    private let shell: CoordinatorShell
    private let maximumFrame: Int
    private let isSecure: Bool
    private var identities: Set<Identity> = []
    private var id: ConnectionID?
    private var pending = ByteBuffer()
    private var isFirst = true
    private var isPaused = false

    init(shell: CoordinatorShell, maximumFrame: Int, isSecure: Bool = false) {
        self.shell = shell
        self.maximumFrame = maximumFrame
        self.isSecure = isSecure
    }

    func channelActive(context: ChannelHandlerContext) {
        id = shell.connected(context.channel, isSecure: isSecure)
        guard id != nil else { return context.close(promise: nil) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.silenceLimit) {
            guard bound.value.0.isFirst else { return }
            // On a busy server it may have said something that is not read yet.
            bound.value.1.eventLoop.scheduleTask(in: Self.readingTime) {
                if bound.value.0.isFirst { bound.value.1.close(promise: nil) }
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let id { shell.disconnected(id) }
        shell.flush()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let established = event as? TLSEstablished, let id {
            identities = shell.secured(id, by: established.peer)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        if pending.readableBytes == 0 { pending = buffer } else { pending.writeBuffer(&buffer) }
        if !isPaused { takeFrames(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { shell.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if let id, context.channel.isWritable { shell.becameWritable(id) }
    }

    private func takeFrames(_ context: ChannelHandlerContext) {
        while let id, let length = pending.getInteger(at: pending.readerIndex, as: Int32.self) {
            if isFirst, let word = Self.word(length) { return answer(word, context) }
            guard length >= 0, length <= maximumFrame else { return context.close(promise: nil) }
            guard pending.readableBytes >= 4 + Int(length) else { break }
            pending.moveReaderIndex(forwardBy: 4)
            let frame = pending.readBytes(length: Int(length)) ?? []
            let first = isFirst
            isFirst = false
            shell.received(id, frame, isFirst: first, identities: identities)
            if isClogged(id, context) { return }
        }
        if pending.readableBytes == 0 { pending.clear() } else { pending.discardReadBytes() }
    }

    /// Stops reading from a client whose requests must wait, until they need not.
    private func isClogged(_ id: ConnectionID, _ context: ChannelHandlerContext) -> Bool {
        let isClogged = shell.isClogged(id) { [self] in
            isPaused = false
            context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
            takeFrames(context)
            shell.flush()
        }
        if isClogged {
            isPaused = true
            context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        }
        return isClogged
    }

    /// The four bytes as lower-case letters, if they are; as a length they would be far above any limit.
    private static func word(_ length: Int32) -> String? {
        let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> Int32($0)) }
        guard bytes.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func answer(_ word: String, _ context: ChannelHandlerContext) {
        // It is no request of a session: what follows it is of no interest.
        isFirst = false
        isPaused = true
        pending.clear()
        guard let answer = shell.answer(word) else { return context.close(promise: nil) }
        let channel = context.channel
        channel.setOption(.autoRead, value: false).whenFailure { _ in }
        // Not to be kept by who asks for a long answer and does not read it.
        channel.eventLoop.scheduleTask(in: Self.silenceLimit) { channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer(string: answer)).whenComplete { _ in channel.close(promise: nil) }
    }
}
