import COpenSSL
import JSONText

/// The scheme `digest`: a user and the hash of user and password (DigestAuthenticationProvider of ZooKeeper).
enum DigestScheme {
    /// How passwords are hashed, by the names that Java and OpenSSL share
    /// (`zookeeper.DigestAuthenticationProvider.digestAlg`).
    enum Algorithm: String, CaseIterable {
        case sha1 = "SHA1"
        case sha256 = "SHA-256"
        case sha384 = "SHA-384"
        case sha512 = "SHA-512"
        case sha3of256 = "SHA3-256"
        case sha3of512 = "SHA3-512"

        init?(named name: String) { self.init(rawValue: name == "SHA-1" ? "SHA1" : name) }
    }

    /// `user:base64(hash(user:password))` of `user:password`; nil where the system's policy forbids the algorithm.
    static func id(of proof: [UInt8], _ algorithm: Algorithm = .sha1) -> String? {
        let user = proof.prefix { $0 != UInt8(ascii: ":") }
        return hash(proof, algorithm.rawValue).map { String(decoding: user, as: UTF8.self) + ":" + Base64.encode($0) }
    }

    /// Nil where the system's policy forbids MD5.
    static func md5(_ bytes: [UInt8]) -> [UInt8]? { hash(bytes, "MD5") }

    /// Text that nobody can foresee who does not know the seed.
    static func nonce(of seed: [UInt8]) -> String? { hash(seed, "SHA256").map { Base64.encode($0) } }

    private static func hash(_ bytes: [UInt8], _ algorithm: String) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count = digest.count
        guard EVP_Q_digest(nil, algorithm, nil, bytes, bytes.count, &digest, &count) == 1 else { return nil }
        return Array(digest.prefix(count))
    }
}
