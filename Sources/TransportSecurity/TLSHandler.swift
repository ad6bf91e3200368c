import NIOCore

/// The handshake is through: what comes from here on is encrypted. Fired as an inbound user event.
public struct TLSEstablished: Sendable {
    /// Who the other side has proved to be by its certificate; nil when it showed none.
    public let peer: DistinguishedName?
}

/// Encrypts a channel (RFC 8446, RFC 5246) by OpenSSL. Stands first in the pipeline. What is written before the
/// handshake is through waits for it. An error of the other side is fired, and the channel closed.
public final class TLSHandler: ChannelDuplexHandler, RemovableChannelHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    private enum Phase {
        case idle, handshake, established, ended
    }

    /// What one read of a client may be decrypted to at most before the next handler has it.
    private static let readSize = 64 << 10

    private let connection: TLSConnection
    private var phase = Phase.idle
    private var waiting: [(buffer: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var promises: [EventLoopPromise<Void>] = []

    /// A server's side.
    public init(server context: TLSContext) throws(TLSError) {
        connection = try TLSConnection(context, asServer: true, serverName: nil)
    }

    /// A client's side; with a `serverName`, a host or an address, the server's certificate has to be for it.
    public init(client context: TLSContext, serverName: String?) throws(TLSError) {
        connection = try TLSConnection(context, asServer: false, serverName: serverName)
    }

    public func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    public func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    public func channelInactive(context: ChannelHandlerContext) {
        phase = .ended
        fail(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard phase == .idle else { return }
        phase = .handshake
        guarded(context) { try shakeHands(context) }
        flush(context: context)
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .ended else { return }
        let buffer = unwrapInboundIn(data)
        guarded(context) {
            try buffer.withUnsafeReadableBytes { try connection.take($0) }
            if phase == .handshake { try shakeHands(context) }
            if phase == .established { try decrypt(context) }
        }
        drain(context)
    }

    private func shakeHands(_ context: ChannelHandlerContext) throws {
        guard case .isEstablished = try connection.shakeHands() else { return }
        phase = .established
        for write in waiting { try encrypt(write.buffer, write.promise) }
        waiting = []
        context.fireUserInboundEventTriggered(TLSEstablished(peer: connection.peer))
    }

    private func decrypt(_ context: ChannelHandlerContext) throws {
        while phase == .established {
            var buffer = context.channel.allocator.buffer(capacity: Self.readSize)
            var isAtEnd = false
            var hasMore = true
            while hasMore, buffer.writableBytes >= Self.readSize / 2 {
                try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { space in
                    let count = try connection.read(into: space)
                    isAtEnd = count == nil
                    hasMore = (count ?? 0) > 0
                    return count ?? 0
                }
            }
            if buffer.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(buffer)) }
            if isAtEnd { return context.close(promise: nil) }
            if !hasMore { return }
        }
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = unwrapOutboundIn(data)
        switch phase {
        case .ended: promise?.fail(ChannelError.ioOnClosedChannel)
        case .idle, .handshake: waiting.append((buffer, promise))
        case .established: guarded(context) { try encrypt(buffer, promise) }
        }
    }

    private func encrypt(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?) throws {
        if let promise { promises.append(promise) }
        try buffer.withUnsafeReadableBytes { try connection.write($0) }
    }

    public func flush(context: ChannelHandlerContext) { drain(context) }

    /// Sends what is encrypted.
    private func drain(_ context: ChannelHandlerContext) {
        let count = connection.pending
        guard count > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: count)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { connection.drain(into: $0) }
        let written = promises
        promises = []
        guard !written.isEmpty else { return context.writeAndFlush(wrapOutboundOut(buffer), promise: nil) }
        let promise = context.eventLoop.makePromise(of: Void.self)
        for other in written { promise.futureResult.cascade(to: other) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if phase == .established { connection.end() }
        phase = .ended
        drain(context)
        fail(ChannelError.ioOnClosedChannel)
        context.close(mode: mode, promise: promise)
    }

    private func guarded(_ context: ChannelHandlerContext, _ body: () throws -> Void) {
        do {
            try body()
        } catch {
            phase = .ended
            drain(context)  // The alert that tells the other side.
            fail(error)
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func fail(_ error: any Error) {
        let failed = waiting.compactMap(\.promise) + promises
        (waiting, promises) = ([], [])
        for promise in failed { promise.fail(error) }
    }
}
