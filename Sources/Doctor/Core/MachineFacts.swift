/// All that the checks know of a machine. The probes make one; tests make their own.
public struct MachineFacts: Sendable {
    /// Whether the doctor runs as root, who sees everything.
    public var isPrivileged = true
    /// The machine's own name.
    public var hostname = ""
    /// The release of this program: what is installed.
    public var release = ""
    /// The IPv4 addresses of its interfaces but the loopback's.
    public var addresses: [String] = []
    /// The services that are installed or configured here.
    public var services: [ServiceFacts] = []
    /// Why the units' states are not known; nil when they are.
    public var unitsUnseen: String?
    /// The unit whose cgroup the agent's tasks are in; nil where they are in the agent's own.
    public var tasksUnit: UnitFacts?
    public var controlGroups: Observed<ControlGroupFacts> = .unseen("not looked at")
    public var listeners: Observed<[Listener]> = .unseen("not looked at")
    /// What names resolve to, by name.
    public var names: [String: Observed<[String]>] = [:]
    public var ensembles: [EnsembleFacts] = []
    public var clock = ClockFacts()
    /// Nil when no containerizer here needs Docker.
    public var docker: DockerFacts?
    public var kernel = KernelFacts()
    /// Files that hold secrets.
    public var secrets: [SecretFile] = []

    public init() {}

    /// The services that are meant to run here.
    var expected: [ServiceFacts] { services.filter(\.isExpected) }

    func service(_ kind: ServiceKind) -> ServiceFacts? { expected.first { $0.kind == kind } }

    /// The masters that the servers of any ensemble know.
    var masters: [MasterFacts] { ensembles.flatMap { $0.masters ?? [] } }

    /// Whether an address or name is this machine's.
    func isOwn(_ host: String) -> Bool {
        let found = names[host]?.value ?? []
        return ([host] + found).contains { NetworkAddress.isLoopback($0) || addresses.contains($0) } || host == hostname
    }

    /// Whether other machines take part: then addresses of the loopback are of no use to them.
    var hasOtherMachines: Bool {
        let hosts = ensembles.flatMap { $0.servers.map(\.host) } + masters.map(\.address)
        return hosts.contains { !isOwn($0) } || Set(masters.map { "\($0.address):\($0.port)" }).count > 1
    }

    /// The address that others reach this machine by, for the commands that mend; a placeholder when there is none.
    var ownAddress: String { addresses.first ?? "ADDRESS" }
}

/// How the kernel's control groups are mounted.
public struct ControlGroupFacts: Sendable, Equatable {
    public enum Version: Sendable, Equatable {
        /// Version 2 alone.
        case unified
        /// Version 1, with an empty version 2 beside it.
        case hybrid
        case legacy
        case none
    }

    public var version: Version
    /// The controllers of version 2 at the top of the hierarchy.
    public var controllers: Set<String>

    public init(version: Version, controllers: Set<String>) {
        self.version = version
        self.controllers = controllers
    }
}

/// A TCP socket that waits for connections.
public struct Listener: Sendable, Equatable {
    public var address: String
    public var port: Int
    /// Nil when it could not be seen whose it is.
    public var process: ProcessFacts?

    public init(address: String, port: Int, process: ProcessFacts? = nil) {
        self.address = address
        self.port = port
        self.process = process
    }
}

public struct ProcessFacts: Sendable, Equatable {
    public var pid: Int
    /// The first word of its command line, without folders.
    public var name: String
    /// The unit that it belongs to.
    public var unit: String?

    public init(pid: Int, name: String, unit: String? = nil) {
        self.pid = pid
        self.name = name
        self.unit = unit
    }
}

/// The machine's clock.
public struct ClockFacts: Sendable {
    /// Whether the kernel takes it for synchronised (adjtimex(2)).
    public var isSynchronised: Observed<Bool> = .unseen("not looked at")
    /// The service that could keep it right: `chrony`, `systemd-timesyncd`, `ntpsec`; nil when none is installed.
    public var keeper: String?

    public init() {}
}

/// Limits and modules of the kernel; nil is what could not be read.
public struct KernelFacts: Sendable {
    public var hasOverlay: Bool?
    public var maximumProcesses: Int?
    public var maximumFiles: Int?
    public var inotifyInstances: Int?
    public var inotifyWatches: Int?

    public init() {}
}

/// Docker's program and daemon.
public struct DockerFacts: Sendable {
    public enum Daemon: Sendable, Equatable {
        case answers(DockerInformation)
        /// There is no socket.
        case absent
        /// This user may not use the socket.
        case forbidden
        /// There is a socket, and nobody answers: why.
        case silent(String)
    }

    /// What the flag `docker` names.
    public var program: String
    /// Whether there is such a program.
    public var isInstalled: Bool
    public var socket: String
    public var daemon: Daemon

    public init(program: String, isInstalled: Bool, socket: String, daemon: Daemon) {
        self.program = program
        self.isInstalled = isInstalled
        self.socket = socket
        self.daemon = daemon
    }
}

/// What the daemon says of itself (Docker Engine API, `GET /info`).
public struct DockerInformation: Sendable, Equatable {
    public var version: String
    public var controlGroupDriver: String
    public var controlGroupVersion: String
    public var storageDriver: String

    public init(version: String, controlGroupDriver: String, controlGroupVersion: String, storageDriver: String) {
        self.version = version
        self.controlGroupDriver = controlGroupDriver
        self.controlGroupVersion = controlGroupVersion
        self.storageDriver = storageDriver
    }
}

/// A file with something in it that not everybody may know.
public struct SecretFile: Sendable, Equatable {
    public var path: String
    /// What the secret is, never the secret.
    public var secret: String
    /// Permission bits.
    public var mode: UInt32

    public init(path: String, secret: String, mode: UInt32) {
        self.path = path
        self.secret = secret
        self.mode = mode
    }
}
