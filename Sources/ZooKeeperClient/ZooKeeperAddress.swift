import ZooKeeperProtocol

/// A `zk://` URL: the servers of one ensemble, a path, and who the client is.
public struct ZooKeeperAddress: Sendable, Equatable, CustomStringConvertible {
    /// One server of the ensemble.
    public struct Server: Sendable, Equatable {
        /// A name or an IPv4 address.
        public let host: String
        /// 2181 if the URL names none.
        public let port: Int
    }

    /// In the order of the URL, which has no meaning.
    public let servers: [Server]
    /// Absolute, without a slash at its end; `/` when the URL names none.
    public let path: String
    /// `user:password` for the scheme `digest`; never part of the description.
    let credentials: String?

    /// Why a text is no such URL, for the person who wrote it.
    public struct Malformed: Error, Sendable, CustomStringConvertible {
        /// What is wrong and what would be right, without a password.
        public let description: String
    }

    /// Reads `zk://host:port,host:port/path` and `zk://user:password@host:port/path`.
    public init(parsing text: String) throws(Malformed) {
        let scheme = "zk://"
        let whole = text.dropFirst(scheme.count)
        let at = whole[..<(whole.firstIndex(of: "/") ?? whole.endIndex)].lastIndex(of: "@")
        func wrong(_ reason: String) -> Malformed {
            // Whatever is wrong: what stands before an @ may be a password.
            let shown = text.lastIndex(of: "@").map { "\(text.hasPrefix(scheme) ? scheme : "")…\(text[$0...])" } ?? text
            return Malformed(
                description: "'\(shown)' is wrong: \(reason): expected zk://host1:port1,host2:port2/path, or "
                    + "zk://user:password@host1:port1/path")
        }
        guard text.hasPrefix(scheme) else { throw wrong("it does not start with zk://") }
        let rest = at.map { whole[whole.index(after: $0)...] } ?? whole
        credentials = at.map { String(whole[..<$0]) }
        if let credentials, credentials.split(separator: ":", omittingEmptySubsequences: false).count < 2 {
            throw wrong("before the @ there is no user:password")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var servers: [Server] = []
        for part in rest[..<slash].split(separator: ",") {
            let pieces = part.split(separator: ":", omittingEmptySubsequences: false)
            guard let port = pieces.count == 1 ? 2181 : Int(pieces[1]), pieces.count <= 2, !pieces[0].isEmpty,
                (1...65535).contains(port)
            else { throw wrong("'\(part)' is no host:port") }
            servers.append(Server(host: String(pieces[0]), port: port))
        }
        guard !servers.isEmpty else { throw wrong("it names no server") }
        self.servers = servers
        var path = String(rest[slash...])
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path.isEmpty ? "/" : path
    }

    /// The URL without credentials.
    public var description: String {
        "zk://" + servers.map { "\($0.host):\($0.port)" }.joined(separator: ",") + (path == "/" ? "" : path)
    }
}
