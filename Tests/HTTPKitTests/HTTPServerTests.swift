import NIOCore
import NIOHTTP1
import Testing

@testable import HTTPKit

@Suite("The HTTP server", .timeLimit(.minutes(1)))
struct HTTPServerTests {
    @Test("Method, path, query, host and body reach the service and come back")
    func echo() async throws {
        try await withServer { server, _, client in
            let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            let answer = try await client.execute(
                .POST, host: "127.0.0.1", port: server.port, uri: "/a%20b?c=d", body: body)
            #expect(answer.status == .ok)
            #expect(answer.body == body)
            #expect(answer.headers["X-Method"] == ["POST"])
            #expect(answer.headers["X-Path"] == ["/a b"])
            #expect(answer.headers["X-Query"] == ["c=d"])
            #expect(answer.headers["X-Host"] == ["127.0.0.1:\(server.port)"])
            #expect(answer.headers["X-Remote"] == ["127.0.0.1"])
            #expect(answer.headers["Content-Length"] == ["300000"])
        }
    }

    @Test("A body of the limit is taken, a longer one is answered with 413")
    func bodyLimit() async throws {
        try await withServer(limits: .init(bodySize: 1000)) { server, _, client in
            for (size, status) in [
                (1000, HTTPResponseStatus.ok), (1001, .payloadTooLarge), (100_000, .payloadTooLarge),
            ] {
                let body = [UInt8](repeating: 1, count: size)
                let answer = try await client.execute(.POST, host: "127.0.0.1", port: server.port, uri: "/", body: body)
                #expect(answer.status == status)
            }
        }
    }

    @Test("Pipelined requests are answered in order, also when the first is answered later")
    func pipelined() async throws {
        try await withServer { server, _, _ in
            let request = "GET /later?1 HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n"
            let end = "GET /later?2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let received = try await exchange(server.port, request + end)
            #expect(received.occurrences(of: "HTTP/1.1 200 OK") == 3)
            let first = try #require(received.firstRange(of: "later 1"))
            let second = try #require(received.firstRange(of: "X-Path: /now"))
            let third = try #require(received.firstRange(of: "later 2"))
            #expect(first.upperBound < second.lowerBound && second.upperBound < third.lowerBound)
        }
    }

    @Test(
        "A request without a host, or with an empty one, is served (libprocess sends such)",
        arguments: [("Host: \r\n", "X-Host: \r\n"), ("", "X-Host: -\r\n"), ("Host:\r\n", "X-Host: \r\n")])
    func emptyHost(header: String, expected: String) async throws {
        try await withServer { server, _, _ in
            let request =
                "POST /slave(1)/x HTTP/1.1\r\n\(header)Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            let received = try await exchange(server.port, request) { $0.hasSuffix("abc") }
            #expect(received.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(received.contains(expected))
            #expect(received.contains("X-Path: /slave(1)/x\r\n"))
        }
    }

    @Test("A connection is kept for the next request")
    func keepAlive() async throws {
        try await withServer { server, _, _ in
            let request = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
            let received = try await exchange(server.port, request + request) { $0.occurrences(of: "\r\n\r\n") == 2 }
            #expect(received.occurrences(of: "Content-Length: 0") == 2)
            #expect(!received.contains("Connection: close"))
        }
    }

    @Test(
        "A connection is closed after the answer when the client wants it so",
        arguments: ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
    func close(request: String) async throws {
        try await withServer { server, _, _ in
            let received = try await exchange(server.port, request)
            #expect(received.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(received.lowercased().contains("connection: close"))
        }
    }

    @Test("HEAD is answered with the length and no body")
    func head() async throws {
        try await withServer { server, _, _ in
            let request = "HEAD /later?1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let received = try await exchange(server.port, request)
            #expect(received.contains("Content-Length: 7\r\n"))
            #expect(received.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("A client that asks first is told to go on")
    func expectContinue() async throws {
        try await withServer { server, _, _ in
            let head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            let waiting = try await exchange(server.port, head) { $0.hasSuffix("\r\n\r\n") }
            #expect(waiting == "HTTP/1.1 100 Continue\r\n\r\n")
            let received = try await exchange(server.port, head + "ab") { $0.hasSuffix("ab") }
            #expect(received.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
        }
    }

    @Test("What is no HTTP is answered with 400 and cut off")
    func garbage() async throws {
        try await withServer { server, _, _ in
            let received = try await exchange(server.port, "nonsense\r\n\r\n")
            #expect(received.hasPrefix("HTTP/1.1 400 Bad Request"))
        }
    }

    @Test("Every answer has a date")
    func date() async throws {
        try await withServer { server, _, client in
            let answer = try await client.execute(.GET, host: "127.0.0.1", port: server.port, uri: "/")
            let date = try #require(answer.headers.first(name: "Date"))
            let pattern = #/(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/#
            #expect(date.wholeMatch(of: pattern) != nil)
        }
    }

    @Test("A connection beyond the limit is closed at once, and room comes back")
    func connectionLimit() async throws {
        try await withServer(limits: .init(connections: 1)) { server, service, client in
            let stream = try await client.stream(.GET, host: "127.0.0.1", port: server.port, uri: "/stream")
            #expect((try? await exchange(server.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))?.isEmpty != false)
            stream.close()
            var closed = service.closed.makeAsyncIterator()
            await closed.next()
            let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            #expect(try await exchange(server.port, request).hasPrefix("HTTP/1.1 200"))
        }
    }
}
