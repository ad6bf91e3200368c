import HTTPKit
import MesosProtocol
import NIOCore
import NIOPosix
import Testing

@testable import Libprocess

@Suite("Sending to other processes", .timeLimit(.minutes(1)))
struct LibprocessSenderTests {
    private final class Inbox: HTTPService {
        let messages: AsyncStream<LibprocessMessage>
        private let continuation: AsyncStream<LibprocessMessage>.Continuation

        init() { (messages, continuation) = AsyncStream.makeStream() }

        func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
            if let message = LibprocessMessage(request) { continuation.yield(message) }
            responder.respond(HTTPResponse(.accepted))
        }
    }

    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let own = UPID(id: "master", ip: "127.0.0.1", port: 5050)

    /// A sender, what to do on its event loop, and the addresses that it reported as gone.
    private func start(
        _ work: @escaping @Sendable (LibprocessSender) -> Void
    ) async throws -> (sender: NIOLoopBound<LibprocessSender>, gone: AsyncStream<String>) {
        let (gone, continuation) = AsyncStream<String>.makeStream()
        let sender = try await eventLoop.submit { [eventLoop] in
            let sender = LibprocessSender(eventLoop: eventLoop) { continuation.yield($0) }
            work(sender)
            return NIOLoopBound(sender, eventLoop: eventLoop)
        }.get()
        return (sender, gone)
    }

    @Test("Messages arrive in order, over one connection, and its loss is reported")
    func order() async throws {
        let inbox = Inbox()
        let server = try await HTTPServer.start(host: "127.0.0.1", port: 0, group: eventLoop, service: inbox)
        let receiver = UPID(id: "slave(1)", ip: "127.0.0.1", port: server.port)
        let (sender, gone) = try await start { [own] sender in
            for connected in [true, false] {
                sender.send(Internal.PingSlaveMessage.with { $0.connected = connected }, from: own, to: receiver)
            }
            sender.send(Internal.PongSlaveMessage(), from: own, to: receiver)
        }
        var received = inbox.messages.makeAsyncIterator()
        let first = try #require(await received.next())
        #expect(first.from == own)
        #expect(first.to == "slave(1)")
        #expect(first.decode(Internal.PingSlaveMessage.self)?.connected == true)
        #expect(await received.next()?.decode(Internal.PingSlaveMessage.self)?.connected == false)
        #expect(await received.next()?.name == "mesos.internal.PongSlaveMessage")
        await server.close()
        var reported = gone.makeAsyncIterator()
        #expect(await reported.next() == receiver.address)
        try await eventLoop.submit { sender.value.closeAll() }.get()
    }

    @Test("A process that cannot be reached is reported")
    func unreachable() async throws {
        let server = try await HTTPServer.start(host: "127.0.0.1", port: 0, group: eventLoop, service: Inbox())
        let receiver = UPID(id: "slave(1)", ip: "127.0.0.1", port: server.port)
        await server.close()
        let (_, gone) = try await start { $0.link(receiver) }
        var reported = gone.makeAsyncIterator()
        #expect(await reported.next() == receiver.address)
    }

    @Test("A connection that this side closes is not reported")
    func closedHere() async throws {
        let inbox = Inbox()
        let server = try await HTTPServer.start(host: "127.0.0.1", port: 0, group: eventLoop, service: inbox)
        let receiver = UPID(id: "slave(1)", ip: "127.0.0.1", port: server.port)
        let (sender, gone) = try await start { [own] in $0.send(Internal.PongSlaveMessage(), from: own, to: receiver) }
        var received = inbox.messages.makeAsyncIterator()
        _ = await received.next()
        try await eventLoop.submit { sender.value.closeAll() }.get()
        // The loss of a second process shows that everything before it was seen.
        let second = try await HTTPServer.start(host: "127.0.0.1", port: 0, group: eventLoop, service: inbox)
        let absent = UPID(id: "slave(1)", ip: "127.0.0.1", port: second.port)
        await second.close()
        try await eventLoop.submit { sender.value.link(absent) }.get()
        var reported = gone.makeAsyncIterator()
        #expect(await reported.next() == absent.address)
        await server.close()
    }
}
