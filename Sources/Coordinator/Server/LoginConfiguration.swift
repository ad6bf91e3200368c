import ServiceKit

/// The users of SASL DIGEST-MD5, from the `Server` section of a JAAS login configuration (ZooKeeper's "Client-Server
/// mutual authentication"):
///
///     Server {
///         org.apache.zookeeper.server.auth.DigestLoginModule required
///         user_alice="secret";
///     };
enum LoginConfiguration {
    static func passwords(_ path: String) throws(FlagError) -> [String: String] {
        guard let text = SmallFile.read(path) else { throw FlagError("\(path): cannot read this login configuration") }
        let plain = text.split(whereSeparator: \.isNewline).filter { line in
            let start = SmallFile.trimmed(String(line))
            return !start.hasPrefix("//") && !start.hasPrefix("#")
        }.joined(separator: "\n")
        guard let section = plain.firstMatch(of: #/(?:^|\s)Server\s*\{([^}]*)\}/#) else {
            throw FlagError("\(path): there is no section Server { ... }")
        }
        guard section.1.contains("DigestLoginModule") else {
            throw FlagError(
                "\(path): the section Server names no DigestLoginModule, the only login module that is supported")
        }
        var passwords: [String: String] = [:]
        for match in section.1.matches(of: #/user_([^\s="]+)\s*=\s*"([^"]*)"/#) {
            passwords[String(match.1)] = String(match.2)
        }
        return passwords
    }
}
