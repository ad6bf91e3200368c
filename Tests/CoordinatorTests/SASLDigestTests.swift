import Testing

@testable import Coordinator

@Suite("SASL DIGEST-MD5 (RFC 2831)")
struct SASLDigestTests {
    /// The exchange of RFC 2831, section 4, with ZooKeeper's realm and service: what another implementation answers is
    /// seen by the tests with kazoo.
    private func response(_ challenge: [UInt8], user: String, password: String, nonce: String? = nil) -> [UInt8] {
        let text = String(decoding: challenge, as: UTF8.self)
        let given = text.firstMatch(of: #/nonce="([^"]+)"/#).map { String($0.1) } ?? ""
        let nonce = nonce ?? given
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        func md5(_ bytes: [UInt8]) -> [UInt8] { DigestScheme.md5(bytes) ?? [] }
        let secret = md5(Array("\(user):zk-sasl-md5:\(password)".utf8))
        let key = hex(md5(secret + Array(":\(nonce):abc".utf8)))
        let target = hex(md5(Array("AUTHENTICATE:zookeeper/zk-sasl-md5".utf8)))
        let proof = hex(md5(Array("\(key):\(nonce):00000001:abc:auth:\(target)".utf8)))
        return Array(
            ("charset=utf-8,username=\"\(user)\",realm=\"zk-sasl-md5\",nonce=\"\(nonce)\",nc=00000001,cnonce=\"abc\","
                + "digest-uri=\"zookeeper/zk-sasl-md5\",response=\(proof),qop=auth").utf8)
    }

    private var login = SASLDigest(nonce: "n0nce", passwords: ["bob": "builder", "a\"b": "x"])

    private mutating func challenge() throws -> [UInt8] {
        guard case .challenge(let challenge) = login.step([]) else { throw CancellationError() }
        return challenge
    }

    @Test("Who knows the password is let in, and is shown that the server knows it too")
    mutating func success() throws {
        guard case .done(let proof, let user) = login.step(response(try challenge(), user: "bob", password: "builder"))
        else {
            Issue.record("refused")
            return
        }
        #expect(user == "bob")
        #expect(proof.starts(with: Array("rspauth=".utf8)))
        #expect(proof.count == 40)
    }

    @Test("Everybody else is refused", arguments: [("bob", "wrong"), ("eve", "builder"), ("", "")])
    mutating func refused(user: String, password: String) throws {
        #expect(login.step(response(try challenge(), user: user, password: password)) == .refused)
    }

    @Test("An answer to another challenge is refused")
    mutating func replayed() throws {
        #expect(login.step(response(try challenge(), user: "bob", password: "builder", nonce: "old")) == .refused)
    }

    @Test(
        "Tokens without sense are refused",
        arguments: ["", "=", "username=\"bob", "a=b,c=\"\\", "username=bob,nonce=n0nce"])
    mutating func nonsense(token: String) throws {
        _ = try challenge()
        #expect(login.step(Array(token.utf8)) == .refused)
    }
}
