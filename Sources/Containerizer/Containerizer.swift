import MesosProtocol

/// One way of running containers. The agent asks its containerizers in the order of `--containerizers`; the first
/// that accepts a container runs it.
///
/// A container outlives the agent: what is needed to find it again is on disk before `launch` returns.
public protocol Containerizer: Sendable {
    /// The name in the containerizers file (`docker`, `mesos`, `process`).
    var name: String { get }

    /// Looks at the machine before the agent registers; throws when this containerizer cannot work here at all.
    func prepare() async throws(ContainerError)

    /// Whether this is a container for this containerizer. Says nothing on whether it will start.
    func accepts(_ container: ContainerSpecification) -> Bool

    /// Starts a container; when it returns the command runs.
    func launch(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus

    /// Waits for a container's end. One that is not there any more ended for an unknown reason.
    func wait(_ id: String) async -> ContainerTermination

    /// Asks a container to end, and kills it when it has not after the grace period.
    func stop(_ id: String, grace: Duration) async

    /// Kills a container and removes what is left of it. Harmless for one that is gone.
    func destroy(_ id: String) async

    /// What a container uses now; nil when it cannot be told.
    func usage(_ id: String) async -> Mesos.ResourceStatistics?

    /// Takes up the containers that the agent knows from before its restart and destroys those of this agent that it
    /// does not know. Returns the ids of those that were found, running or ended.
    func recover(_ recovery: ContainerRecovery) async throws(ContainerError) -> Set<String>

    /// Goes on with the launch of a container that was found, which the end of the agent interrupted.
    func resume(_ container: ContainerSpecification) async throws(ContainerError) -> Mesos.ContainerStatus
}

/// What an agent knows of a containerizer's containers when it starts again.
public struct ContainerRecovery: Sendable {
    /// Those of tasks that have not ended.
    public let known: [ContainerSpecification]
    /// The state directories of others.
    public let strays: [String]
    /// The folder that the state directories of all containers of this agent are in.
    public let containersDirectory: String

    public init(known: [ContainerSpecification], strays: [String], containersDirectory: String) {
        self.known = known
        self.strays = strays
        self.containersDirectory = containersDirectory
    }

    /// A stray's container.
    public static func id(ofState directory: String) -> String {
        directory.split(separator: "/").last.map(String.init) ?? ""
    }
}

/// Everything that makes up a container.
public struct ContainerSpecification: Sendable, Equatable {
    /// A UUID: the container's name for the agent and in paths.
    public let id: String
    public let taskID: String
    public let frameworkID: String
    public let command: Mesos.CommandInfo
    public let container: Mesos.ContainerInfo?
    public let resources: [Mesos.Resource]
    /// The whole environment: nothing is inherited from the agent.
    public let environment: [String: String]
    /// Nil runs as the agent's own user.
    public let user: String?
    /// Where it runs and writes its stdout and stderr; it exists.
    public let sandbox: String
    /// A folder of the containerizer's own for this container; it exists.
    public let stateDirectory: String

    public init(
        id: String, taskID: String, frameworkID: String, command: Mesos.CommandInfo, container: Mesos.ContainerInfo?,
        resources: [Mesos.Resource], environment: [String: String], user: String?, sandbox: String,
        stateDirectory: String
    ) {
        self.id = id
        self.taskID = taskID
        self.frameworkID = frameworkID
        self.command = command
        self.container = container
        self.resources = resources
        self.environment = environment
        self.user = user
        self.sandbox = sandbox
        self.stateDirectory = stateDirectory
    }

    /// The folder of the state directories of all containers of the agent.
    public var containersDirectory: String { String(stateDirectory.dropLast(id.count + 1)) }

    /// The amount of a scalar resource.
    public func scalar(_ name: String) -> Double {
        resources.filter { $0.name == name }.reduce(0) { $0 + ($1.scalar?.value ?? 0) }
    }

    /// The program and its arguments: `/bin/sh -c value`, or the value with the arguments given.
    public var arguments: [String] {
        if command.shellOrDefault { return ["/bin/sh", "-c", command.value ?? ""] }
        // The first argument is what the program is called; the value is what is run.
        guard let program = command.value else { return command.arguments }
        return [program] + command.arguments.dropFirst()
    }
}

/// How a container ended.
public struct ContainerTermination: Sendable, Equatable {
    /// The status of wait(2); nil when nobody saw the end.
    public let status: Int32?
    /// Why, when it is not the command's own doing.
    public let message: String?
    public let reason: Mesos.TaskStatus.Reason?
    /// What it had used of a resource whose limit ended it.
    public let limited: [Mesos.Resource]

    public init(
        status: Int32?, message: String? = nil, reason: Mesos.TaskStatus.Reason? = nil, limited: [Mesos.Resource] = []
    ) {
        self.status = status
        self.message = message
        self.reason = reason
        self.limited = limited
    }
}

/// Why a containerizer could not do what it was asked: for the status message of the task.
public struct ContainerError: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
