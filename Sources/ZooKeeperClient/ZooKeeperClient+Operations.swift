import ZooKeeperProtocol

extension ZooKeeperClient {
    /// One operation of a `multi`.
    public enum Operation: Sendable {
        case create(path: String, data: [UInt8])
        /// Version -1 is any.
        case delete(path: String, version: Int32)
        case set(path: String, data: [UInt8], version: Int32)
        case check(path: String, version: Int32)
    }

    /// Creates a node and returns its path, which for a sequential one has its number.
    @discardableResult
    public func create(_ path: String, _ data: [UInt8] = [], mode: CreateMode = .persistent) async throws -> String {
        var writer = JuteWriter()
        writeCreate(path, data, mode, to: &writer)
        var reader = JuteReader(try await send(.create, writer.bytes))
        return try reader.text()
    }

    private func writeCreate(_ path: String, _ data: [UInt8], _ mode: CreateMode, to writer: inout JuteWriter) {
        writer.string(path)
        writer.buffer(data)
        writer.vector(acl) { $1.write(to: &$0) }
        writer.int(mode.rawValue)
    }

    /// Creates a node and those above it, as far as they are missing.
    public func createPath(_ path: String) async throws {
        guard path != "/", try await exists(path) == nil else { return }
        if let parent = ZNodePath.parent(of: path) { try await createPath(parent) }
        do {
            try await create(path)
        } catch ZooKeeperErrorCode.nodeExists {
            return
        }
    }

    public func delete(_ path: String, version: Int32 = -1) async throws {
        var writer = JuteWriter()
        writer.string(path)
        writer.int(version)
        _ = try await send(.delete, writer.bytes)
    }

    @discardableResult
    public func set(_ path: String, _ data: [UInt8], version: Int32 = -1) async throws -> Stat {
        var writer = JuteWriter()
        writer.string(path)
        writer.buffer(data)
        writer.int(version)
        var reader = JuteReader(try await send(.setData, writer.bytes))
        return try Stat(from: &reader)
    }

    /// A node's data; a missing node is the error `noNode`. `onChange` is called once, at the next change.
    public func get(
        _ path: String, onChange: (@Sendable () -> Void)? = nil
    ) async throws -> (data: [UInt8], stat: Stat) {
        var reader = JuteReader(try await watched(.getData, path, isChild: false, onChange))
        return (try reader.buffer() ?? [], try Stat(from: &reader))
    }

    /// Nil when the node is missing; `onChange` is called once also when it comes to be.
    public func exists(_ path: String, onChange: (@Sendable () -> Void)? = nil) async throws -> Stat? {
        do {
            var reader = JuteReader(try await watched(.exists, path, isChild: false, onChange))
            return try Stat(from: &reader)
        } catch ZooKeeperErrorCode.noNode {
            return nil
        }
    }

    public func children(_ path: String, onChange: (@Sendable () -> Void)? = nil) async throws -> [String] {
        var reader = JuteReader(try await watched(.getChildren, path, isChild: true, onChange))
        return try reader.vector { (reader: inout JuteReader) throws(JuteError) in try reader.text() }
    }

    /// All operations or none; throws the error of the one that failed.
    public func multi(_ operations: [Operation]) async throws {
        var writer = JuteWriter()
        for operation in operations { write(operation, to: &writer) }
        MultiHeader.end.write(to: &writer)
        var reader = JuteReader(try await send(.multi, writer.bytes))
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { return }
            guard header.type == OperationCode.error.rawValue else {
                try Self.skipResult(header.type, &reader)
                continue
            }
            let code = ZooKeeperErrorCode(rawValue: try reader.int()) ?? .systemError
            if code != .ok { throw code }
        }
    }

    private func write(_ operation: Operation, to writer: inout JuteWriter) {
        func header(_ code: OperationCode) {
            MultiHeader(type: code.rawValue, isDone: false, error: -1).write(to: &writer)
        }
        switch operation {
        case .create(let path, let data):
            header(.create)
            writeCreate(path, data, .persistent, to: &writer)
        case .delete(let path, let version):
            header(.delete)
            writer.string(path)
            writer.int(version)
        case .set(let path, let data, let version):
            header(.setData)
            writer.string(path)
            writer.buffer(data)
            writer.int(version)
        case .check(let path, let version):
            header(.check)
            writer.string(path)
            writer.int(version)
        }
    }

    private static func skipResult(_ type: Int32, _ reader: inout JuteReader) throws(JuteError) {
        switch OperationCode(rawValue: type) {
        case .create: _ = try reader.text()
        case .setData: _ = try Stat(from: &reader)
        default: break
        }
    }

    private func watched(
        _ operation: OperationCode, _ path: String, isChild: Bool, _ onChange: (@Sendable () -> Void)?
    ) async throws -> [UInt8] {
        var writer = JuteWriter()
        writer.string(path)
        writer.bool(onChange != nil)
        let watch = onChange.map { Watch(path: path, isChild: isChild, fire: $0) }
        return try await send(operation, writer.bytes, watch: watch)
    }
}
