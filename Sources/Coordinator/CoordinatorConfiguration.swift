import ServiceKit

/// A zoo.cfg (org.apache.zookeeper.server.quorum.QuorumPeerConfig) as far as a standalone server uses it.
public struct CoordinatorConfiguration: Sendable {
    public var dataDirectory: String
    /// Where the log goes: `dataLogDir`, by default the data directory.
    public var logDirectory: String
    public var clientAddress = "0.0.0.0"
    public var clientPort = 2181
    /// Milliseconds.
    public var tickTime: Int32 = 3000
    public var minimumSessionTimeout: Int32?
    public var maximumSessionTimeout: Int32?
    /// Connections from one address; 0 is no limit.
    public var maximumClientConnections = 60
    /// A larger frame ends its connection (`jute.maxbuffer`).
    public var maximumFrame = 0xfffff
    /// The four-letter words that are answered (`4lw.commands.whitelist`).
    public var fourLetterWords: Set<String> = ["srvr"]
    /// `myid`: the top byte of session ids.
    public var serverID: UInt8 = 0
    /// Keys that this server does not know: they are named in a warning.
    public private(set) var unknownKeys: [String] = []
    private var servers: [String] = []

    public init(dataDirectory: String) {
        self.dataDirectory = dataDirectory
        logDirectory = dataDirectory
    }

    /// Reads zoo.cfg text; `path` names it in errors. Reads `myid` from the data directory.
    public init(parsing text: String, path: String) throws(FlagError) {
        self.init(dataDirectory: "")
        var logDirectory: String?
        for line in text.split(whereSeparator: \.isNewline).map({ SmallFile.trimmed(String($0)) })
        where !line.isEmpty && !line.hasPrefix("#") {
            guard let equals = line.firstIndex(of: "=") else {
                throw FlagError("\(path): '\(line)' is no key=value line")
            }
            let key = SmallFile.trimmed(String(line[..<equals]))
            let value = SmallFile.trimmed(String(line[line.index(after: equals)...]))
            if key == "dataLogDir" { logDirectory = value } else { try set(key, value, path) }
        }
        guard !dataDirectory.isEmpty else { throw FlagError("\(path): dataDir is missing: dataDir=/var/lib/zookeeper") }
        self.logDirectory = logDirectory ?? dataDirectory
        guard servers.count < 2 else {
            throw FlagError(
                "\(path): \(servers.joined(separator: ", ")) describe an ensemble, which this version cannot be part "
                    + "of: leave one server, or use Apache ZooKeeper for the ensemble")
        }
        guard core.minimumSessionTimeout <= core.maximumSessionTimeout else {
            throw FlagError(
                "\(path): minSessionTimeout (\(core.minimumSessionTimeout) ms) is above maxSessionTimeout "
                    + "(\(core.maximumSessionTimeout) ms): by default they are 2 and 20 times tickTime")
        }
        try readServerID()
    }

    private mutating func set(_ key: String, _ value: String, _ path: String) throws(FlagError) {
        func number(_ range: ClosedRange<Int>) throws(FlagError) -> Int {
            guard let number = Int(value), range.contains(number) else {
                throw FlagError(
                    "\(path): \(key)=\(value) is wrong: expected a whole number from \(range.lowerBound) to "
                        + "\(range.upperBound)")
            }
            return number
        }
        let milliseconds = 1...86_400_000
        switch key {
        case "dataDir": dataDirectory = value
        case "clientPort": clientPort = try number(0...65535)
        case "clientPortAddress": clientAddress = value
        case "tickTime": tickTime = Int32(try number(1...3_600_000))
        case "minSessionTimeout": minimumSessionTimeout = value == "-1" ? nil : Int32(try number(milliseconds))
        case "maxSessionTimeout": maximumSessionTimeout = value == "-1" ? nil : Int32(try number(milliseconds))
        case "maxClientCnxns": maximumClientConnections = try number(0...1_000_000)
        case "jute.maxbuffer": maximumFrame = try number(1024...(256 << 20))
        case "4lw.commands.whitelist":
            fourLetterWords = Set(value.split(separator: ",").map { SmallFile.trimmed(String($0)) })
            if fourLetterWords.contains("*") { fourLetterWords = Set(FourLetterWord.allCases.map(\.rawValue)) }
        // Snapshots and the purge of old ones need no tuning here; limits of an ensemble say nothing to one server.
        case "initLimit", "syncLimit", "autopurge.snapRetainCount", "autopurge.purgeInterval", "admin.enableServer",
            "admin.serverPort", "standaloneEnabled", "snapCount", "preAllocSize":
            break
        default:
            if key.hasPrefix("server.") { servers.append(key) } else { unknownKeys.append(key) }
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

    var core: CoordinatorCore.Configuration {
        CoordinatorCore.Configuration(
            tickTime: tickTime, minimumSessionTimeout: minimumSessionTimeout ?? tickTime &* 2,
            maximumSessionTimeout: maximumSessionTimeout ?? tickTime &* 20, serverID: serverID)
    }
}
