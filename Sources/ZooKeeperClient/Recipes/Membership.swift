import ZooKeeperProtocol

/// Membership in a group: an ephemeral sequential node of each member below one path. `childrenUpdates` tells who
/// belongs to it.
extension ZooKeeperClient {
    /// Keeps such a node, and makes it again after the session expired. Yields the node's name each time it is made or,
    /// after a lost connection, found again; ends when the stream is no longer read or the client is closed.
    ///
    /// - Parameters:
    ///   - path: The group's node; it is made when it is missing.
    ///   - prefix: What the name begins with, before its number. A node is found again by its owner, so that members may
    ///     share a prefix; one client is a member of one group once only.
    ///   - data: What the others read.
    public nonisolated func membership(in path: String, prefix: String, data: [UInt8]) -> AsyncStream<String> {
        AsyncStream { continuation in
            let task = Task {
                for await case .joined(let name) in self.membershipNews(in: path, prefix: prefix, data: data) {
                    continuation.yield(name)
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// As `membership`, with the end of each session.
    nonisolated func membershipNews(in path: String, prefix: String, data: [UInt8]) -> AsyncStream<MembershipNews> {
        AsyncStream { continuation in
            let task = Task {
                for await state in await self.states() {
                    switch state {
                    case .connected:
                        if let name = await self.join(path, prefix, data) { continuation.yield(.joined(name)) }
                    case .expired: continuation.yield(.expired)
                    case .disconnected, .closed: break
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// The name of the own node; nil when the connection broke, so that the next one is to try again.
    private func join(_ path: String, _ prefix: String, _ data: [UInt8]) async -> String? {
        var isLogged = false
        while !Task.isCancelled {
            do {
                try await createPath(path)
                if let mine = try await ownMember(in: path, prefix: prefix) { return mine }
                let made = try await create(ZNodePath.child(prefix, of: path), data, mode: .ephemeralSequential)
                return ZNodePath.name(of: made)
            } catch ZooKeeperErrorCode.connectionLoss, ZooKeeperErrorCode.closing {
                return nil
            } catch {
                if !isLogged { logger.error("cannot become a member at \(path) in ZooKeeper, trying on: \(error)") }
                isLogged = true
                try? await Task.sleep(for: .seconds(1))  // Cancelled: the loop ends by itself.
            }
        }
        return nil
    }

    /// The node that this session made already, perhaps by a request whose answer was lost.
    private func ownMember(in path: String, prefix: String) async throws -> String? {
        for name in try await children(path).sorted() where name.hasPrefix(prefix) {
            let stat = try await exists(ZNodePath.child(name, of: path))
            if let stat, stat.ephemeralOwner == sessionID { return name }
        }
        return nil
    }
}

/// What happens to a member's node.
enum MembershipNews: Sendable, Equatable {
    /// It is there, under this name.
    case joined(String)
    /// Its session is over.
    case expired
}
