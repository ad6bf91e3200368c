import ZooKeeperProtocol

/// Watches that stay. The client sets them again on each new connection and in each new session.
extension ZooKeeperClient {
    /// What a watch that stays tells of.
    public enum WatchMode: Int32, Sendable {
        /// All that happens to a node and to the list of its children.
        case persistent = 0
        /// That a node or one anywhere below it is created, changed or deleted; not that a list of children changed.
        case persistentRecursive = 1
    }

    /// Which watches of a node are meant.
    public enum WatchRemoval: Int32, Sendable {
        /// Those of the list of its children.
        case children = 1
        /// Those of its data and of its being there.
        case data = 2
        /// All, those that stay as well.
        case any = 3
    }

    /// Watches a node, which need not be there yet, until `removeWatches`. Needs a server of ZooKeeper 3.6 or later.
    /// Events come in their order, on the client's event loop: `onEvent` must not block. A server before 3.9 keeps one
    /// kind of watch for each path of a client: better do not mix this with `onChange` at the same path.
    public func addWatch(
        _ path: String, mode: WatchMode, onEvent: @escaping @Sendable (WatchEvent) -> Void
    ) async throws {
        let path = chroot.full(path)
        let watch = WatchRequest(
            path: path, kind: mode == .persistent ? .persistent : .recursive, onEvent: onEvent)
        _ = try await send(.addWatch, Self.record(path) { $0.int(mode.rawValue) }, watch: watch)
    }

    /// Ends this client's watches of a node; `noWatcher` when the server keeps none of the kind.
    public func removeWatches(_ path: String, _ removal: WatchRemoval = .any) async throws {
        let path = chroot.full(path)
        _ = try await send(
            .removeWatches, Self.record(path) { $0.int(removal.rawValue) }, removing: (path, removal))
    }
}
