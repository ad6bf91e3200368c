import Logging
import NIOCore
import NIOPosix
import TransportSecurity

/// The ports that clients come in by, and the keys that protect them. Confined to its event loop.
final class ClientListener {
    /// How often the files of keys and certificates are looked at.
    private static let reloadInterval = TimeAmount.seconds(2)

    private let shell: CoordinatorShell
    private let configuration: CoordinatorConfiguration
    private let eventLoop: any EventLoop
    private let logger = Logger(label: "coordinator")
    private var security: TLSContext?
    private var stamps: [FileStamp?] = []
    private var reload: RepeatedTask?

    init(shell: CoordinatorShell, configuration: CoordinatorConfiguration, eventLoop: any EventLoop) {
        self.shell = shell
        self.configuration = configuration
        self.eventLoop = eventLoop
    }

    /// Uses these keys, and those that the files hold later, for connections from then on.
    func use(_ context: TLSContext, of settings: TLSSettings, stamps: [FileStamp?]) {
        security = context
        self.stamps = stamps
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        reload = eventLoop.scheduleRepeatedAsyncTask(initialDelay: Self.reloadInterval, delay: Self.reloadInterval) {
            _ in
            let known = bound.value.stamps
            return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
                Self.reread(settings, known)
            }.map { bound.value.take($0) }
        }
    }

    func stop() { reload?.cancel() }

    private typealias Reread = (stamps: [FileStamp?], context: Result<TLSContext, TLSError>)

    /// Nil while the files are as they were. The stamps are taken before the files are read: what changes meanwhile is
    /// read the next time.
    private static func reread(_ settings: TLSSettings, _ known: [FileStamp?]) -> Reread? {
        let stamps = settings.stamps
        guard stamps != known else { return nil }
        return (stamps, Result { () throws(TLSError) in try TLSContext(server: settings) })
    }

    private func take(_ files: Reread?) {
        guard let files else { return }
        stamps = files.stamps  // What is wrong with them is said once for each state of the files.
        switch files.context {
        case .success(let context):
            security = context
            logger.notice("read the keys and certificates again: they have changed")
        case .failure(let error):
            logger.error("keys and certificates stay as they were, the new ones cannot be used: \(error)")
        }
    }

    /// Handlers for a new connection.
    func welcome(_ channel: any Channel, isSecure: Bool) throws {
        let pipeline = channel.pipeline.syncOperations
        let client = ClientHandler(shell: shell, maximumFrame: configuration.maximumFrame, isSecure: isSecure)
        guard let security else { return try pipeline.addHandler(client) }
        if isSecure {
            try pipeline.addHandler(TLSHandler(server: security))
        } else if configuration.isUnified {
            try pipeline.addHandler(TLSDetector(security))
        }
        try pipeline.addHandler(client)
    }
}

/// Takes TLS and plain connections on one port: it looks at the first byte, and is gone.
private final class TLSDetector: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The type of a record of the handshake (RFC 8446, section 5.1). A frame of ours does not begin with it: it
    /// would be longer than 300 MiB.
    private static let handshake: UInt8 = 22

    private let security: TLSContext

    init(_ security: TLSContext) { self.security = security }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        do {
            if buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == Self.handshake {
                let handler = try TLSHandler(server: security)
                try context.pipeline.syncOperations.addHandler(handler, position: .after(self))
            }
            context.fireChannelRead(data)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }
}
