import NIOCore
import NIOPosix
import ZooKeeperProtocol

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension ZooKeeperClient {
    func connect() {
        guard !isClosed else { return }
        let server = address.servers[nextServer % address.servers.count]
        nextServer += 1
        serverName = "\(server.host):\(server.port)"
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.milliseconds(max(500, Int64(requestedTimeout) / Int64(address.servers.count + 1))))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReplyHandler(client: self))
                }
            }
            .connect(host: server.host, port: server.port)
            .whenComplete { [self] result in
                assumeIsolated { client in
                    switch result {
                    case .success(let channel): client.connected(channel)
                    case .failure(let error):
                        client.report(.unreachable, "\(client.serverName): \(Self.reason(error))")
                        client.retryLater()
                    }
                }
            }
    }

    /// The system's word for why there is no connection, without the event loop's own.
    private static func reason(_ error: any Error) -> String {
        if let failure = error as? NIOConnectionError {
            if let attempt = failure.connectionErrors.first { return reason(attempt.error) }
            return "the name has no address"
        }
        guard let failure = error as? IOError else { return "\(error)" }
        return String(cString: strerror(failure.errnoCode))
    }

    private func connected(_ channel: any Channel) {
        guard !isClosed else {
            channel.close(promise: nil)
            return
        }
        self.channel = channel
        lastHeard = .now()
        var request = ConnectRequest()
        request.lastZxidSeen = lastZxid
        request.timeout = requestedTimeout
        request.sessionID = session.sessionID
        request.password = session.password
        request.readOnly = false
        var writer = JuteWriter()
        request.write(to: &writer)
        channel.writeAndFlush(ByteBuffer(bytes: writer.frame), promise: nil)
        schedulePings(every: max(100, Int64(requestedTimeout) / 3))
    }

    /// Backs off with chance in it, so that many clients do not come back in one moment.
    private func retryLater() {
        guard !isClosed else { return }
        attempt += 1
        let limit = min(2000, 50 << min(attempt, 6))
        let delay = TimeAmount.milliseconds(Int64.random(in: Int64(limit / 2)...Int64(limit)))
        eventLoop.scheduleTask(in: delay) { [self] in assumeIsolated { $0.connect() } }
    }

    private func schedulePings(every milliseconds: Int64) {
        pinger?.cancel()
        let interval = TimeAmount.milliseconds(milliseconds)
        pinger = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [self] _ in
            assumeIsolated { $0.ping(silenceLimit: interval * 2) }
        }
    }

    private func ping(silenceLimit: TimeAmount) {
        guard let channel else { return }
        guard NIODeadline.now() - lastHeard <= silenceLimit + .milliseconds(50) else {
            channel.close(promise: nil)
            return
        }
        guard isEstablished else { return }
        var writer = JuteWriter()
        writer.int(ReservedXID.ping)
        writer.int(OperationCode.ping.rawValue)
        channel.writeAndFlush(ByteBuffer(bytes: writer.frame), promise: nil)
    }

    /// One frame from the server, without its length.
    nonisolated func received(_ frame: [UInt8], on channel: any Channel) {
        assumeIsolated { client in
            guard client.channel === channel else { return }
            client.lastHeard = .now()
            do {
                var reader = JuteReader(frame)
                if client.isEstablished {
                    try client.reply(&reader, frame)
                } else {
                    client.established(try ConnectResponse(from: &reader))
                }
            } catch {
                client.logger.warning("the server's answer cannot be read: \(error)")
                channel.close(promise: nil)
            }
        }
    }

    nonisolated func lost(_ channel: any Channel) {
        assumeIsolated { client in
            guard client.channel === channel else { return }
            client.channel = nil
            client.pinger?.cancel()
            let wasEstablished = client.isEstablished
            client.isEstablished = false
            let broken = client.inFlight
            client.inFlight = []
            for (_, request) in broken {
                request.continuation.resume(throwing: ZooKeeperErrorCode.connectionLoss)
            }
            if wasEstablished {
                client.report(.lost, "\(client.serverName), \(client.sessionName)")
                client.tell(.disconnected)
            } else if !client.reported.isOfExpiry {
                client.report(.unreachable, "\(client.serverName) closed the connection without a session")
            }
            client.retryLater()
        }
    }

    private func established(_ response: ConnectResponse) {
        guard response.sessionID != 0 else { return expired() }
        let isNew = session.sessionID != response.sessionID
        session = response
        isEstablished = true
        attempt = 0
        report(.connected, "\(serverName), \(sessionName)")
        schedulePings(every: max(100, Int64(response.timeout) / 3))
        authenticate()
        if !isNew { restoreWatches() }
        let waiting = queued
        queued = []
        for request in waiting { write(request) }
        tell(.connected(isNew: isNew))
    }

    /// The server closes; the next connection asks for a new session. Watches are gone with the old one: their
    /// owners are told to look again.
    private func expired() {
        report(.expired, sessionName)
        session = ConnectResponse()
        lastZxid = 0
        tell(.expired)
        let lost = watches
        watches = []
        for watch in lost { watch.fire() }
    }

    /// Says who this client is, before its first request: a server forgets it with each connection.
    private func authenticate() {
        guard let credentials = address.credentials else { return }
        var writer = JuteWriter()
        writer.int(ReservedXID.auth)
        writer.int(OperationCode.auth.rawValue)
        writer.int(0)
        writer.string("digest")
        writer.buffer(Array(credentials.utf8))
        channel?.writeAndFlush(ByteBuffer(bytes: writer.frame), promise: nil)
    }

    private func restoreWatches() {
        guard !watches.isEmpty else { return }
        var writer = JuteWriter()
        writer.int(ReservedXID.setWatches)
        writer.int(OperationCode.setWatches.rawValue)
        writer.long(lastZxid)
        let data = Set(watches.filter { !$0.isChild }.map(\.path)).sorted()
        writer.vector(data) { $0.string($1) }
        writer.vector([String]()) { $0.string($1) }
        writer.vector(Set(watches.filter(\.isChild).map(\.path)).sorted()) { $0.string($1) }
        channel?.writeAndFlush(ByteBuffer(bytes: writer.frame), promise: nil)
    }

    private func reply(_ reader: inout JuteReader, _ frame: [UInt8]) throws(JuteError) {
        let header = try ReplyHeader(from: &reader)
        if header.zxid > 0 { lastZxid = max(lastZxid, header.zxid) }
        switch header.xid {
        case ReservedXID.notification:
            _ = try reader.int()
            _ = try reader.int()
            fireWatches(at: try reader.text())
        case ReservedXID.auth where header.error != 0:
            logger.error("\(serverName) refuses the user and the password of \(address)")
        case ReservedXID.ping, ReservedXID.setWatches, ReservedXID.auth: break
        default:
            guard let first = inFlight.first, first.xid == header.xid else {
                throw JuteError("a reply to request \(header.xid) out of turn")
            }
            inFlight.removeFirst()
            complete(first.request, header, Array(frame.dropFirst(16)))
        }
    }

    private func complete(_ request: Request, _ header: ReplyHeader, _ body: [UInt8]) {
        let code = ZooKeeperErrorCode(rawValue: header.error) ?? .systemError
        let isMissing = code == .noNode && request.operation == .exists
        if let watch = request.watch, code == .ok || isMissing { watches.append(watch) }
        if code == .ok {
            request.continuation.resume(returning: body)
        } else {
            request.continuation.resume(throwing: code)
        }
    }

    /// A watch of ours that fires needlessly only makes its owner look again.
    private func fireWatches(at path: String) {
        let fired = watches.filter { $0.path == path }
        watches.removeAll { $0.path == path }
        for watch in fired { watch.fire() }
    }
}

/// Cuts the server's bytes into frames.
private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Real servers send whole child lists in one frame; more than this is no answer of theirs.
    private static let maximumFrame = 64 << 20

    private let client: ZooKeeperClient
    private var pending = ByteBuffer()

    init(client: ZooKeeperClient) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        pending.writeBuffer(&buffer)
        while let length = pending.getInteger(at: pending.readerIndex, as: Int32.self) {
            guard length >= 0, length <= Self.maximumFrame else { return context.close(promise: nil) }
            guard pending.readableBytes >= 4 + Int(length) else { break }
            pending.moveReaderIndex(forwardBy: 4)
            client.received(pending.readBytes(length: Int(length)) ?? [], on: context.channel)
        }
        if pending.readableBytes == 0 { pending.clear() } else { pending.discardReadBytes() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) { client.lost(context.channel) }
}
