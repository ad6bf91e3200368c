import MesosProtocol
import NIOCore
import NIOPosix
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What an agent keeps on disk: itself, and a file a task. Files are replaced as a whole, and begin with a line that
/// names their version.
struct CheckpointStore: Sendable {
    private static let header = Array("swift-mesos agent 1\n".utf8)

    private let directory: String
    private let meta: String

    init(workDirectory: String) {
        meta = "\(workDirectory)/meta"
        directory = "\(meta)/agent"
    }

    private var agentPath: String { "\(directory)/agent" }
    private var tasksDirectory: String { "\(directory)/tasks" }

    /// Makes the folders. The work directory itself stays open: the sandboxes of other users lie in it too.
    func prepare() throws {
        try SmallFile.makeDirectory(meta, mode: 0o700)
        try SmallFile.makeDirectory(tasksDirectory, mode: 0o700)
    }

    /// The agent as it last registered; nil for one that never did.
    func loadAgent() throws -> Mesos.AgentInfo? {
        try load(agentPath, Checkpoint.Agent.self)?.info
    }

    /// The tasks whose end was not acknowledged.
    func loadTasks() throws -> [Checkpoint.Task] {
        try SmallFile.records(in: tasksDirectory).compactMap { name in
            try load("\(tasksDirectory)/\(name)", Checkpoint.Task.self)
        }
    }

    private func load<M: ProtoMessage>(_ path: String, _ type: M.Type) throws -> M? {
        guard let content = try SmallFile.record(path) else { return nil }
        guard content.starts(with: Self.header) else {
            throw AgentService.Failure(description: "\(path): not a record of this version: refusing to use it")
        }
        return try M(protobuf: Array(content.dropFirst(Self.header.count)))
    }

    func store(_ agent: Mesos.AgentInfo) throws {
        let record = Checkpoint.Agent.with { $0.info = agent }
        try SmallFile.replace(agentPath, with: Self.header + record.protobuf)
    }

    func store(_ task: Checkpoint.Task) throws {
        try SmallFile.replace("\(tasksDirectory)/\(task.containerID)", with: Self.header + task.protobuf)
    }

    func remove(container: String) { unlink("\(tasksDirectory)/\(container)") }
}
