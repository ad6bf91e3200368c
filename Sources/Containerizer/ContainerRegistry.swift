import Synchronization

/// The containers that a containerizer has, by id.
public final class ContainerRegistry: Sendable {
    private let containers = Mutex<[String: ContainerSpecification]>([:])

    public init() {}

    public func add(_ container: ContainerSpecification) { containers.withLock { $0[container.id] = container } }
    public func remove(_ id: String) { containers.withLock { $0[id] = nil } }
    public subscript(id: String) -> ContainerSpecification? { containers.withLock { $0[id] } }

    /// A container's state directory.
    public func directory(_ id: String) -> String? { self[id]?.stateDirectory }
}
