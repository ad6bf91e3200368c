import HTTPKit
import MesosProtocol
import NIOCore
import NIOHTTP1
import Testing

@testable import Libprocess

@Suite("Messages as HTTP requests (Mesos reference, 6.1)")
struct LibprocessMessageTests {
    private static let master = UPID(id: "master", ip: "10.0.0.1", port: 5050)
    private static let agent = UPID(id: "slave(1)", ip: "10.0.0.2", port: 5051)

    private func read(_ uri: String, _ headers: HTTPHeaders, method: HTTPMethod = .POST, body: [UInt8] = [])
        -> LibprocessMessage?
    {
        LibprocessMessage(HTTPRequest(method: method, uri: uri, headers: headers, body: body))
    }

    @Test("The sender is Libprocess-From, or else the rest of the User-Agent")
    func sender() throws {
        let uri = "/master/mesos.internal.PongSlaveMessage"
        let both: HTTPHeaders = ["User-Agent": "libprocess/slave(1)@10.0.0.2:5051", "Libprocess-From": "a@10.0.0.3:1"]
        #expect(try #require(read(uri, both)).from == UPID("a@10.0.0.3:1"))
        let agent: HTTPHeaders = ["User-Agent": "libprocess/slave(1)@10.0.0.2:5051"]
        #expect(try #require(read(uri, agent)).from == Self.agent)
        let unreadable = try #require(read(uri, ["Libprocess-From": "nonsense"]))
        #expect(unreadable.from == nil)
        #expect(unreadable.to == "master")
    }

    @Test("Other requests are no messages")
    func others() {
        let headers: HTTPHeaders = ["Libprocess-From": "a@10.0.0.3:1"]
        #expect(read("/master/x", headers, method: .PUT) == nil)
        #expect(read("/master/x", headers, method: .GET) == nil)
        #expect(read("/master/x", ["User-Agent": "curl/8"]) == nil)
        #expect(read("/master", headers) == nil)
        #expect(read("/", headers) == nil)
    }

    @Test("The receiver may be percent-encoded", arguments: ["/slave(1)/a.B", "/slave%281%29/a.B"])
    func receiver(uri: String) throws {
        let message = try #require(read(uri, ["Libprocess-From": "master@10.0.0.1:5050"]))
        #expect(message.to == "slave(1)")
        #expect(message.name == "a.B")
    }

    @Test("A message is decoded as the type it names, if it is well formed")
    func decode() throws {
        let headers: HTTPHeaders = ["Libprocess-From": "master@10.0.0.1:5050"]
        let uri = "/slave(1)/mesos.internal.PingSlaveMessage"
        let good = try #require(read(uri, headers, body: [8, 1]))
        #expect(good.decode(Internal.PingSlaveMessage.self)?.connected == true)
        #expect(good.decode(Internal.PongSlaveMessage.self) == nil)
        let bad = try #require(read(uri, headers, body: [8]))
        #expect(bad.decode(Internal.PingSlaveMessage.self) == nil)
    }

    @Test("A request has exactly the bytes that libprocess sends")
    func bytes() {
        let buffer = LibprocessSender.request(
            name: "mesos.internal.RegisterSlaveMessage", body: [UInt8](repeating: 0x41, count: 26), from: Self.agent,
            to: Self.master)
        let expected =
            "POST /master/mesos.internal.RegisterSlaveMessage HTTP/1.1\r\n"
            + "User-Agent: libprocess/slave(1)@10.0.0.2:5051\r\n" + "Libprocess-From: slave(1)@10.0.0.2:5051\r\n"
            + "Connection: Keep-Alive\r\n" + "Host: \r\n" + "Transfer-Encoding: chunked\r\n" + "\r\n" + "1a\r\n"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAA\r\n" + "0\r\n" + "\r\n"
        #expect(String(buffer: buffer) == expected)
    }

    @Test("A message of no bytes has no body at all")
    func emptyBody() {
        let buffer = LibprocessSender.request(
            name: "mesos.internal.PongSlaveMessage", body: [], from: Self.agent, to: Self.master)
        let expected =
            "POST /master/mesos.internal.PongSlaveMessage HTTP/1.1\r\n"
            + "User-Agent: libprocess/slave(1)@10.0.0.2:5051\r\n" + "Libprocess-From: slave(1)@10.0.0.2:5051\r\n"
            + "Connection: Keep-Alive\r\n" + "Host: \r\n" + "\r\n"
        #expect(String(buffer: buffer) == expected)
    }
}
