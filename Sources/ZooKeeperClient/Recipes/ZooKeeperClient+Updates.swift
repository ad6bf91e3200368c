import ZooKeeperProtocol

/// What is there now, and again after each change, as streams. They end when the client is closed.
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
                continue  // It waits for the next connection.
            } catch {
                return nil
            }
        }
        return nil
    }

    /// Reads, waits for the watch, reads again: until the stream is no longer read or the client is closed.
    private nonisolated func updates<Value: Sendable>(
        _ read: @escaping @Sendable (ZooKeeperClient, @escaping @Sendable (WatchEvent) -> Void) async throws -> Value
    ) -> AsyncStream<Value> {
        AsyncStream { continuation in
            let task = Task {
                while !Task.isCancelled {
                    let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
                    do {
                        continuation.yield(try await read(self) { _ in change.yield() })
                        for await _ in changes { break }
                    } catch ZooKeeperErrorCode.closing {
                        break
                    } catch ZooKeeperErrorCode.connectionLoss {
                        continue  // It waits for the next connection.
                    } catch {
                        try? await Task.sleep(for: .milliseconds(100))  // Cancelled: the loop ends by itself.
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
