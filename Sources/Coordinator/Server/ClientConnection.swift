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
        /// Ends the connection when everything before it is sent.
        let closes: Bool
    }

    /// How many requests took how long.
    struct Latency {
        private(set) var minimum = 0.0
        private(set) var maximum = 0.0
        private(set) var total = 0.0
        private(set) var count = 0

        var average: Double { count == 0 ? 0 : total / Double(count) }

        mutating func add(_ milliseconds: Double) {
            minimum = count == 0 ? milliseconds : min(minimum, milliseconds)
            maximum = max(maximum, milliseconds)
            total += milliseconds
            count += 1
        }
    }

    let id: ConnectionID
    let channel: any Channel
    let address: String
    let port: Int
    let establishedAt: Timestamp
    /// What events may be written to without the channel, while it has nothing to send itself.
    private let socket: CInt?
    var isSecure: Bool
    var answers = Deque<Answer>()
    /// Bytes of the answers that are not handed to the channel yet.
    var queuedBytes = 0
    var isReady = false
    var isBlocked = false
    var isBacklogged = false
    var isClosing = false
    /// Goes on reading requests.
    var resume: (() -> Void)?

    var received = 0
    var sent = 0
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
        address = channel.remoteAddress?.ipAddress ?? ""
        port = channel.remoteAddress?.port ?? 0
        establishedAt = now
        socket = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
    }

    func resetStatistics() {
        (received, sent, latency) = (0, 0, Latency())
    }
}

extension ClientConnection {
    /// The socket, and the frame that waits for it, if there is one alone and it may go there as it is.
    func soleFrame(synced: UInt64) -> EventSender.Item? {
        guard let socket, !isSecure, answers.count == 1, let answer = answers.first, answer.needs <= synced,
            !answer.closes, channel.isActive,
            let waiting = try? channel.syncOptions?.getOption(.bufferedWritableBytes), waiting == 0
        else { return nil }
        return EventSender.Item(socket: socket, frame: answer.frame)
    }

    /// Takes note of a request for what operators see of this connection.
    func note(request frame: [UInt8]) {
        var reader = JuteReader(frame)
        guard let xid = try? reader.int(), let code = try? reader.int() else { return }  // Refused elsewhere.
        lastXid = xid
        lastOperation = OperationCode(rawValue: code)?.shortName ?? "UNKN"
    }
}

extension OperationCode {
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
