import COpenSSL

/// One connection's state of TLS: bytes of the network in, bytes of the application out, and the other way round. It
/// knows no sockets. Not for more than one thread at a time.
final class TLSConnection {
    /// What the bytes that came in have brought about.
    enum Progress {
        case needsMore
        case isEstablished
    }

    /// The most that one record holds (RFC 8446, section 5.1), and a bit.
    private static let chunk = 17 << 10

    private let connection: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer

    /// A server without `serverName`; a client with that of its server, or an address, which its certificate has to
    /// be for.
    init(_ context: TLSContext, asServer isServer: Bool, serverName: String?) throws(TLSError) {
        ERR_clear_error()
        guard let connection = SSL_new(context.pointer) else { throw TLSError(TLSError.reason()) }
        guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
            SSL_free(connection)
            throw TLSError("no memory for a connection")
        }
        SSL_set_bio(connection, input, output)  // Owns both from here on.
        (self.connection, self.input, self.output) = (connection, input, output)
        if isServer { SSL_set_accept_state(connection) } else { SSL_set_connect_state(connection) }
        guard !isServer, let serverName else { return }
        let parameters = SSL_get0_param(connection)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, serverName) == 1 { return }
        guard SSL_set1_host(connection, serverName) == 1, openssl_set_server_name(connection, serverName) == 1 else {
            throw TLSError("\(serverName) is no name of a host")
        }
    }

    deinit { SSL_free(connection) }

    /// Goes on with the handshake; call it first, and whenever something came in before it is through.
    func shakeHands() throws(TLSError) -> Progress {
        ERR_clear_error()
        let result = SSL_do_handshake(connection)
        if result == 1 { return .isEstablished }
        guard SSL_get_error(connection, result) == SSL_ERROR_WANT_READ else { throw TLSError(failure()) }
        return .needsMore
    }

    private func failure() -> String {
        let verdict = SSL_get_verify_result(connection)
        let reason = TLSError.reason()
        guard verdict != Int(X509_V_OK), let text = X509_verify_cert_error_string(verdict) else { return reason }
        return "\(reason) (\(String(cString: text)))"
    }

    /// Who the other side has proved to be; nil when it showed no certificate.
    var peer: DistinguishedName? {
        guard let certificate = SSL_get0_peer_certificate(connection),
            SSL_get_verify_result(connection) == Int(X509_V_OK)
        else { return nil }
        return DistinguishedName(subjectOf: certificate)
    }

    /// Takes what came from the network.
    func take(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
            guard BIO_write(input, part.baseAddress, Int32(part.count)) == Int32(part.count) else {
                throw TLSError("no memory for what was received")
            }
            rest = rest.dropFirst(part.count)
        }
    }

    /// Decrypts into `buffer`, which has room for a record; the count of bytes, 0 when there is no more for now, nil
    /// when the other side has ended the connection.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Int? {
        ERR_clear_error()
        let count = SSL_read(connection, buffer.baseAddress, Int32(min(buffer.count, Self.chunk)))
        if count > 0 { return Int(count) }
        switch SSL_get_error(connection, count) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return 0
        case SSL_ERROR_ZERO_RETURN: return nil
        default: throw TLSError(failure())
        }
    }

    /// Encrypts all of `bytes`.
    func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            ERR_clear_error()
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
            let count = SSL_write(connection, part.baseAddress, Int32(part.count))
            guard count > 0 else { throw TLSError(failure()) }  // Memory always takes it.
            rest = rest.dropFirst(Int(count))
        }
    }

    /// Tells the other side that nothing more comes.
    func end() {
        ERR_clear_error()
        SSL_shutdown(connection)
        ERR_clear_error()
    }

    /// How many bytes wait to leave.
    var pending: Int { BIO_ctrl_pending(output) }

    /// Moves bytes that wait to leave into `buffer`; how many.
    func drain(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        max(0, Int(BIO_read(output, buffer.baseAddress, Int32(min(buffer.count, Int(Int32.max))))))
    }
}
