import ServiceKit
import ZooKeeperProtocol

/// The operations on nodes. Paths are absolute and seen from the client's chroot. A server's refusal is thrown as its
/// `ZooKeeperErrorCode`; a version of -1 is any.
extension ZooKeeperClient {
    /// Creates a node and returns its path, which for a sequential one has its number.
    ///
    /// - Parameters:
    ///   - acl: Who may do what; nil for what the client was made with.
    ///   - timeToLive: How long a node of a mode with a time to live stays without children and changes.
    @discardableResult
    public func create(
        _ path: String, _ data: [UInt8] = [], mode: CreateMode = .persistent, acl: [ACL]? = nil,
        timeToLive: Duration = .zero
    ) async throws -> String {
        var writer = JuteWriter()
        writeCreate(path, data, mode, acl, timeToLive, to: &writer)
        var reader = JuteReader(try await send(Self.operation(mode), writer.bytes))
        return chroot.local(try reader.text())
    }

    /// What creates a node of a kind.
    static func operation(_ mode: CreateMode) -> OperationCode {
        mode.hasTTL ? .createTTL : mode == .container ? .createContainer : .create
    }

    nonisolated func writeCreate(
        _ path: String, _ data: [UInt8], _ mode: CreateMode, _ acl: [ACL]?, _ timeToLive: Duration,
        to writer: inout JuteWriter
    ) {
        writer.string(chroot.full(path))
        writer.buffer(data)
        writer.vector(acl ?? self.acl) { $1.write(to: &$0) }
        writer.int(mode.rawValue)
        if mode.hasTTL { writer.long(timeToLive.nanoseconds / 1_000_000) }
    }

    /// Creates a node and those above it, as far as they are missing; the chroot as well.
    public func createPath(_ path: String) async throws {
        try await createFullPath(chroot.full(path))
    }

    private func createFullPath(_ path: String) async throws {
        guard path != "/" else { return }
        do {
            _ = try await send(.exists, Self.record(path) { $0.bool(false) })
        } catch ZooKeeperErrorCode.noNode {
            if let parent = ZNodePath.parent(of: path) { try await createFullPath(parent) }
            do {
                let body = Self.record(path) { writer in
                    writer.buffer([])
                    writer.vector(acl) { $1.write(to: &$0) }
                    writer.int(CreateMode.persistent.rawValue)
                }
                _ = try await send(.create, body)
            } catch ZooKeeperErrorCode.nodeExists {
                return
            }
        }
    }

    /// Deletes a node that has no children.
    public func delete(_ path: String, version: Int32 = -1) async throws {
        _ = try await send(.delete, Self.record(chroot.full(path)) { $0.int(version) })
    }

    /// Replaces a node's data.
    @discardableResult
    public func set(_ path: String, _ data: [UInt8], version: Int32 = -1) async throws -> Stat {
        let body = Self.record(chroot.full(path)) {
            $0.buffer(data)
            $0.int(version)
        }
        var reader = JuteReader(try await send(.setData, body))
        return try Stat(from: &reader)
    }

    /// A node's data; a missing node is the error `noNode`. `onChange` is called once, at the next change of the data
    /// or when the node goes.
    public func get(
        _ path: String, onChange: (@Sendable (WatchEvent) -> Void)? = nil
    ) async throws -> (data: [UInt8], stat: Stat) {
        var reader = JuteReader(try await watched(.getData, path, .data, onChange))
        return (try reader.buffer() ?? [], try Stat(from: &reader))
    }

    /// Nil when the node is missing; `onChange` is called once also when it comes to be.
    public func exists(
        _ path: String, onChange: (@Sendable (WatchEvent) -> Void)? = nil
    ) async throws -> Stat? {
        do {
            var reader = JuteReader(try await watched(.exists, path, .data, onChange))
            return try Stat(from: &reader)
        } catch ZooKeeperErrorCode.noNode {
            return nil
        }
    }

    /// The names of a node's children, in no order; `onChange` is called once, when there is one more or less or the
    /// node goes.
    public func children(
        _ path: String, onChange: (@Sendable (WatchEvent) -> Void)? = nil
    ) async throws -> [String] {
        var reader = JuteReader(try await watched(.getChildren, path, .child, onChange))
        return try Self.texts(&reader)
    }

    /// Waits until the server that the client is connected to has all changes that the ensemble has now: what is read
    /// after it is not older.
    public func sync(_ path: String = "/") async throws {
        _ = try await send(.sync, Self.record(chroot.full(path)))
    }

    /// The paths of this session's ephemeral nodes that start with a text.
    public func ephemerals(startingWith prefix: String = "/") async throws -> [String] {
        var reader = JuteReader(try await send(.getEphemerals, Self.record(chroot.full(prefix))))
        return try Self.texts(&reader).compactMap(chroot.below)
    }

    /// How many nodes there are below one.
    public func descendantCount(_ path: String) async throws -> Int {
        var reader = JuteReader(try await send(.getAllChildrenNumber, Self.record(chroot.full(path))))
        return Int(try reader.int())
    }

    static func record(_ path: String, _ rest: (inout JuteWriter) -> Void = { _ in }) -> [UInt8] {
        var writer = JuteWriter()
        writer.string(path)
        rest(&writer)
        return writer.bytes
    }

    static func texts(_ reader: inout JuteReader) throws(JuteError) -> [String] {
        try reader.vector { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
    }

    private func watched(
        _ operation: OperationCode, _ path: String, _ kind: Watch.Kind,
        _ onChange: (@Sendable (WatchEvent) -> Void)?
    ) async throws -> [UInt8] {
        let path = chroot.full(path)
        let watch = onChange.map { WatchRequest(path: path, kind: kind, onEvent: $0) }
        return try await send(operation, Self.record(path) { $0.bool(onChange != nil) }, watch: watch)
    }
}
