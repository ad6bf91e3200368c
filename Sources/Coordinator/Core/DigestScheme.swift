import CGcrypt
import JSONText

/// The scheme `digest`: a user and the hash of user and password (DigestAuthenticationProvider of ZooKeeper).
enum DigestScheme {
    /// `user:base64(sha1(user:password))` of `user:password`.
    static func id(of proof: [UInt8]) -> String {
        let user = proof.prefix { $0 != UInt8(ascii: ":") }
        return String(decoding: user, as: UTF8.self) + ":" + Base64.encode(hash(proof, GCRY_MD_SHA1, length: 20))
    }

    static func md5(_ bytes: [UInt8]) -> [UInt8] { hash(bytes, GCRY_MD_MD5, length: 16) }

    private static let isReady: Bool = gcry_check_version(nil) != nil

    private static func hash(_ bytes: [UInt8], _ algorithm: gcry_md_algos, length: Int) -> [UInt8] {
        precondition(isReady, "libgcrypt does not start")
        var digest = [UInt8](repeating: 0, count: length)
        gcry_md_hash_buffer(Int32(algorithm.rawValue), &digest, bytes, bytes.count)
        return digest
    }
}
