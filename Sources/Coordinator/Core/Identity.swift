import ServiceKit
import ZooKeeperProtocol

/// Who a connection has proved to be: (`digest`, `user:hash`), (`ip`, address), (`super`, "") and the like.
struct Identity: Hashable, Sendable {
    let scheme: String
    let id: String

    /// May do everything.
    static let superUser = Identity(scheme: "super", id: "")

    /// What of it others may see (AuthenticationProvider.getUserName).
    var userName: String {
        switch scheme {
        case "digest": String(id.prefix { $0 != ":" })
        case "super": ""
        default: id
        }
    }
}

/// The rules of access control lists (org.apache.zookeeper.server.auth).
struct AccessControl: Sendable {
    /// Lists are kept, but nothing is refused by them (`skipACL=yes`).
    var isSkipped = false
    /// Whether the scheme `digest` is known (`DigestAuthenticationProvider.enabled`).
    var hasDigest = true
    /// Schemes beyond world, auth, digest and ip that this server knows.
    var extraSchemes: Set<String> = []

    func allows(_ permissions: Int32, _ acl: [ACL], to identities: Set<Identity>) -> Bool {
        if isSkipped || acl.isEmpty { return true }
        if identities.contains(where: { $0.scheme == "super" }) { return true }
        return acl.contains { entry in
            guard entry.permissions & permissions != 0 else { return false }
            if entry.scheme == "world", entry.id == "anyone" { return true }
            return identities.contains { $0.scheme == entry.scheme && Self.matches($0, entry.id) }
        }
    }

    private static func matches(_ identity: Identity, _ id: String) -> Bool {
        identity.scheme == "ip"
            ? IPv4Network(id)?.contains(identity.id) ?? (id == identity.id) : identity.id == id
    }

    /// The list that is kept when a client asks for this one: without doubles, `auth` replaced by who it is. Nil for
    /// a list that is none.
    func resolve(_ acl: [ACL], for identities: Set<Identity>) -> [ACL]? {
        var resolved: [ACL] = []
        var seen: Set<ACL> = []
        for entry in acl where seen.insert(entry).inserted {
            switch entry.scheme {
            case "world" where entry.id == "anyone": resolved.append(entry)
            case "auth":
                let own = identities.filter { $0.scheme != "ip" && $0.scheme != "super" }
                guard !own.isEmpty else { return nil }
                for identity in own.sorted(by: { ($0.scheme, $0.id) < ($1.scheme, $1.id) }) {
                    resolved.append(ACL(permissions: entry.permissions, scheme: identity.scheme, id: identity.id))
                }
            case "digest" where hasDigest:
                guard entry.id.split(separator: ":").count == 2 else { return nil }
                resolved.append(entry)
            case "ip":
                guard IPv4Network(entry.id) != nil else { return nil }
                resolved.append(entry)
            case "x509" where extraSchemes.contains("x509"):
                guard Self.isDistinguishedName(entry.id) else { return nil }
                resolved.append(entry)
            case let scheme where extraSchemes.contains(scheme) && !entry.id.isEmpty: resolved.append(entry)
            default: return nil
            }
        }
        return resolved.isEmpty ? nil : resolved
    }

    /// Whether each part of a name is `type=value` (RFC 2253), as far as a mistake is likely.
    private static func isDistinguishedName(_ text: String) -> Bool {
        var parts: [String] = [""]
        var isEscaped = false
        for character in text {
            let isSeparator = !isEscaped && ",+;".contains(character)
            if isSeparator { parts.append("") } else { parts[parts.count - 1].append(character) }
            isEscaped = !isEscaped && character == "\\"
        }
        return parts.allSatisfy { part in
            let type = part.prefix { $0 != "=" }.drop { $0 == " " }
            return !type.isEmpty && type.count < part.count
                && type.allSatisfy { $0.isLetter || $0.isNumber || $0 == "." }
        }
    }

    /// A list as somebody sees it who may read but not administer a node: without the hashes of passwords.
    static func masked(_ acl: [ACL]) -> [ACL] {
        acl.map { entry in
            guard entry.scheme == "digest" else { return entry }
            let user = entry.id.prefix { $0 != ":" }
            return ACL(permissions: entry.permissions, scheme: entry.scheme, id: "\(user):x")
        }
    }
}

/// `10.0.0.1` or `10.0.0.0/8`: what an entry of the scheme `ip` may say.
struct IPv4Network: Sendable, Equatable {
    let address: UInt32
    let bits: UInt32

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = Self.parse(first) else { return nil }
        self.address = address
        guard parts.count == 2 else {
            bits = 32
            return
        }
        guard let bits = UInt32(parts[1]), bits <= 32 else { return nil }
        self.bits = bits
    }

    private static func parse(_ text: Substring) -> UInt32? {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 4 else { return nil }
        var address: UInt32 = 0
        for number in numbers {
            guard let byte = UInt8(number) else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    func contains(_ text: String) -> Bool {
        guard let other = Self.parse(text[...]) else { return false }
        return bits == 0 || (address ^ other) >> (32 - bits) == 0
    }
}
