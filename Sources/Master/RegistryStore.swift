import MesosProtocol
import NIOCore
import NIOPosix
import ServiceKit

/// The registry on disk: one file that is replaced as a whole. The file starts with a line that names its version.
final class RegistryStore: Sendable {
    private static let header = Array("swift-mesos registry 1\n".utf8)

    private let path: String?
    private let directory: String?
    private let thread = NIOThreadPool(numberOfThreads: 1)

    /// Without a directory nothing is kept.
    init(directory: String?) {
        self.directory = directory
        path = directory.map { "\($0)/registry" }
    }

    var isDurable: Bool { path != nil }

    func prepare() throws {
        if let directory { try SmallFile.makeDirectory(directory) }
        thread.start()
    }

    func load() throws -> RegistryRecord.Registry {
        guard let path, let content = try SmallFile.record(path) else { return RegistryRecord.Registry() }
        guard content.starts(with: Self.header) else {
            throw MasterService.Failure(description: "\(path): not a registry of this version: refusing to use it")
        }
        return try RegistryRecord.Registry(protobuf: Array(content.dropFirst(Self.header.count)))
    }

    func store(_ registry: RegistryRecord.Registry, eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        guard let path else { return eventLoop.makeSucceededVoidFuture() }
        return thread.runIfActive(eventLoop: eventLoop) {
            try SmallFile.replace(path, with: Self.header + registry.protobuf)
        }
    }
}
