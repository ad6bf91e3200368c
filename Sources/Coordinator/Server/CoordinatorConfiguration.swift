import ServiceKit
import TransportSecurity

/// A zoo.cfg (org.apache.zookeeper.server.quorum.QuorumPeerConfig) as far as a standalone server uses it.
public struct CoordinatorConfiguration: Sendable {
    public var dataDirectory: String
    /// Where the log goes: `dataLogDir`, by default the data directory.
    public var logDirectory: String
    /// Nil for every address of the machine, of IPv6 as well as of IPv4.
    public var clientAddress: String?
    public var clientPort = 2181
    /// Whether `clientPort` is open: it is not where only a port for TLS is asked for.
    public private(set) var hasClientPort = true
    /// Keys and certificates of what TLS there is; nil without TLS.
    public private(set) var transportSecurity: TLSSettings?
    /// The port that speaks TLS alone (`secureClientPort`).
    public var securePort: Int? { security.port }
    public var secureAddress: String? { security.address }
    /// Whether `clientPort` speaks TLS as well.
    var isUnified: Bool { security.isUnified }
    /// Milliseconds.
    public var tickTime: Int32 = 3000
    public var minimumSessionTimeout: Int32?
    public var maximumSessionTimeout: Int32?
    /// Connections from one address; 0 is no limit.
    public var maximumClientConnections = 60
    /// Connections from all addresses together; 0 is no limit.
    public var maximumConnections = 0
    /// Writes on their way to the disk beyond which no more requests are taken (`globalOutstandingLimit`).
    public var outstandingLimit = 1000
    /// A larger frame ends its connection (`jute.maxbuffer`).
    public var maximumFrame = 0xfffff
    /// The four-letter words that are answered (`4lw.commands.whitelist`).
    public var fourLetterWords: Set<String> = ["srvr"]
    /// `myid`: the top byte of session ids.
    public var serverID: UInt8 = 0
    /// Keys that this server does not know: they are named in a warning.
    public private(set) var unknownKeys: [String] = []
    /// The text that was read, without what is secret in it.
    private(set) var initialText = ""
    /// Where the administrator's HTTP server listens; it does not when the port is nil.
    public var adminAddress = "127.0.0.1"
    public var adminPort: Int?
    /// Where the figures of this server are given to Prometheus; they are not when the port is nil.
    public var metricsAddress = "0.0.0.0"
    public var metricsPort: Int?
    var decisions = CoordinatorCore.Configuration()
    private var snapshotKibibytes = 64 << 10
    private var snapshotEntries: Int?
    private var slowSync = 1000
    private var segmentKibibytes = 64 << 10
    private var retainedSnapshots = 3
    private var servers: [String] = []
    /// Where the clients of the one server come to, by its line: that, the address if there is one, and the port.
    private var place: (line: String, address: String?, port: Int)?
    private var adminIsEnabled: Bool?
    private var metricsProvider = ""
    private var security = SecurityConfiguration()
    private var namesClientPort = false
    private var enforcesAuthentication = false
    private var enforcedSchemes: [String] = []

    public init(dataDirectory: String) {
        self.dataDirectory = dataDirectory
        logDirectory = dataDirectory
    }

    /// Reads zoo.cfg text; `path` names it in errors. Reads `myid` from the data directory.
    public init(parsing text: String, path: String) throws(FlagError) {
        self.init(dataDirectory: "")
        initialText = InitialConfiguration.shown(text)
        var logDirectory: String?
        for line in text.split(whereSeparator: \.isNewline).map({ SmallFile.trimmed(String($0)) })
        where !line.isEmpty && !line.hasPrefix("#") {
            guard let equals = line.firstIndex(of: "=") else {
                throw FlagError("\(path): '\(line)' is no key=value line")
            }
            let key = SmallFile.trimmed(String(line[..<equals]))
            let value = SmallFile.trimmed(String(line[line.index(after: equals)...]))
            // A system property of the original has the key behind this prefix.
            let name = key.hasPrefix("zookeeper.") ? String(key.dropFirst("zookeeper.".count)) : key
            if name == "dataLogDir" { logDirectory = value } else { try set(name, value, path) }
        }
        guard !dataDirectory.isEmpty else { throw FlagError("\(path): dataDir is missing: dataDir=/var/lib/zookeeper") }
        self.logDirectory = logDirectory ?? dataDirectory
        guard servers.count < 2 else {
            throw FlagError(
                "\(path): \(servers.joined(separator: ", ")) describe an ensemble, which this version cannot be part "
                    + "of: leave one server, or use Apache ZooKeeper for the ensemble")
        }
        try settlePlace()
        guard core.minimumSessionTimeout <= core.maximumSessionTimeout else {
            throw FlagError(
                "\(path): minSessionTimeout (\(core.minimumSessionTimeout) ms) is above maxSessionTimeout "
                    + "(\(core.maximumSessionTimeout) ms): by default they are 2 and 20 times tickTime")
        }
        try readServerID()
        transportSecurity = try security.settings(path)
        hasClientPort = namesClientPort || security.port == nil
        try settleAuthentication(path)
        settle()
    }

    private mutating func set(_ key: String, _ value: String, _ path: String) throws(FlagError) {
        let setting = ConfigurationValue(key: key, value: value, path: path)
        let milliseconds = 1...86_400_000
        switch key {
        case "dataDir": dataDirectory = value
        case "clientPort":
            clientPort = try setting.number(0...65535)
            namesClientPort = true
        case "dynamicConfigFile": try readServers(value, path)
        case "clientPortAddress": clientAddress = value
        case "tickTime": tickTime = Int32(try setting.number(1...3_600_000))
        case "minSessionTimeout":
            minimumSessionTimeout = value == "-1" ? nil : Int32(try setting.number(milliseconds))
        case "maxSessionTimeout":
            maximumSessionTimeout = value == "-1" ? nil : Int32(try setting.number(milliseconds))
        case "maxClientCnxns": maximumClientConnections = try setting.number(0...1_000_000)
        case "maxCnxns": maximumConnections = try setting.number(0...10_000_000)
        case "globalOutstandingLimit": outstandingLimit = try setting.number(1...10_000_000)
        case "jute.maxbuffer": maximumFrame = try setting.number(1024...(256 << 20), allowsHexadecimal: true)
        case "4lw.commands.whitelist":
            fourLetterWords = Set(value.split(separator: ",").map { SmallFile.trimmed(String($0)) })
            if fourLetterWords.contains("*") { fourLetterWords = Set(FourLetterWord.allCases.map(\.rawValue)) }
        case "preAllocSize": segmentKibibytes = try setting.number(64...(4 << 20))
        case "snapCount": snapshotEntries = try setting.number(2...Int(Int32.max))
        case "fsync.warningthresholdms": slowSync = try setting.number(0...Int(Int32.max))
        case "snapSizeLimitInKb": snapshotKibibytes = try setting.number(1...Int(Int32.max))
        case "autopurge.snapRetainCount": retainedSnapshots = max(3, try setting.number(0...1_000_000))
        case let key where key.hasPrefix("server."): try addServer(setting)
        default:
            if try setPolicy(setting) { return }
            if try security.set(setting) { return }
            if try setAuthentication(setting) { return }
            if try !setOperating(setting) { unknownKeys.append(key) }
        }
    }

    /// Keys of who clients are. A protection that is asked for and not there must not be left out in silence.
    private mutating func setAuthentication(_ setting: ConfigurationValue) throws(FlagError) -> Bool {
        switch setting.key {
        case "DigestAuthenticationProvider.superDigest": decisions.superDigest = setting.value
        case "superUser": decisions.saslSuperUser = setting.value
        case "sessionRequireClientSASLAuth":
            if try setting.bool() { decisions.requiredSchemes.insert("sasl") }
        case "enforce.auth.enabled": enforcesAuthentication = try setting.bool()
        case "enforce.auth.schemes":
            enforcedSchemes = setting.value.split(separator: ",").map { SmallFile.trimmed(String($0)) }
        case "java.security.auth.login.config":
            decisions.saslPasswords = try LoginConfiguration.passwords(setting.value)
        case "X509AuthenticationProvider.superUser": decisions.certificateSuperUser = setting.value
        case let key where key.hasPrefix("authProvider."):
            if setting.value.hasSuffix(".X509AuthenticationProvider") { break }
            guard setting.value.hasSuffix("SASLAuthenticationProvider") else {
                throw FlagError("\(setting.path): \(key)=\(setting.value) is no provider that this version has")
            }
            decisions.access.extraSchemes.insert("sasl")
        case "requireClientAuthScheme", "jaasLoginRenew": break
        case "DigestAuthenticationProvider.enabled": decisions.access.hasDigest = try setting.bool()
        case "DigestAuthenticationProvider.digestAlg":
            guard let algorithm = DigestScheme.Algorithm(named: setting.value) else {
                throw FlagError(
                    "\(setting.path): \(setting.key)=\(setting.value) is wrong: expected one of "
                        + DigestScheme.Algorithm.allCases.map(\.rawValue).joined(separator: ", "))
            }
            decisions.digestAlgorithm = algorithm
        default: return false
        }
        return true
    }

    /// What is asked of clients must be something that they can do here.
    private mutating func settleAuthentication(_ path: String) throws(FlagError) {
        if transportSecurity != nil { decisions.access.extraSchemes.insert("x509") }
        if enforcesAuthentication {
            guard !enforcedSchemes.isEmpty else {
                throw FlagError("\(path): enforce.auth.enabled needs enforce.auth.schemes, of digest, sasl and x509")
            }
            decisions.requiredSchemes.formUnion(enforcedSchemes)
        }
        for scheme in decisions.requiredSchemes.sorted() {
            switch scheme {
            case "digest" where !decisions.access.hasDigest:
                throw FlagError(
                    "\(path): enforce.auth.schemes=digest asks for what DigestAuthenticationProvider.enabled=false "
                        + "forbids: nobody could do anything")
            case "digest": break
            case "sasl" where decisions.saslPasswords == nil:
                throw FlagError(
                    "\(path): sessionRequireClientSASLAuth needs users: java.security.auth.login.config=FILE names a "
                        + "login configuration")
            case "sasl": break
            case "x509":
                guard let security = transportSecurity, security.peerCertificate != .none else {
                    throw FlagError(
                        "\(path): enforce.auth.schemes=x509 needs a secureClientPort that asks for certificates")
                }
            default:
                throw FlagError("\(path): enforce.auth.schemes: \(scheme) is none of digest, sasl and x509")
            }
        }
    }

    /// Keys of what clients may do; false for another one.
    private mutating func setPolicy(_ setting: ConfigurationValue) throws(FlagError) -> Bool {
        let milliseconds = 1...86_400_000
        switch setting.key {
        case "extendedTypesEnabled": decisions.allowsTTL = try setting.bool()
        case "skipACL": decisions.access.isSkipped = try setting.bool()
        case "enforceQuota": decisions.enforcesQuota = try setting.bool()
        case "reconfigEnabled": decisions.isReconfigurable = try setting.bool()
        case "znode.container.checkIntervalMs": decisions.containerInterval = Int64(try setting.number(milliseconds))
        case "znode.container.maxPerMinute": decisions.containersPerMinute = Int64(try setting.number(milliseconds))
        case "znode.container.maxNeverUsedIntervalMs":
            let time = Int64(try setting.number(0...86_400_000))
            decisions.containerNeverUsed = time == 0 ? nil : time
        default: return false
        }
        return true
    }

    /// Keys of what operators see, and those that need nothing here; false for another one.
    private mutating func setOperating(_ setting: ConfigurationValue) throws(FlagError) -> Bool {
        switch setting.key {
        case "admin.enableServer": adminIsEnabled = try setting.bool()
        case "admin.serverPort": adminPort = try setting.number(0...65535)
        case "admin.serverAddress": adminAddress = setting.value
        case "metricsProvider.className": metricsProvider = setting.value
        case "metricsProvider.httpPort": metricsPort = try setting.number(0...65535)
        case "metricsProvider.httpHost": metricsAddress = setting.value
        // One server has no ensemble; snapshots and the purge of old ones go by size; sockets need no tuning.
        case "initLimit", "syncLimit", "autopurge.purgeInterval", "standaloneEnabled", "electionAlg",
            "leaderServes", "cnxTimeout", "quorumListenOnAllIPs", "clientPortListenBacklog", "serverCnxnFactory",
            "tcpKeepAlive", "clientTcpKeepAlive", "admin.idleTimeout",
            "metricsProvider.exportJvmInfo", "snapshot.trust.empty", "snapshot.compression.method", "digest.enabled",
            "commitLogCount", "connectToLearnerMasterLimit", "syncEnabled", "peerType":
            break
        case "forceSync" where try !setting.bool():
            throw FlagError(
                "\(setting.path): forceSync=no is not supported: what is acknowledged is on disk. Leave it out")
        case "forceSync": break
        default: return false
        }
        return true
    }

    /// A line of the servers: `server.1=host:2888:3888:participant;[address:]2181`. What follows the semicolon is where
    /// clients come to.
    private mutating func addServer(_ setting: ConfigurationValue) throws(FlagError) {
        servers.append(setting.key)
        let parts = setting.value.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return }
        let place = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        let port = try ConfigurationValue(key: setting.key, value: String(place.last ?? ""), path: setting.path)
            .number(0...65535)
        let address = place.dropLast().joined(separator: ":").filter { !"[]".contains($0) }
        self.place = ("\(setting.path): \(setting.key)", address.isEmpty ? nil : address, port)
    }

    /// The same must not be said in two ways.
    private mutating func settlePlace() throws(FlagError) {
        guard let place else { return }
        guard !namesClientPort || clientPort == place.port else {
            throw FlagError(
                "\(place.line) has port \(place.port) for clients, but clientPort is \(clientPort): leave one of them out"
            )
        }
        if let address = place.address, let other = clientAddress, address != other {
            throw FlagError(
                "\(place.line) has address \(address) for clients, but clientPortAddress is \(other): leave one of them "
                    + "out")
        }
        (clientPort, namesClientPort) = (place.port, true)
        clientAddress = clientAddress ?? place.address
    }

    /// What an ensemble's servers agree on is in a file of its own.
    private mutating func readServers(_ file: String, _ path: String) throws(FlagError) {
        guard let text = SmallFile.read(file) else {
            throw FlagError("\(path): dynamicConfigFile=\(file) cannot be read")
        }
        for line in text.split(whereSeparator: \.isNewline).map({ SmallFile.trimmed(String($0)) })
        where line.hasPrefix("server.") {
            let parts = line.split(separator: "=", maxSplits: 1).map { SmallFile.trimmed(String($0)) }
            guard parts.count == 2 else { throw FlagError("\(file): '\(line)' is no key=value line") }
            try addServer(ConfigurationValue(key: parts[0], value: parts[1], path: file))
        }
    }

    private mutating func readServerID() throws(FlagError) {
        let path = "\(dataDirectory)/myid"
        guard let content = SmallFile.read(path) else { return }
        let text = SmallFile.trimmed(content)
        guard let id = Int(text), (1...255).contains(id) else {
            throw FlagError("\(path): '\(text)' is wrong: expected a whole number from 1 to 255")
        }
        serverID = UInt8(id)
    }

    /// The administrator's server is off unless a port is named for it: ZooKeeper's own, 8080, is Marathon's.
    private mutating func settle() {
        if adminIsEnabled == false { adminPort = nil }
        if !metricsProvider.hasSuffix("PrometheusMetricsProvider") {
            metricsPort = nil
        } else {
            metricsPort = metricsPort ?? 7000
        }
    }

    var core: CoordinatorCore.Configuration {
        var core = decisions
        core.tickTime = tickTime
        core.minimumSessionTimeout = minimumSessionTimeout ?? tickTime &* 2
        core.maximumSessionTimeout = maximumSessionTimeout ?? tickTime &* 20
        core.serverID = serverID
        core.nonceSecret = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        return core
    }

    func disk(log: String, snapshots: String) -> DiskSettings {
        var settings = DiskSettings(logDirectory: log, snapshotDirectory: snapshots)
        settings.reserve = maximumFrame + maximumFrame / 4 + (64 << 10)
        settings.segmentSize = max(segmentKibibytes << 10, 8 * settings.reserve)
        settings.snapshotBytes = snapshotKibibytes << 10
        settings.snapshotEntries = snapshotEntries
        settings.slowSync = .milliseconds(slowSync)
        settings.retainedSnapshots = retainedSnapshots
        return settings
    }
}

/// One line of a zoo.cfg.
struct ConfigurationValue {
    let key: String
    let value: String
    let path: String

    func number(_ range: ClosedRange<Int>, allowsHexadecimal: Bool = false) throws(FlagError) -> Int {
        let isHexadecimal = allowsHexadecimal && value.lowercased().hasPrefix("0x")
        guard let number = isHexadecimal ? Int(value.dropFirst(2), radix: 16) : Int(value), range.contains(number)
        else {
            throw FlagError(
                "\(path): \(key)=\(value) is wrong: expected a whole number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    func bool() throws(FlagError) -> Bool {
        switch value.lowercased() {
        case "true", "yes": return true
        case "false", "no": return false
        default: throw FlagError("\(path): \(key)=\(value) is wrong: expected true or false")
        }
    }
}
