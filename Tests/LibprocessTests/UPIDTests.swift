import Testing

@testable import Libprocess

@Suite("Addresses of actors")
struct UPIDTests {
    @Test(
        "id@ip:port is read and written",
        arguments: [
            ("master@10.0.0.1:5050", "master", "10.0.0.1", 5050),
            ("slave(1)@host.domain:1", "slave(1)", "host.domain", 1),
            ("scheduler-5f2a@127.0.0.1:65535", "scheduler-5f2a", "127.0.0.1", 65535),
        ])
    func parse(text: String, id: String, ip: String, port: Int) throws {
        let upid = try #require(UPID(text))
        #expect(upid == UPID(id: id, ip: ip, port: port))
        #expect(upid.description == text)
        #expect(upid.address == "\(ip):\(port)")
    }

    @Test(
        "What names no actor is nil",
        arguments: [
            "", UPID.nobody, "master", "master@10.0.0.1", "10.0.0.1:5050", "@10.0.0.1:5050", "master@:5050",
            "master@10.0.0.1:", "master@10.0.0.1:0", "master@10.0.0.1:65536", "master@10.0.0.1:x", "a:1@b",
        ])
    func refused(text: String) {
        #expect(UPID(text) == nil)
    }
}
