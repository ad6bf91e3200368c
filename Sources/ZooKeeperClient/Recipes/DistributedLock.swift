import ServiceKit
import ZooKeeperProtocol

/// A lock that clients of an ensemble share: who comes first has it first. Curator's `InterProcessMutex` at the same
/// path takes part.
///
/// Each contender makes an ephemeral sequential node `_c_<UUID>-lock-<number>` and waits for the one before it only, so
/// that a release wakes one client. By the UUID it finds its node again when the answer to its request was lost.
public struct DistributedLock: Sendable {
    static let mark = "-lock-"

    private let client: ZooKeeperClient
    private let path: String
    private let data: [UInt8]

    /// A lock at a path, which is made when it is missing. The data is for people who look at who has it.
    public init(client: ZooKeeperClient, path: String, data: [UInt8] = []) {
        self.client = client
        self.path = path
        self.data = data
    }

    /// Waits for the lock and does something while it is held.
    ///
    /// The lock is lost with the session: then `body` is cancelled, and what it did counts as `sessionExpired`, which is
    /// thrown. A body that does not heed its cancellation runs on without the lock. A task that is cancelled while it
    /// waits gives its place up and throws `CancellationError`.
    public func withLock<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let held = try await acquire()
        let outcome = await Self.outcome(of: body, whileHeldBy: held.session, of: client)
        await release(held)
        return try outcome.get()
    }

    /// The own node, and the session that owns it.
    private struct Held {
        let name: String
        let session: Int64
    }

    private func acquire() async throws -> Held {
        var prefix = Self.newPrefix()
        while true {
            do {
                try Task.checkCancellation()
                if let held = try await turn(of: prefix) { return held }
            } catch LockError.isFromOldSession {
                prefix = Self.newPrefix()
            } catch ZooKeeperErrorCode.connectionLoss {
                continue  // It waits for the next connection, and then looks whether its node is there.
            } catch {
                abandon(prefix)
                throw error
            }
        }
    }

    private enum LockError: Error {
        case isFromOldSession
    }

    private static func newPrefix() -> String { "_c_\(UUIDText.random())\(mark)" }

    /// One look at the queue: the lock if it is this contender's turn, otherwise nil when it is time to look again.
    private func turn(of prefix: String) async throws -> Held? {
        let place = LockQueue.place(of: prefix, among: try await contenders())
        switch place {
        case .absent:
            try await client.create(ZNodePath.child(prefix, of: path), data, mode: .ephemeralSequential)
        case .first(let name):
            guard let stat = try await client.exists(ZNodePath.child(name, of: path)) else { return nil }
            guard await stat.ephemeralOwner == client.sessionID else { throw LockError.isFromOldSession }
            return Held(name: name, session: stat.ephemeralOwner)
        case .behind(let other):
            let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
            let node = ZNodePath.child(other, of: path)
            guard try await client.exists(node, onChange: { _ in change.yield() }) != nil else { return nil }
            for await _ in changes { break }
        }
        return nil
    }

    private func contenders() async throws -> [String] {
        do {
            return try await client.children(path)
        } catch ZooKeeperErrorCode.noNode {
            try await client.createPath(path)
            return []
        }
    }

    /// Gives the own place up, without waiting for a server.
    private func abandon(_ prefix: String) {
        Task {
            guard let names = try? await retrying({ try await contenders() }) else { return }  // The session ends it.
            for name in names where name.hasPrefix(prefix) { await delete(name) }
        }
    }

    /// Gives the lock up; waits for a server for as long as the session may live.
    private func release(_ held: Held) async {
        let deletion = Task { await delete(held.name) }
        await withTaskGroup { group in
            group.addTask { await deletion.value }
            group.addTask { await Self.sessionEnd(held.session, of: client) }
            await group.next()
            deletion.cancel()
            group.cancelAll()
        }
    }

    /// Deletes an own node. Where that fails it is gone already, or goes with the session.
    private func delete(_ name: String) async {
        try? await retrying { try await client.delete(ZNodePath.child(name, of: path)) }
    }

    private func retrying<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        while true {
            do { return try await body() } catch ZooKeeperErrorCode.connectionLoss {
                continue  // It waits for the next connection.
            }
        }
    }

    private static func outcome<Value: Sendable>(
        of body: @escaping @Sendable () async throws -> Value, whileHeldBy session: Int64, of client: ZooKeeperClient
    ) async -> Result<Value, any Error> {
        await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await body()) } catch { return .failure(error) }
            }
            group.addTask {
                await sessionEnd(session, of: client)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            await group.waitForAll()
            return first ?? .failure(ZooKeeperErrorCode.sessionExpired)
        }
    }

    /// Returns when a session is over, or when the task is cancelled.
    private static func sessionEnd(_ session: Int64, of client: ZooKeeperClient) async {
        let states = await client.states()
        guard await client.sessionID == session else { return }
        for await state in states where state == .expired || state == .closed { return }
    }
}

/// The queue of a lock's contenders.
enum LockQueue {
    enum Place: Equatable {
        case absent
        case first(String)
        /// The node of the one right before.
        case behind(String)
    }

    /// The place of the contender whose node's name begins with a prefix; other names than contenders' do not count.
    static func place(of prefix: String, among names: [String]) -> Place {
        let queue = names.filter { $0.contains(DistributedLock.mark) }
            .sorted { SequentialName.number($0) < SequentialName.number($1) }
        guard let index = queue.firstIndex(where: { $0.hasPrefix(prefix) }) else { return .absent }
        return index == 0 ? .first(queue[0]) : .behind(queue[index - 1])
    }
}
