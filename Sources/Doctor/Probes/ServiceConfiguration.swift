/// A service's configuration as its program reads it. What reads it knows the programs' flags, and the doctor does not.
public struct ServiceConfiguration: Sendable {
    public var settings: ServiceSettings
    /// Why the program would refuse it; nil when it takes it.
    public var complaint: String?
    /// Flags that are taken and do nothing.
    public var withoutEffect: [String] = []
    /// Files that could not be read.
    public var unreadable: [String] = []
    /// Where the service keeps its state.
    public var stateDirectory: String?
    /// The `zk://` URL under which masters are found, with its credentials.
    public var mastersURL: String?
    /// The `zk://` URL of other state, with its credentials.
    public var stateURL: String?
    /// Whether the service's sessions are encrypted.
    public var encryptsSessions = false
    /// What the flag `docker` names, and the daemon's socket.
    public var docker: (program: String, socket: String)?

    public init(settings: ServiceSettings) { self.settings = settings }
}

/// Reads a service's configuration. It is given the unit, whose command line and environment count too.
public typealias ConfigurationReader = @Sendable (ServiceKind, UnitFacts?, FileSystem) -> ServiceConfiguration
