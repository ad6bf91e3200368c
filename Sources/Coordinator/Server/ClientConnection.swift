import DequeModule
import NIOCore
import ServiceKit
import ZooKeeperProtocol

/// A client's connection: the answers that wait for the disk or for the client to read, and what is told of it to who
/// operates the server. Confined to its event loop.
final class ClientConnection {
    struct Answer {
        /// What the log must have synced before this may leave.
        let needs: UInt64
        let frame: [UInt8]
        let receivedAt: Timestamp
        let isReply: Bool
        /// Whether it answers a request for a change.
        let isUpdate: Bool
        /// Ends the connection when everything before it is sent.
        let closes: Bool
    }

    let id: ConnectionID
    var answers = Deque<Answer>()
    /// Bytes of the answers that are not handed to the channel yet.
    var queuedBytes = 0
    /// What is written to without the channel, while that has nothing to send itself.
    private var socket: CInt?
    /// How many writes the channel has not finished.
    private var handedOver = 0
    private var closesWhenSent = false
    private var hasDeadline = false
    var isSecure: Bool { didSet { if isSecure { socket = nil } } }
    var isReady = false
    var isBlocked = false
    var isBacklogged = false
    /// What must be synced before a turn of this connection comes; it holds while `isBacklogged`.
    var waitsFor: UInt64 = 0
    var isClosing = false
    var isClogged = false
    var sent = 0
    var received = 0
    /// Goes on reading requests.
    var resume: (() -> Void)?

    let channel: any Channel
    let address: String
    let port: Int
    let establishedAt: Timestamp
    var lastOperation = "NA"
    var lastXid: Int32 = 0
    var lastZxid: Int64 = -1
    var lastResponse = Timestamp(nanoseconds: 0)
    var lastLatency = 0.0
    var latency = Latency()

    init(id: ConnectionID, channel: any Channel, isSecure: Bool, now: Timestamp) {
        self.id = id
        self.channel = channel
        self.isSecure = isSecure
        address = Self.address(of: channel)
        port = channel.remoteAddress?.port ?? 0
        establishedAt = now
        guard !isSecure else { return }
        socket = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
    }

    /// Where a client comes from. An address of IPv4 is that, whatever the socket calls it (RFC 4291, 2.5.5.2).
    static func address(of channel: any Channel) -> String {
        let address = channel.remoteAddress?.ipAddress ?? ""
        let mapped = "::ffff:"
        return address.hasPrefix(mapped) && address.contains(".") ? String(address.dropFirst(mapped.count)) : address
    }

    func append(_ answer: Answer) {
        queuedBytes += answer.frame.count
        answers.append(answer)
    }

    /// The socket is closed, and its number may be another's soon.
    func disconnected() {
        socket = nil
        resume = nil
        answers = []
    }

    func resetStatistics() {
        (received, sent, latency) = (0, 0, Latency())
    }
}

extension ClientConnection {
    /// What may be written to past the channel now: its queue and promise are needed only when the socket is full.
    private var openSocket: CInt? {
        handedOver == 0 ? socket : nil
    }

    /// The socket, and the frame that waits for it, if there is one alone and it may go there as it is.
    func soleFrame(synced: UInt64) -> SocketWrite? {
        guard answers.count == 1, let answer = answers.first, answer.needs <= synced, !answer.closes,
            let socket = openSocket
        else { return nil }
        return SocketWrite(socket: socket, bytes: answer.frame)
    }

    /// Sends bytes after all those before them: what the socket takes at once, and the rest by the channel.
    func write(_ bytes: [UInt8]) {
        guard let socket = openSocket else { return handOver(ByteBuffer(bytes: bytes)) }
        var write = SocketWrite(socket: socket, bytes: bytes)
        write.perform()
        finish(write)
    }

    /// Leaves what a socket did not take to the channel, which meets the error if there was one.
    func finish(_ write: SocketWrite) {
        guard write.sent < write.bytes.count else { return }
        handOver(ByteBuffer(bytes: write.bytes.dropFirst(write.sent)))
    }

    private func handOver(_ buffer: ByteBuffer) {
        handedOver += 1
        channel.writeAndFlush(buffer).assumeIsolated().whenComplete { _ in
            self.handedOver -= 1
            if self.closesWhenSent, self.handedOver == 0 { self.channel.close(promise: nil) }
        }
    }

    /// Closes the connection when everything is sent, or after a time if the client does not read it.
    func closeWhenSent(within time: TimeAmount) {
        guard handedOver > 0 else { return channel.close(promise: nil) }
        closesWhenSent = true
        close(within: time)
    }

    /// Closes the connection after a time that starts with the first call.
    func close(within time: TimeAmount) {
        guard !hasDeadline else { return }
        hasDeadline = true
        channel.eventLoop.scheduleTask(in: time) { [channel] in channel.close(promise: nil) }
    }

    /// Takes note of a request, and of what it is, for what operators see of this connection.
    func note(request frame: [UInt8]) -> OperationCode? {
        var reader = JuteReader(frame)
        guard let xid = try? reader.int(), let code = try? reader.int() else { return nil }  // Refused elsewhere.
        let operation = OperationCode(rawValue: code)
        lastXid = xid
        lastOperation = operation?.shortName ?? "UNKN"
        return operation
    }
}

extension OperationCode {
    /// Whether a request asks for a change.
    var isUpdate: Bool {
        switch self {
        case .create, .create2, .createContainer, .createTTL, .delete, .setData, .setACL, .check, .multi, .reconfig,
            .closeSession:
            true
        default: false
        }
    }

    /// The four letters that ZooKeeper's `cons` has for an operation.
    var shortName: String {
        switch self {
        case .create, .create2: "CREA"
        case .createContainer: "CREC"
        case .createTTL: "CRET"
        case .delete: "DELE"
        case .exists: "EXIS"
        case .getData: "GETD"
        case .setData: "SETD"
        case .getACL: "GETA"
        case .setACL: "SETA"
        case .getChildren, .getChildren2: "GETC"
        case .getAllChildrenNumber: "GETACN"
        case .getEphemerals: "GETE"
        case .sync: "SYNC"
        case .ping: "PING"
        case .check: "CHEC"
        case .multi: "MULT"
        case .multiRead: "MLTR"
        case .reconfig: "RECO"
        case .checkWatches: "CHKW"
        case .removeWatches: "REMW"
        case .addWatch: "ADDW"
        case .setWatches: "SETW"
        case .setWatches2: "STW2"
        case .auth: "AUTH"
        case .sasl: "SASL"
        case .whoAmI: "WHOA"
        case .closeSession: "CLOS"
        case .error: "ERRO"
        }
    }
}
