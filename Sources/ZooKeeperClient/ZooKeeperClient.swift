import Logging
import NIOCore
import NIOPosix
import ZooKeeperProtocol

/// A session with a ZooKeeper ensemble that goes on over lost connections and failing servers.
///
/// Requests made while no server is reachable wait for one; a request that was under way when the connection broke
/// fails with `connectionLoss`, for it may or may not have been done.
public actor ZooKeeperClient {
    /// Where the session stands.
    public enum SessionState: Sendable, Equatable {
        /// `isNew`: a first session, or one after another expired, whose ephemeral nodes are gone.
        case connected(isNew: Bool)
        /// No server answers; the session may still live.
        case disconnected
        /// The ensemble ended the session; a new one follows.
        case expired
        case closed
    }

    struct Request: Sendable {
        let operation: OperationCode
        let body: [UInt8]
        let continuation: CheckedContinuation<[UInt8], any Error>
        /// Called back once when the node changes.
        let watch: Watch?
    }

    struct Watch: Sendable {
        let path: String
        let isChild: Bool
        let fire: @Sendable () -> Void
    }

    public nonisolated let address: ZooKeeperAddress
    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    nonisolated let eventLoop: any EventLoop
    let logger = Logger(label: "zookeeper-client")
    let requestedTimeout: Int32
    /// The list of every node that this client makes.
    let acl: [ACL]
    var channel: (any Channel)?
    var isEstablished = false
    /// Set with the wish to close, which a server answers by closing the connection.
    var isClosing = false
    var isClosed = false
    var session = ConnectResponse()
    var lastZxid: Int64 = 0
    var nextXID: Int32 = 1
    var nextServer = 0
    var attempt = 0
    var queued: [Request] = []
    var inFlight: [(xid: Int32, request: Request)] = []
    var watches: [Watch] = []
    var lastHeard = NIODeadline.now()
    var pinger: RepeatedTask?
    var reported = ConnectionReport()
    /// The server that is connected to, or was tried last.
    var serverName = ""
    private var observers: [UInt64: AsyncStream<SessionState>.Continuation] = [:]
    private var nextObserver: UInt64 = 0

    /// A client that is not connected yet: call `start`. The session time-out is what is asked of the ensemble. With
    /// credentials in the address the nodes that it makes are its own; `isReadable` lets everybody read them.
    public init(
        address: ZooKeeperAddress, sessionTimeout: Duration = .seconds(10), isReadable: Bool = true,
        group: any EventLoopGroup
    ) {
        self.address = address
        acl = address.credentials == nil ? ACL.open : isReadable ? ACL.creatorAll + ACL.readable : ACL.creatorAll
        eventLoop = group.next()
        requestedTimeout = Int32(clamping: sessionTimeout.components.seconds * 1000)
    }

    /// Starts connecting, from a server of the list chosen by chance.
    public func start() {
        nextServer = Int.random(in: 0..<address.servers.count)
        connect()
    }

    /// Ends the session, so that its ephemeral nodes go at once.
    public func close() async {
        guard !isClosed else { return }
        isClosing = true
        if isEstablished { _ = try? await send(.closeSession, []) }  // The session ends by its time-out otherwise.
        isClosed = true
        pinger?.cancel()
        channel?.close(promise: nil)
        failAll(ZooKeeperErrorCode.sessionExpired)
        tell(.closed)
        for observer in observers.values { observer.finish() }
        observers = [:]
    }

    /// The states of the session from now on, the present one first.
    public func states() -> AsyncStream<SessionState> {
        let (stream, continuation) = AsyncStream<SessionState>.makeStream()
        let number = nextObserver
        nextObserver += 1
        observers[number] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { await self?.removeObserver(number) }
        }
        if isEstablished { continuation.yield(.connected(isNew: false)) }
        return stream
    }

    private func removeObserver(_ number: UInt64) { observers[number] = nil }

    func tell(_ state: SessionState) {
        for observer in observers.values { observer.yield(state) }
    }

    /// Sends a request and returns the body of its reply.
    func send(_ operation: OperationCode, _ body: [UInt8], watch: Watch? = nil) async throws -> [UInt8] {
        guard !isClosed else { throw ZooKeeperErrorCode.sessionExpired }
        return try await withCheckedThrowingContinuation { continuation in
            let request = Request(operation: operation, body: body, continuation: continuation, watch: watch)
            if isEstablished { write(request) } else { queued.append(request) }
        }
    }

    func write(_ request: Request) {
        let xid = nextXID
        nextXID = nextXID == .max ? 1 : nextXID + 1
        inFlight.append((xid, request))
        var writer = JuteWriter()
        writer.int(xid)
        writer.int(request.operation.rawValue)
        channel?.writeAndFlush(ByteBuffer(bytes: Self.frame(writer.bytes + request.body)), promise: nil)
    }

    static func frame(_ bytes: [UInt8]) -> [UInt8] {
        var writer = JuteWriter()
        writer.buffer(bytes)
        return writer.bytes
    }

    func failAll(_ error: any Error) {
        let waiting = inFlight.map(\.request) + queued
        inFlight = []
        queued = []
        for request in waiting { request.continuation.resume(throwing: error) }
    }
}
