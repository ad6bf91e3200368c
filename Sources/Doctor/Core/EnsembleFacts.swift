/// The servers of a `zk://` URL and what they answer.
public struct EnsembleFacts: Sendable {
    /// The URL without credentials.
    public var url: String
    /// The services here that name it.
    public var usedBy: [ServiceKind]
    /// Where masters register, without a slash at its end; nil when no service looks for masters here.
    public var path: String?
    public var servers: [ServerFacts]

    public init(url: String, usedBy: [ServiceKind], path: String?, servers: [ServerFacts]) {
        self.url = url
        self.usedBy = usedBy
        self.path = path
        self.servers = servers
    }

    /// The masters registered under the path, by the first server that told; nil when none did.
    public var masters: [MasterFacts]? {
        for case .masters(let masters) in servers.map(\.session) { return masters }
        return servers.contains { $0.session == .noNode } ? [] : nil
    }

    /// How many servers must answer.
    var majority: Int { servers.count / 2 + 1 }
}

/// One server of an ensemble.
public struct ServerFacts: Sendable {
    /// What the four-letter word `srvr` brought.
    public enum Word: Sendable, Equatable {
        case serves(mode: String, version: String)
        /// The ensemble has no quorum.
        case isNotServing
        /// The server's `4lw.commands.whitelist` leaves the word out.
        case isNotAllowed
        /// Something else answers at this port.
        case isStrange
        case none
    }

    /// What a session brought.
    public enum Session: Sendable, Equatable {
        case masters([MasterFacts])
        /// A session was opened, and there was nothing to ask for.
        case opened
        /// Nothing is registered yet: there is no node at the path.
        case noNode
        /// The path may not be read with the credentials of the URL, or without any.
        case isForbidden
        /// The server takes connections; sessions are encrypted, and none was opened.
        case isEncrypted
        case none
    }

    public var host: String
    public var port: Int
    /// The addresses of the host, or why there are none.
    public var resolution: Observed<[String]> = .unseen("not looked at")
    /// Nil when it took a connection; otherwise the system's word for why not.
    public var refusal: String?
    public var word = Word.none
    public var session = Session.none

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public var name: String { "\(host):\(port)" }

    /// Whether it serves clients.
    var answers: Bool {
        if case .serves = word { return true }
        return session != .none
    }
}

/// A master registered in ZooKeeper (Mesos's `MasterInfo`).
public struct MasterFacts: Sendable, Equatable {
    /// Its node's name: the lowest one leads.
    public var node: String
    public var hostname: String
    public var address: String
    public var port: Int
    public var version: String
    /// What it answers at `/version`; nil when it was not asked.
    public var answer: Answer?

    public enum Answer: Sendable, Equatable {
        /// Its own release (`git_sha`), and how far its clock is ahead of ours, in seconds.
        case version(String, skewSeconds: Int?)
        case silent(String)
    }

    public init(node: String, hostname: String, address: String, port: Int, version: String) {
        self.node = node
        self.hostname = hostname
        self.address = address
        self.port = port
        self.version = version
    }
}

/// Addresses as text.
enum NetworkAddress {
    static func isLoopback(_ address: String) -> Bool {
        address == "localhost" || address == "::1" || (address.hasPrefix("127.") && isIPv4(address))
    }

    static func isIPv4(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
