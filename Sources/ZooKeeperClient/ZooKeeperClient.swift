import Logging
import NIOCore
import NIOPosix
import ServiceKit
import ZooKeeperProtocol

/// A session with a ZooKeeper ensemble that goes on over lost connections and failing servers.
///
/// Requests made while no server is reachable wait for one; a request that was under way when the connection broke
/// fails with `connectionLoss`, for it may or may not have been done. After `close` every request fails with `closing`.
///
/// A session ends when the ensemble says so, and when no server has confirmed it for its time-out: by then the ensemble
/// has given its ephemeral nodes away, or is about to. A new session follows.
public actor ZooKeeperClient {
    /// Where the session stands.
    public enum SessionState: Sendable, Equatable {
        /// `isNew`: a first session, or one after another expired, whose ephemeral nodes are gone.
        case connected(isNew: Bool)
        /// No server answers; the session may still live.
        case disconnected
        /// The session is over; a new one follows.
        case expired
        /// The client was closed: the last state.
        case closed
    }

    /// The servers, and the path for whoever made the client: it is no chroot.
    public nonisolated let address: ZooKeeperAddress
    /// The client's event loop.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    nonisolated let eventLoop: any EventLoop
    nonisolated let logger = Logger(label: "zookeeper-client")
    nonisolated let chroot: Chroot
    /// How the session is encrypted; nil when it is not.
    public nonisolated let security: ZooKeeperSecurity?
    /// The list of every node that this client makes, if not told otherwise.
    nonisolated let acl: [ACL]
    private let clock = WallClock()
    private(set) var core: ClientCore
    var reported = ConnectionReport()
    /// Set with the wish to close: what breaks from then on is no news.
    private(set) var isClosing = false
    private var channels: [UInt64: any Channel] = [:]
    private var nextNumber: UInt64 = 1
    private var answers: [UInt64: CheckedContinuation<[UInt8], any Error>] = [:]
    private var watchers: [UInt64: @Sendable (WatchEvent) -> Void] = [:]
    private var observers: [UInt64: AsyncStream<SessionState>.Continuation] = [:]
    private var closers: [CheckedContinuation<Void, Never>] = []
    private var timer: (task: Scheduled<Void>, deadline: Timestamp)?

    /// A client that is not connected yet: call `start`.
    ///
    /// - Parameters:
    ///   - address: The servers. With credentials in it the nodes that the client makes are its own.
    ///   - chroot: The node that is the client's root, as the path of a connect string of ZooKeeper's other clients is:
    ///     it stands before every path that is sent, and is taken off those in answers and events. Absolute; `createPath`
    ///     makes it when it is missing.
    ///   - sessionTimeout: What is asked of the ensemble, which has limits of its own.
    ///   - isReadable: Whether everybody may read the nodes that are the client's own.
    ///   - security: How the session is encrypted; nil when it is not.
    ///   - group: One of its event loops is the client's.
    public init(
        address: ZooKeeperAddress, chroot: String = "/", sessionTimeout: Duration = .seconds(10),
        isReadable: Bool = true, security: ZooKeeperSecurity? = nil, group: any EventLoopGroup
    ) {
        self.security = security
        self.address = address
        self.chroot = Chroot(chroot)
        acl = address.credentials == nil ? ACL.open : isReadable ? ACL.creatorAll + ACL.readable : ACL.creatorAll
        eventLoop = group.next()
        let credentials = address.credentials.map { [Credentials(scheme: "digest", data: Array($0.utf8))] } ?? []
        core = ClientCore(
            configuration: .init(
                servers: address.servers, sessionTimeout: Int32(clamping: sessionTimeout.nanoseconds / 1_000_000),
                credentials: credentials, seed: .random(in: .min ... .max)))
    }

    /// Starts connecting, to the servers in an order made by chance.
    public func start() { handle(.start) }

    /// Ends the session, so that its ephemeral nodes go at once; without a server they go with its time-out.
    public func close() async {
        guard core.phase != .closed else { return }
        isClosing = true
        await withCheckedContinuation { continuation in
            closers.append(continuation)
            handle(.close)
        }
    }

    /// The states of the session from now on, the present one first. Ends with `closed`.
    public func states() -> AsyncStream<SessionState> {
        let (stream, continuation) = AsyncStream<SessionState>.makeStream()
        let number = newNumber()
        switch core.phase {
        case .closed:
            continuation.yield(.closed)
            continuation.finish()
            return stream
        case .established: continuation.yield(.connected(isNew: false))
        default: break
        }
        observers[number] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { await self?.removeObserver(number) }
        }
        return stream
    }

    /// The session's id; 0 while there is none. It owns the ephemeral nodes of the client (`Stat.ephemeralOwner`).
    public var sessionID: Int64 { core.session.sessionID }

    /// The time-out that the ensemble granted; zero while there is no session.
    public var sessionTimeout: Duration { .milliseconds(Int64(core.session.timeout)) }

    private func removeObserver(_ number: UInt64) { observers[number] = nil }

    private func newNumber() -> UInt64 {
        defer { nextNumber += 1 }
        return nextNumber
    }
}

extension ZooKeeperClient {
    /// A watch that is to be set by a request, and who is told.
    struct WatchRequest: Sendable {
        /// As the server knows it.
        let path: String
        let kind: Watch.Kind
        let onEvent: @Sendable (WatchEvent) -> Void
    }

    /// Sends a request and returns the body of its reply. A task that is cancelled does not wait for a server; what was
    /// sent it waits for.
    func send(
        _ operation: OperationCode, _ body: [UInt8], watch: WatchRequest? = nil,
        removing removal: (path: String, WatchRemoval)? = nil
    ) async throws -> [UInt8] {
        let number = newNumber()
        var request = ClientRequest(number: number, operation: operation, body: body)
        if let watch {
            let watcher = newNumber()
            watchers[watcher] = watch.onEvent
            request.onSuccess = .add(Watch(number: watcher, path: watch.path, kind: watch.kind))
        } else if let removal {
            request.onSuccess = .remove(path: removal.path, removal.1)
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answers[number] = continuation
                handle(.request(request))
                if Task.isCancelled { handle(.cancel(number)) }
            }
        } onCancel: {
            Task { await self.handle(.cancel(number)) }
        }
    }

    /// Proves who this client is, on this connection and those to come.
    func prove(_ credentials: Credentials) async throws {
        _ = try await withCheckedThrowingContinuation { continuation in
            let number = newNumber()
            answers[number] = continuation
            handle(.authenticate(number, credentials))
        }
    }

    /// Lets the core decide and carries out what it wants.
    func handle(_ event: ClientEvent) {
        let effects = core.handle(event, at: clock.now)
        for effect in effects { perform(effect) }
        channels[core.connection]?.flush()
        schedule()
    }

    private func perform(_ effect: ClientEffect) {
        switch effect {
        case .open(let number, let server, let timeout): open(number, server, .milliseconds(timeout))
        case .send(let number, let frame): channels[number]?.write(ByteBuffer(bytes: frame), promise: nil)
        case .disconnect(let number): channels.removeValue(forKey: number)?.close(promise: nil)
        case .answer(let number, let result):
            answers.removeValue(forKey: number)?.resume(with: result.mapError { $0 as any Error })
        case .cancelled(let number): answers.removeValue(forKey: number)?.resume(throwing: CancellationError())
        case .fire(let number, let event):
            watchers[number]?(WatchEvent(kind: event.kind, path: chroot.local(event.path)))
        case .forget(let number): watchers[number] = nil
        case .tell(let state): tell(state)
        case .report(let news, let detail): report(news, detail)
        }
    }

    private func tell(_ state: SessionState) {
        for observer in observers.values { observer.yield(state) }
        guard state == .closed else { return }
        for observer in observers.values { observer.finish() }
        for closer in closers { closer.resume() }
        (observers, closers) = ([:], [])
    }

    /// Has the core woken when it wants to be. A timer that rings early does no harm, so that not each request moves it.
    private func schedule() {
        guard let deadline = core.nextDeadline else {
            timer?.task.cancel()
            timer = nil
            return
        }
        if let timer, timer.deadline <= deadline { return }
        timer?.task.cancel()
        let delay = TimeAmount.nanoseconds(max(0, (deadline - clock.now).nanoseconds))
        let task = eventLoop.scheduleTask(in: delay) { [weak self] in
            guard let self else { return }
            assumeIsolated { $0.timeHasCome() }
        }
        timer = (task, deadline)
    }

    private func timeHasCome() {
        timer = nil
        handle(.tick)
    }

    /// The socket that the core asked for is open, or it is not.
    func opened(_ number: UInt64, _ result: Result<any Channel, any Error>) {
        switch result {
        case .success(let channel):
            channels[number] = channel
            handle(.opened(number))
            if !channel.isActive { lost(number, channel) }
        case .failure(let error): handle(.openingFailed(number, reason: Self.reason(error)))
        }
    }

    /// A connection ended; that it is one of ours shows its channel, as a name with several addresses has several.
    func lost(_ number: UInt64, _ channel: any Channel) {
        guard channels[number] === channel else { return }
        channels[number] = nil
        handle(.lost(number))
    }
}
