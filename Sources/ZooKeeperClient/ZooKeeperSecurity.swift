import NIOCore
import ServiceKit
import TransportSecurity

/// How sessions are encrypted, and how client and server prove who they are by certificates.
public struct ZooKeeperSecurity: Sendable {
    private let context: TLSContext
    private let checksNames: Bool

    /// The flags that services with sessions share.
    public static let flags = [
        Flag(
            "zk_ssl_trust_store", .text,
            "Encrypts the sessions: a file (.pem or .p12) of the authorities that sign the coordinator's certificate. The "
                + "ports in the zk:// URL are then those for TLS (secureClientPort)."),
        Flag(
            "zk_ssl_key_store", .text,
            "The private key and the certificate by which this service proves who it is: a file (.pem or .p12)."),
        Flag("zk_ssl_password_file", .text, "The password of both stores."),
        Flag(
            "zk_ssl_hostname_verification", .bool, default: "true",
            "Whether the coordinator's certificate has to be for the host of the URL."),
    ]

    /// Nil when the flags ask for no encryption. Reads the files; blocks.
    public init?(_ flags: FlagValues) throws {
        let form = { (name: String) throws(FlagError) -> StoreFile? in try Self.store(name, flags) }
        guard let trust = try form("zk_ssl_trust_store") else {
            guard flags.text("zk_ssl_key_store") == nil else {
                throw FlagError(
                    "--zk_ssl_key_store has no effect without --zk_ssl_trust_store, which says whose certificates are "
                        + "trusted")
            }
            return nil
        }
        context = try TLSContext(
            client: TLSSettings(
                keyStore: try form("zk_ssl_key_store"), trustStore: trust, peerCertificate: .required))
        checksNames = flags.bool("zk_ssl_hostname_verification")
    }

    private static func store(_ name: String, _ flags: FlagValues) throws(FlagError) -> StoreFile? {
        guard let path = flags.text(name) else { return nil }
        guard let form = StoreFile.Form(fileName: path) else {
            throw FlagError("--\(name): '\(path)' is wrong: expected a file whose name ends in .pem or .p12")
        }
        var password = ""
        if let passwordPath = flags.text("zk_ssl_password_file") {
            guard let content = SmallFile.read(passwordPath) else {
                throw FlagError("--zk_ssl_password_file: cannot read \(passwordPath)")
            }
            password = SmallFile.trimmed(content)
        }
        return StoreFile(path: path, form: form, password: password)
    }

    /// Shakes hands on a connection that is open; fails, and closes it, when the server is not trusted.
    func secure(
        _ channel: any Channel, host: String, timeout: TimeAmount
    ) -> EventLoopFuture<any Channel> {
        let promise = channel.eventLoop.makePromise(of: (any Channel).self)
        let pipeline = channel.pipeline.syncOperations
        do {
            try pipeline.addHandler(HandshakeHandler(promise), position: .first)
            try pipeline.addHandler(TLSHandler(client: context, serverName: checksNames ? host : nil), position: .first)
        } catch {
            promise.fail(error)
        }
        let deadline = channel.eventLoop.scheduleTask(in: timeout) {
            promise.fail(TLSError("the server does not answer in TLS: is this its secureClientPort?"))
        }
        promise.futureResult.whenComplete { result in
            deadline.cancel()
            if case .failure = result { channel.close(promise: nil) }
        }
        return promise.futureResult
    }
}

/// Waits for the end of the handshake, and goes.
private final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let promise: EventLoopPromise<any Channel>

    init(_ promise: EventLoopPromise<any Channel>) { self.promise = promise }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is TLSEstablished else { return context.fireUserInboundEventTriggered(event) }
        promise.succeed(context.channel)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(
            TLSError("the server ended the connection in the handshake: it may not trust the certificate shown"))
        context.fireChannelInactive()
    }
}
