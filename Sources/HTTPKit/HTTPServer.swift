import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// What answers the requests of a server.
public protocol HTTPService: Sendable {
    /// Called on the event loop of the request's connection; must not block. Answers through the responder, at once
    /// or later.
    func handle(_ request: HTTPRequest, _ responder: HTTPResponder)
}

/// An HTTP/1.1 server. It takes requests without a `Host` and with an empty one, as libprocess sends them.
public final class HTTPServer: Sendable {
    /// What a client may send; beyond it the answer is 413 or the connection is cut.
    public struct Limits: Sendable {
        public var bodySize: Int
        /// A connection beyond this number is closed at once.
        public var connections: Int

        public init(bodySize: Int = 64 << 20, connections: Int = 20_000) {
            self.bodySize = bodySize
            self.connections = connections
        }
    }

    /// Why a server cannot listen: the address and the system's word.
    public struct ListenError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let channel: any Channel
    private let connections: ConnectionSet

    private init(channel: any Channel, connections: ConnectionSet) {
        self.channel = channel
        self.connections = connections
    }

    /// The port that is listened on: the kernel's choice when 0 was asked for.
    public var port: Int { channel.localAddress?.port ?? 0 }

    /// Binds and serves. With a group of one event loop every request is handled on that loop.
    public static func start(
        host: String, port: Int, group: any EventLoopGroup, limits: Limits = Limits(), service: any HTTPService
    ) async throws -> HTTPServer {
        let connections = ConnectionSet(limit: limits.connections)
        let dates = DateHeader()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                guard connections.insert(channel) else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
                    try pipeline.addHandler(HTTPServerHandler(service: service, limits: limits, dates: dates))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            return HTTPServer(channel: channel, connections: connections)
        } catch {
            throw ListenError(description: "cannot listen on \(host):\(port): \(error)")
        }
    }

    /// Stops listening and closes every connection.
    public func close() async {
        try? await channel.close().get()  // An error means that it is closed already.
        connections.closeAll()
    }
}
