import ServiceKit
import ZooKeeperProtocol

/// Several operations in one request.
extension ZooKeeperClient {
    /// One operation of a `multi`. A version of -1 is any.
    public enum Operation: Sendable {
        /// As `create`.
        case create(
            path: String, data: [UInt8] = [], mode: CreateMode = .persistent, acl: [ACL]? = nil,
            timeToLive: Duration = .zero)
        /// As `delete`.
        case delete(path: String, version: Int32 = -1)
        /// As `set`.
        case set(path: String, data: [UInt8], version: Int32 = -1)
        /// Fails if the node is missing or has another version.
        case check(path: String, version: Int32)
    }

    /// What came of one operation of a `multi`.
    public enum OperationResult: Sendable, Equatable {
        /// The path has the number of a sequential node. Servers tell the state of containers and of nodes with a time
        /// to live only.
        case created(path: String, stat: Stat?)
        case deleted
        /// The state afterwards.
        case set(Stat)
        case checked
    }

    /// Which operation of a `multi` failed, so that none of them was done.
    public struct MultiFailure: Error, Sendable, Equatable {
        /// Its place in the list.
        public let index: Int
        /// The server's reason.
        public let code: ZooKeeperErrorCode
    }

    /// A read of a `multiRead`.
    public enum Read: Sendable {
        /// A node's data and state.
        case data(path: String)
        /// The names of a node's children.
        case children(path: String)
    }

    /// What came of one read of a `multiRead`.
    public enum ReadResult: Sendable, Equatable {
        case data([UInt8], Stat)
        case children([String])
        case failed(ZooKeeperErrorCode)
    }

    /// All operations or none, as one transaction; each sees what those before it did. Throws a `MultiFailure` for the
    /// first one that cannot be done.
    @discardableResult
    public func multi(_ operations: [Operation]) async throws -> [OperationResult] {
        var writer = JuteWriter()
        for operation in operations { write(operation, to: &writer) }
        MultiHeader.end.write(to: &writer)
        var reader = JuteReader(try await send(.multi, writer.bytes))
        var results: [OperationResult] = []
        var index = 0
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { return results }
            switch OperationCode(rawValue: header.type) {
            case .error:
                let code = ZooKeeperErrorCode(rawValue: try reader.int()) ?? .systemError
                if code != .ok { throw MultiFailure(index: index, code: code) }
            case .create: results.append(.created(path: chroot.local(try reader.text()), stat: nil))
            case .create2, .createContainer, .createTTL:
                let path = chroot.local(try reader.text())
                results.append(.created(path: path, stat: try Stat(from: &reader)))
            case .setData: results.append(.set(try Stat(from: &reader)))
            case .delete: results.append(.deleted)
            case .check: results.append(.checked)
            default: throw JuteError("a result of operation \(header.type) in a multi")
            }
            index += 1
        }
    }

    /// Several reads of one moment; a read that fails says so for itself. Needs a server of ZooKeeper 3.6 or later.
    public func multiRead(_ reads: [Read]) async throws -> [ReadResult] {
        var writer = JuteWriter()
        for read in reads {
            let (operation, path): (OperationCode, String)
            switch read {
            case .data(let node): (operation, path) = (.getData, node)
            case .children(let node): (operation, path) = (.getChildren, node)
            }
            MultiHeader(type: operation.rawValue, isDone: false, error: -1).write(to: &writer)
            writer.string(chroot.full(path))
            writer.bool(false)
        }
        MultiHeader.end.write(to: &writer)
        var reader = JuteReader(try await send(.multiRead, writer.bytes))
        var results: [ReadResult] = []
        while true {
            let header = try MultiHeader(from: &reader)
            if header.isDone { return results }
            switch OperationCode(rawValue: header.type) {
            case .getData:
                let data = try reader.buffer() ?? []
                results.append(.data(data, try Stat(from: &reader)))
            case .getChildren: results.append(.children(try Self.texts(&reader)))
            case .error: results.append(.failed(ZooKeeperErrorCode(rawValue: try reader.int()) ?? .systemError))
            default: throw JuteError("a result of operation \(header.type) in a multiRead")
            }
        }
    }

    private nonisolated func write(_ operation: Operation, to writer: inout JuteWriter) {
        func header(_ code: OperationCode) {
            MultiHeader(type: code.rawValue, isDone: false, error: -1).write(to: &writer)
        }
        switch operation {
        case .create(let path, let data, let mode, let acl, let timeToLive):
            header(Self.operation(mode))
            writeCreate(path, data, mode, acl, timeToLive, to: &writer)
        case .delete(let path, let version):
            header(.delete)
            writer.string(chroot.full(path))
            writer.int(version)
        case .set(let path, let data, let version):
            header(.setData)
            writer.string(chroot.full(path))
            writer.buffer(data)
            writer.int(version)
        case .check(let path, let version):
            header(.check)
            writer.string(chroot.full(path))
            writer.int(version)
        }
    }
}
