/// The server's side of SASL DIGEST-MD5 (RFC 2831) for one connection, as ZooKeeper speaks it: realm `zk-sasl-md5`,
/// quality of protection `auth`.
struct SASLDigest: Sendable {
    static let realm = "zk-sasl-md5"

    enum Step: Sendable, Equatable {
        case challenge([UInt8])
        /// The last token for the client, and who it is.
        case done([UInt8], user: String)
        case refused
    }

    private let nonce: String
    private let passwords: [String: String]
    private var isChallenged = false

    /// `nonce` must be one that nobody can foresee.
    init(nonce: String, passwords: [String: String]) {
        self.nonce = nonce
        self.passwords = passwords
    }

    mutating func step(_ token: [UInt8]) -> Step {
        guard isChallenged else {
            isChallenged = true
            return .challenge(
                Array("realm=\"\(Self.realm)\",nonce=\"\(nonce)\",qop=\"auth\",charset=utf-8,algorithm=md5-sess".utf8))
        }
        let fields = Self.fields(token)
        guard let user = fields["username"], let password = passwords[user], fields["nonce"] == nonce,
            let uri = fields["digest-uri"], uri.hasPrefix("zookeeper/"), let cnonce = fields["cnonce"],
            fields["nc"] == "00000001", fields["qop", default: "auth"] == "auth", let response = fields["response"]
        else { return .refused }
        let realm = fields["realm"] ?? ""
        guard let secret = DigestScheme.md5(Array("\(user):\(realm):\(password)".utf8)) else { return .refused }
        var session = secret + Array(":\(nonce):\(cnonce)".utf8)
        if let authorized = fields["authzid"] { session += Array(":\(authorized)".utf8) }
        func digest(_ text: String) -> String? { DigestScheme.md5(Array(text.utf8)).map(Self.hex) }
        func proof(_ key: String, _ method: String) -> String? {
            digest("\(method):\(uri)").flatMap { digest("\(key):\(nonce):00000001:\(cnonce):auth:\($0)") }
        }
        guard realm == Self.realm, let key = DigestScheme.md5(session).map(Self.hex),
            let expected = proof(key, "AUTHENTICATE"), Self.isSame(expected, response), let answer = proof(key, "")
        else { return .refused }
        return .done(Array("rspauth=\(answer)".utf8), user: user)
    }

    /// Takes the same time wherever the two differ.
    private static func isSame(_ left: String, _ right: String) -> Bool {
        let pairs = zip(left.utf8, right.utf8)
        return left.utf8.count == right.utf8.count && pairs.reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// `name=value` and `name="value"` between commas; the first of a name counts.
    private static func fields(_ token: [UInt8]) -> [String: String] {
        var fields: [String: String] = [:]
        var rest = token[...]
        while let equals = rest.firstIndex(of: UInt8(ascii: "=")) {
            let name = String(decoding: rest[..<equals].filter { $0 != 0x20 && $0 != 0x2c }, as: UTF8.self)
            rest = rest[(equals + 1)...]
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
                    value.append(byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte)
                }
            } else {
                while let byte = rest.popFirst(), byte != UInt8(ascii: ",") { value.append(byte) }
            }
            if fields[name] == nil { fields[name] = String(decoding: value, as: UTF8.self) }
        }
        return fields
    }
}
