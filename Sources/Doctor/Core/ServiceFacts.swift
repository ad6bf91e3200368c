/// The services of a cluster.
public enum ServiceKind: String, Sendable, CaseIterable {
    case coordinator, master, agent, marathon

    /// The name of its unit, without `.service`.
    public var unit: String {
        switch self {
        case .coordinator: "zookeeper"
        case .master: "mesos-master"
        case .agent: "mesos-slave"
        case .marathon: "marathon"
        }
    }

    /// All names of its unit.
    public var units: [String] { self == .agent ? [unit, "mesos-agent"] : [unit] }

    /// Names that its program runs under.
    var programs: Set<String> {
        switch self {
        case .coordinator: ["mesos-coordinator"]
        case .master: ["mesos-master"]
        case .agent: ["mesos-agent", "mesos-slave"]
        case .marathon: ["marathon"]
        }
    }

    /// The folder of its flags, a file each.
    public var directory: String {
        switch self {
        case .coordinator: "/etc/zookeeper/conf"
        case .master: "/etc/mesos-master"
        case .agent: "/etc/mesos-slave"
        case .marathon: "/etc/marathon/conf"
        }
    }

    /// The name of the flag or key that says which port it listens on.
    var portFlag: String {
        switch self {
        case .coordinator: "clientPort"
        case .master, .agent: "port"
        case .marathon: "http_port"
        }
    }
}

/// A service that is installed or configured on the machine.
public struct ServiceFacts: Sendable {
    public var kind: ServiceKind
    public var settings: ServiceSettings
    /// Why the service would refuse its configuration, in its own words.
    public var complaint: String?
    /// Flags that are taken and do nothing.
    public var withoutEffect: [String] = []
    /// Files of the configuration that could not be read.
    public var unreadable: [String] = []
    /// Nil when there is none, or when units could not be seen.
    public var unit: UnitFacts?
    /// The name that it tells others; nil when that could not be found out.
    public var toldName: String?
    /// What the running service says at `/version` (`git_sha`); nil when nobody answers or it has no such page.
    public var runningVersion: String?
    /// Whether the file of the running program was replaced since it was started; nil when it could not be seen.
    public var isReplaced: Bool?
    /// The directory of its state; nil when none is set.
    public var stateDirectory: DirectoryFacts?

    public init(kind: ServiceKind, settings: ServiceSettings) {
        self.kind = kind
        self.settings = settings
    }

    /// Whether it should run: what its unit says, and without a unit the configuration.
    var isExpected: Bool {
        guard let unit else { return true }
        return unit.isEnabled || unit.activeState != "inactive"
    }

    var name: String { kind.unit }
}

/// What the checks need of a service's configuration.
public struct ServiceSettings: Sendable {
    /// Where it listens; 0 is any port.
    public var port: Int
    /// The address that it listens on.
    public var address = "0.0.0.0"
    public var advertisedAddress: String?
    /// The name it tells to others, when that is given.
    public var hostname: String?
    /// Whether it tells the name of its address, as masters and agents do, and not the machine's.
    public var namesItsAddress = false
    /// Whether that name is looked up; the address is the name otherwise.
    public var looksUpHostname = true
    /// The masters of an agent or of Marathon, or a master's own ensemble, without credentials.
    public var masterURL: String?
    /// A master's `quorum`.
    public var quorum: Int?
    public var containerizers: [String] = []
    /// Seconds that a container has to start.
    public var startSeconds: Double = 60
    /// Whether Apache's ZooKeeper, not ours, reads this zoo.cfg.
    public var isApache = false
    /// Another port that it listens on: that of the coordinator's administrator.
    public var adminPort: Int?

    public init(port: Int) { self.port = port }
}

/// The state of a unit (systemctl(1), `show`).
public struct UnitFacts: Sendable, Equatable {
    public var name: String
    public var activeState = "active"
    public var subState = "running"
    public var fileState = "enabled"
    public var result = "success"
    public var exitStatus = 0
    public var restarts = 0
    public var mainPID = 0
    public var statusText = ""
    public var needsReload = false
    /// Nil when the unit does not say.
    public var delegates: Bool?
    /// The most open files; nil is no limit.
    public var maximumFiles: Int?
    /// The most processes and threads; nil is no limit.
    public var maximumTasks: Int?
    public var user = ""
    public var group = ""
    /// The program it starts, and its arguments.
    public var command: [String] = []
    public var environment: [String: String] = [:]

    public init(name: String) { self.name = name }

    /// Whether it starts with the machine.
    var isEnabled: Bool { ["enabled", "enabled-runtime", "alias", "static", "generated"].contains(fileState) }
}

/// A directory that a service keeps its state in.
public struct DirectoryFacts: Sendable {
    public enum State: Sendable, Equatable {
        case missing
        case isNoDirectory
        case unseen(String)
        case present
    }

    public var path: String
    public var state: State = .present
    /// Name of its owner, or the number where there is no name.
    public var owner = "root"
    /// Permission bits.
    public var mode: UInt32 = 0o755
    public var freeBytes: Int64 = 1 << 40
    public var totalBytes: Int64 = 1 << 41
    public var fileSystem = "ext4"
    public var isReadOnly = false
    /// Whether programs in it cannot be executed.
    public var refusesPrograms = false

    public init(path: String) { self.path = path }
}
