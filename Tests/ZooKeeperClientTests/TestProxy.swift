import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

/// Stands between clients and a server, and takes connections away as a bad network does. Everything happens on one
/// event loop.
final class TestProxy: Sendable {
    enum Mode {
        case passing
        /// After some of the server's answers one is lost, and the connection with it. Then everything passes again.
        case losingReply(after: Int)
        /// Nothing comes through, and nobody is told.
        case silent
    }

    fileprivate struct State {
        var mode = Mode.passing
        var clients: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let channel: any Channel

    var port: Int { channel.localAddress?.port ?? 0 }

    init(to port: Int, _ loop: any EventLoop) async throws {
        let state = state
        channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { client in
                state.withLockedValue { $0.clients[ObjectIdentifier(client)] = client }
                client.closeFuture.whenComplete { _ in
                    state.withLockedValue { $0.clients[ObjectIdentifier(client)] = nil }
                }
                return ClientBootstrap(group: loop)
                    .channelInitializer { server in
                        server.pipeline.addHandler(Forwarder(to: client, state, isFromServer: true))
                    }
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { server in
                        client.pipeline.addHandler(Forwarder(to: server, state, isFromServer: false))
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    func set(_ mode: Mode) { state.withLockedValue { $0.mode = mode } }

    /// Breaks all connections.
    func cut() {
        for client in state.withLockedValue({ Array($0.clients.values) }) { client.close(promise: nil) }
    }

    func close() async {
        cut()
        try? await channel.close()  // An error means that it is closed already.
    }

    private final class Forwarder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let state: NIOLockedValueBox<State>
        private let isFromServer: Bool

        init(to other: any Channel, _ state: NIOLockedValueBox<State>, isFromServer: Bool) {
            self.other = other
            self.state = state
            self.isFromServer = isFromServer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let data = unwrapInboundIn(data)
            let isLost = state.withLockedValue { state -> Bool? in
                switch state.mode {
                case .passing: return false
                case .silent: return nil
                case .losingReply where !isFromServer: return false
                case .losingReply(let count):
                    state.mode = count == 0 ? .passing : .losingReply(after: count - 1)
                    return count == 0
                }
            }
            if isLost == true { other.close(promise: nil) }
            if isLost == false { other.writeAndFlush(data, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
