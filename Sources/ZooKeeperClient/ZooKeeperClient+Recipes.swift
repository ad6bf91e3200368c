import ZooKeeperProtocol

extension ZooKeeperClient {
    /// The children of a node now and after each change; an empty list while the node is missing.
    public nonisolated func childrenUpdates(_ path: String) -> AsyncStream<[String]> {
        updates { client, onChange in
            do {
                return try await client.children(path, onChange: onChange)
            } catch ZooKeeperErrorCode.noNode {
                if try await client.exists(path, onChange: onChange) == nil { return [] }
                return try await client.children(path, onChange: onChange)
            }
        }
    }

    /// The data of a node now and after each change; nil while the node is missing.
    public nonisolated func dataUpdates(_ path: String) -> AsyncStream<[UInt8]?> {
        updates { client, onChange in
            do {
                return try await client.get(path, onChange: onChange).data
            } catch ZooKeeperErrorCode.noNode {
                if try await client.exists(path, onChange: onChange) == nil { return nil }
                return try await client.get(path, onChange: onChange).data
            }
        }
    }

    /// A node's data, however often the connection breaks meanwhile; nil when there is no such node.
    public nonisolated func existingData(_ path: String) async -> [UInt8]? {
        while !Task.isCancelled {
            do {
                return try await get(path).data
            } catch ZooKeeperErrorCode.connectionLoss {
                try? await Task.sleep(for: .milliseconds(100))  // Cancelled: the loop ends by itself.
            } catch {
                return nil
            }
        }
        return nil
    }

    /// Reads, waits for the watch, reads again: until the stream is no longer read or the client is closed.
    private nonisolated func updates<Value: Sendable>(
        _ read: @escaping @Sendable (ZooKeeperClient, @escaping @Sendable () -> Void) async throws -> Value
    ) -> AsyncStream<Value> {
        AsyncStream { continuation in
            let task = Task {
                while !Task.isCancelled {
                    let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
                    do {
                        continuation.yield(try await read(self) { change.yield() })
                        for await _ in changes { break }
                    } catch ZooKeeperErrorCode.sessionExpired {
                        break
                    } catch {
                        try? await Task.sleep(for: .milliseconds(100))  // Cancelled: the loop ends by itself.
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Keeps an ephemeral sequential node under a path, and makes it again after the session expired. Yields the
    /// node's name each time it is made; ends when the task is cancelled or the client closed.
    public nonisolated func membership(
        in path: String, prefix: String, data: [UInt8]
    ) -> AsyncStream<String> {
        AsyncStream { continuation in
            let task = Task {
                for await state in await self.states() {
                    guard case .connected = state else { continue }
                    do {
                        try await self.createPath(path)
                        let mine = try await self.ownMember(in: path, prefix: prefix)
                        if let mine {
                            continuation.yield(mine)
                        } else {
                            let made = try await self.create(
                                ZNodePath.child(prefix, of: path), data, mode: .ephemeralSequential)
                            continuation.yield(ZNodePath.name(of: made))
                        }
                    } catch {
                        continue  // The next connection tries again.
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// The node that this session made already, perhaps by a request whose answer was lost.
    private func ownMember(in path: String, prefix: String) async throws -> String? {
        for name in try await children(path).sorted() where name.hasPrefix(prefix) {
            let stat = try await exists(ZNodePath.child(name, of: path))
            if let stat, stat.ephemeralOwner == session.sessionID { return name }
        }
        return nil
    }

    /// The member with the lowest sequence number among those of a prefix.
    public static func leader(of members: [String], prefix: String) -> String? {
        members.filter { $0.hasPrefix(prefix) || $0.contains(prefix) }
            .min { sequence($0) < sequence($1) }
    }

    private static func sequence(_ name: String) -> Int64 {
        Int64(name.suffix(10)) ?? .max
    }
}
