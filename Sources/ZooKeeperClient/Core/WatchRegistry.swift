import ZooKeeperProtocol

/// The watches that a client's server keeps for it, for as long as the connection lasts.
struct WatchRegistry: Sendable {
    /// How much the other clients put in one packet of watches that are set again, in bytes: within every server's
    /// `jute.maxbuffer`.
    static let packetLimit = 128 << 10

    private var watches: [ZNodeName: [Watch]] = [:]

    var isEmpty: Bool { watches.isEmpty }
    var hasPersistent: Bool { watches.values.contains { $0.contains(where: \.stays) } }

    mutating func add(_ watch: Watch) { watches[ZNodeName(watch.path), default: []].append(watch) }

    /// Those that an event concerns; the ones for a single event are no longer kept.
    mutating func fire(_ type: WatchEventType, at path: String) -> [Watch] {
        var fired: [Watch] = []
        var kept: [Watch] = []
        for watch in watches[ZNodeName(path)] ?? [] {
            if Self.concerns(watch.kind, type) { fired.append(watch) }
            if watch.stays || !Self.concerns(watch.kind, type) { kept.append(watch) }
        }
        watches[ZNodeName(path)] = kept.isEmpty ? nil : kept
        guard type != .childrenChanged else { return fired }
        var above = ZNodePath.parent(of: path)
        while let parent = above {
            fired += (watches[ZNodeName(parent)] ?? []).filter { $0.kind == .recursive }
            above = ZNodePath.parent(of: parent)
        }
        return fired
    }

    private static func concerns(_ kind: Watch.Kind, _ type: WatchEventType) -> Bool {
        switch kind {
        case .data, .exist: type != .childrenChanged
        case .child: type == .childrenChanged || type == .deleted
        case .persistent: true
        case .recursive: type != .childrenChanged
        }
    }

    /// Removes and returns those of a path that are of one of some kinds.
    mutating func remove(_ path: String, _ removal: ZooKeeperClient.WatchRemoval) -> [Watch] {
        let kinds: [Watch.Kind]
        switch removal {
        case .children: kinds = [.child]
        case .data: kinds = [.data, .exist]
        case .any: kinds = [.child, .data, .exist, .persistent, .recursive]
        }
        let all = watches[ZNodeName(path)] ?? []
        let kept = all.filter { !kinds.contains($0.kind) }
        watches[ZNodeName(path)] = kept.isEmpty ? nil : kept
        return all.filter { kinds.contains($0.kind) }
    }

    /// Removes and returns those for a single event, in a fixed order.
    mutating func removeSingle() -> [Watch] {
        let single = inOrder.filter { !$0.stays }
        watches = watches.compactMapValues { list in
            let kept = list.filter(\.stays)
            return kept.isEmpty ? nil : kept
        }
        return single
    }

    /// Removes and returns all.
    mutating func removeAll() -> [Watch] {
        defer { watches = [:] }
        return inOrder
    }

    /// Those that outlive an event, in a fixed order.
    var persistent: [Watch] { inOrder.filter(\.stays) }

    private var inOrder: [Watch] { watches.values.joined().sorted { $0.number < $1.number } }

    /// Requests (operation and body) that set all watches again on a new connection of a client that has seen all
    /// changes up to a transaction. Servers before 3.6 know the older operation only.
    func restoring(since zxid: Int64) -> [(OperationCode, [UInt8])] {
        let operation: OperationCode = hasPersistent ? .setWatches2 : .setWatches
        let kinds: [Watch.Kind] = [.data, .exist, .child, .persistent, .recursive]
        let lists = kinds.prefix(hasPersistent ? 5 : 3)
        var packets: [[[String]]] = []
        var size = Self.packetLimit
        for (index, kind) in lists.enumerated() {
            let paths = watches.filter { $0.value.contains { $0.kind == kind } }.keys.sorted()
            for path in paths {
                let length = path.text.utf8.count + 4
                if size + length > Self.packetLimit {
                    packets.append(lists.map { _ in [] })
                    size = 0
                }
                packets[packets.count - 1][index].append(path.text)
                size += length
            }
        }
        return packets.map { packet in
            var writer = JuteWriter()
            writer.long(zxid)
            for paths in packet { writer.vector(paths) { $0.string($1) } }
            return (operation, writer.bytes)
        }
    }
}
