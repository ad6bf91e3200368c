import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import HTTPKit

@Suite("Streams and the HTTP client", .timeLimit(.minutes(1)))
struct HTTPStreamTests {
    private func open(
        _ server: HTTPServer, _ service: EchoService, _ client: HTTPClient
    ) async throws -> (HTTPBodyStream, HTTPAnswerStream) {
        let answer = try await client.stream(.GET, host: "127.0.0.1", port: server.port, uri: "/stream")
        var opened = service.opened.makeAsyncIterator()
        return (try #require(await opened.next()), answer)
    }

    @Test("The pieces of a body arrive while it goes on, and its end ends the stream")
    func pieces() async throws {
        try await withServer { server, service, client in
            let (body, answer) = try await open(server, service, client)
            #expect(answer.status == .ok)
            #expect(answer.headers["Transfer-Encoding"] == ["chunked"])
            var received: [UInt8] = []
            var pieces = answer.body.makeAsyncIterator()
            for piece in ["one", "two", "three"] {
                body.write(Array(piece.utf8))
                received += try #require(try await pieces.next())
            }
            body.end()
            while let piece = try await pieces.next() { received += piece }
            #expect(received == Array("onetwothree".utf8))
        }
    }

    @Test("The service hears when the reader goes away")
    func readerGone() async throws {
        try await withServer { server, service, client in
            let (_, answer) = try await open(server, service, client)
            answer.close()
            var closed = service.closed.makeAsyncIterator()
            await closed.next()
        }
    }

    @Test("A stream that is cut off is an error, not an end")
    func abort() async throws {
        try await withServer { server, service, client in
            let (body, answer) = try await open(server, service, client)
            body.abort()
            await #expect(throws: (any Error).self) { for try await _ in answer.body {} }
        }
    }

    @Test("A server that closes ends its streams")
    func serverCloses() async throws {
        try await withServer { server, service, client in
            let (_, answer) = try await open(server, service, client)
            await server.close()
            await #expect(throws: (any Error).self) { for try await _ in answer.body {} }
            var closed = service.closed.makeAsyncIterator()
            await closed.next()
        }
    }

    @Test("After its end a server listens no more")
    func notListening() async throws {
        let (port, client) = try await withServer { server, _, client in (server.port, client) }
        let error = await #expect(throws: HTTPClientError.self) {
            try await client.execute(.GET, host: "127.0.0.1", port: port, uri: "/")
        }
        #expect(error?.description.hasPrefix("cannot connect to 127.0.0.1:\(port): ") == true)
    }

    @Test("An answer that does not come in time is an error")
    func timeout() async throws {
        try await withServer { server, _, client in
            let error = await #expect(throws: HTTPClientError.self) {
                try await client.execute(
                    .GET, host: "127.0.0.1", port: server.port, uri: "/silence", timeout: .milliseconds(10))
            }
            #expect(error?.description == "no answer in time")
        }
    }

    @Test("A peer that closes without an answer is an error")
    func closedWithoutAnswer() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group)
            .childChannelInitializer { $0.close() }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        await #expect(throws: (any Error).self) {
            try await HTTPClient(group: group).execute(.GET, host: "127.0.0.1", port: port, uri: "/")
        }
        try await listener.close()
    }

    @Test("Files of the web interface have a type and a tag by which they are not sent again")
    func webPages() throws {
        let pages = WebPages(["/": .init(type: "text/html", bytes: Array("<p>".utf8))])
        let get = HTTPRequest(method: .GET, uri: "/")
        #expect(pages.response(to: "/other", get) == nil)
        let page = try #require(pages.response(to: "/", get))
        #expect(page.status == .ok)
        #expect(page.body == Array("<p>".utf8))
        #expect(page.headers["Content-Type"] == ["text/html"])
        let tag = try #require(page.headers.first(name: "ETag"))
        let again = HTTPRequest(method: .GET, uri: "/", headers: ["If-None-Match": tag])
        #expect(pages.response(to: "/", again)?.status == .notModified)
        let other = HTTPRequest(method: .GET, uri: "/", headers: ["If-None-Match": "\"other\""])
        #expect(pages.response(to: "/", other)?.status == .ok)
        #expect(pages.response(to: "/", HTTPRequest(method: .PUT, uri: "/"))?.status == .methodNotAllowed)
    }
}
