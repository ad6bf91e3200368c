import ServiceKit
import ZooKeeperProtocol

/// What happens to a client. Connections have numbers, so that news of one that was given up is told apart.
enum ClientEvent: Sendable {
    case start
    /// The socket that was asked for is open.
    case opened(UInt64)
    case openingFailed(UInt64, reason: String)
    /// One frame from the server, without its length.
    case received(UInt64, [UInt8])
    case lost(UInt64)
    case request(ClientRequest)
    /// Nobody waits for the answer to a request any more.
    case cancel(UInt64)
    /// Somebody wants to be known to the ensemble, from now on and on each connection to come.
    case authenticate(UInt64, Credentials)
    case close
    /// The time of `ClientCore.nextDeadline` has come.
    case tick
}

/// What a client wants done, in this order.
enum ClientEffect: Sendable, Equatable {
    /// The time to try is in milliseconds.
    case open(UInt64, ZooKeeperAddress.Server, timeout: Int64)
    /// One frame, with its length.
    case send(UInt64, [UInt8])
    case disconnect(UInt64)
    /// The body of a request's reply, or why there is none.
    case answer(UInt64, Result<[UInt8], ZooKeeperErrorCode>)
    /// A request was taken back before it was sent.
    case cancelled(UInt64)
    case fire(watch: UInt64, WatchEvent)
    /// No more events for this watch.
    case forget(watch: UInt64)
    case tell(ZooKeeperClient.SessionState)
    /// Something for the log.
    case report(ConnectionReport.News, String)
}

/// A request on its way; its owner knows it by a number.
struct ClientRequest: Sendable {
    let number: UInt64
    let operation: OperationCode
    let body: [UInt8]
    var onSuccess: Consequence?

    /// What a success means for this client's watches.
    enum Consequence: Sendable {
        case add(Watch)
        case remove(path: String, ZooKeeperClient.WatchRemoval)
    }
}

/// A watch of this client; its owner knows it by a number. The path is the server's.
struct Watch: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case data
        /// Of a node that is not there yet.
        case exist
        case child
        case persistent
        case recursive
    }

    let number: UInt64
    let path: String
    var kind: Kind

    /// Whether it outlives its first event.
    var stays: Bool { kind == .persistent || kind == .recursive }
}

/// A proof of who a client is.
struct Credentials: Sendable, Equatable {
    let scheme: String
    let data: [UInt8]
}

/// What a watch tells.
public struct WatchEvent: Sendable, Equatable {
    /// What happened to the node.
    public enum Kind: Sendable, Equatable {
        case created
        case deleted
        case dataChanged
        /// There is a child more or less.
        case childrenChanged
        /// Changes may have been missed: the session expired, or a persistent watch was set again after the connection
        /// had been lost. Look again. A watch for one event ends with it; a persistent one goes on.
        case interrupted
    }

    /// What happened to it.
    public let kind: Kind
    /// The node that changed, which for a recursive watch may be below the one that is watched.
    public let path: String

    /// An event of a node.
    public init(kind: Kind, path: String) {
        self.kind = kind
        self.path = path
    }
}
