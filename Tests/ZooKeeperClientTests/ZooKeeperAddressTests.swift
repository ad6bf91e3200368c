import Testing

@testable import ZooKeeperClient

@Suite("zk:// URLs")
struct ZooKeeperAddressTests {
    @Test("Servers, path and credentials are taken apart")
    func parse() throws {
        let plain = try ZooKeeperAddress(parsing: "zk://a:1,b/mesos/")
        #expect(plain.servers.map(\.host) == ["a", "b"])
        #expect(plain.servers.map(\.port) == [1, 2181])
        #expect(plain.path == "/mesos")
        #expect(plain.credentials == nil)
        #expect(try ZooKeeperAddress(parsing: "zk://user:p@ss:word@a/x@y").credentials == "user:p@ss:word")
        #expect(try ZooKeeperAddress(parsing: "zk://a").path == "/")
    }

    @Test("A password is in no text")
    func secret() throws {
        #expect(try ZooKeeperAddress(parsing: "zk://user:secret@a:1/b").description == "zk://a:1/b")
        for text in [
            "zk://user:secret@/b", "zk://user:secret@a:0/b", "zk://secret@a/b", "zk:x://user:secret@a/b",
            "http://user:secret@a",
        ] {
            let error = try #require(throws: ZooKeeperAddress.Malformed.self) { try ZooKeeperAddress(parsing: text) }
            #expect(!error.description.contains("secret"), "\(error)")
        }
    }

    @Test(
        "What is no such URL is refused",
        arguments: ["", "a:2181", "zk://", "zk:///x", "zk://a:b/x", "zk://a:1:2/x"])
    func malformed(text: String) {
        #expect(throws: ZooKeeperAddress.Malformed.self) { try ZooKeeperAddress(parsing: text) }
    }
}
