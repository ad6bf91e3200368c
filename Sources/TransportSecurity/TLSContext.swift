import COpenSSL
import Glibc

/// How connections are protected.
public struct TLSSettings: Sendable, Equatable {
    /// What is asked of the other side's certificate.
    public enum PeerCertificate: String, Sendable {
        case none, optional, required
    }

    public enum Version: String, Sendable, CaseIterable {
        case v12 = "TLSv1.2"
        case v13 = "TLSv1.3"

        var number: Int32 { self == .v12 ? TLS1_2_VERSION : TLS1_3_VERSION }
    }

    /// The own key and chain; a server has one.
    public var keyStore: StoreFile?
    /// Whom to trust; nil is the system's certificate authorities.
    public var trustStore: StoreFile?
    public var peerCertificate: PeerCertificate
    public var versions: ClosedRange<Int32> = TLS1_2_VERSION...TLS1_3_VERSION
    /// Names of RFC 8446 and IANA, `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`; none is what OpenSSL's system policy
    /// gives.
    public var cipherSuites: [String] = []

    public init(keyStore: StoreFile?, trustStore: StoreFile?, peerCertificate: PeerCertificate) {
        self.keyStore = keyStore
        self.trustStore = trustStore
        self.peerCertificate = peerCertificate
    }

    /// Allows these versions alone.
    public mutating func allow(_ versions: [Version]) {
        let numbers = versions.map(\.number)
        guard let lowest = numbers.min(), let highest = numbers.max() else { return }
        self.versions = lowest...highest
    }

    /// Changes when one of the files does.
    public var stamps: [FileStamp?] { [keyStore, trustStore].map { $0.flatMap { FileStamp($0.path) } } }
}

/// Tells one version of a file from the next.
public struct FileStamp: Sendable, Equatable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int64
    private let nanoseconds: Int64

    /// Nil when there is no such regular file.
    public init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = Int64(status.st_mtim.tv_sec)
        nanoseconds = Int64(status.st_mtim.tv_nsec)
    }
}

/// Keys, certificates and rules, read once, for many connections.
public final class TLSContext: @unchecked Sendable {
    // Safe: nothing changes the SSL_CTX after its initializer, and OpenSSL counts its references atomically
    // (SSL_new(3), openssl-threads(7)).
    let pointer: OpaquePointer

    /// Reads the files; blocks.
    public init(server settings: TLSSettings) throws(TLSError) {
        guard settings.keyStore != nil else {
            throw TLSError("a server needs a private key and a certificate: name a key store")
        }
        pointer = try Self.make(TLS_server_method(), settings)
        guard settings.peerCertificate != .none else { return }
        let isRequired = settings.peerCertificate == .required
        SSL_CTX_set_verify(
            pointer, SSL_VERIFY_PEER | (isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
    }

    public init(client settings: TLSSettings) throws(TLSError) {
        pointer = try Self.make(TLS_client_method(), settings)
        SSL_CTX_set_verify(pointer, settings.peerCertificate == .none ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
    }

    deinit { SSL_CTX_free(pointer) }

    private static func make(_ method: OpaquePointer?, _ settings: TLSSettings) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(method) else { throw TLSError("OpenSSL does not start: \(TLSError.reason())") }
        do throws(TLSError) {
            openssl_harden(context)
            guard openssl_set_protocols(context, settings.versions.lowerBound, settings.versions.upperBound) == 1 else {
                throw TLSError("the versions of TLS cannot be set: \(TLSError.reason())")
            }
            try setCiphers(settings.cipherSuites, context)
            if let file = settings.keyStore { try setIdentity(file, context) }
            try setTrust(settings.trustStore, context)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    /// TLS 1.3 has a list of its own in OpenSSL; a version without a suite of its own keeps the usual ones.
    private static func setCiphers(_ names: [String], _ context: OpaquePointer) throws(TLSError) {
        guard !names.isEmpty else { return }
        var older: [String] = []
        var newer: [String] = []
        for name in names {
            guard let known = OPENSSL_cipher_name(name).map({ String(cString: $0) }), known != "(NONE)" else {
                throw TLSError("\(name) is no cipher suite that OpenSSL knows")
            }
            if name.contains("_WITH_") { older.append(known) } else { newer.append(known) }
        }
        let isSet =
            (older.isEmpty || SSL_CTX_set_cipher_list(context, older.joined(separator: ":")) == 1)
            && (newer.isEmpty || SSL_CTX_set_ciphersuites(context, newer.joined(separator: ":")) == 1)
        guard isSet else { throw TLSError("these cipher suites cannot be used: \(TLSError.reason())") }
    }

    private static func setIdentity(_ file: StoreFile, _ context: OpaquePointer) throws(TLSError) {
        let content = try StoreContent(file, needsKey: true)
        guard let key = content.key else { throw TLSError("\(file.path): there is no private key in it") }
        guard let leaf = content.certificates.first else {
            throw TLSError("\(file.path): there is no certificate in it")
        }
        guard SSL_CTX_use_certificate(context, leaf) == 1, SSL_CTX_use_PrivateKey(context, key) == 1 else {
            throw TLSError(
                "\(file.path): the private key is not that of the first certificate, or too weak: \(TLSError.reason())")
        }
        for certificate in content.certificates.dropFirst()
        where openssl_add_chain_certificate(context, certificate) != 1 {
            throw TLSError("\(file.path): a certificate of the chain cannot be used: \(TLSError.reason())")
        }
    }

    private static func setTrust(_ file: StoreFile?, _ context: OpaquePointer) throws(TLSError) {
        guard let file else {
            SSL_CTX_set_default_verify_paths(context)
            return
        }
        let content = try StoreContent(file, needsKey: false)
        guard !content.certificates.isEmpty else {
            throw TLSError("\(file.path): there is no certificate in it: nobody would be trusted")
        }
        let store = SSL_CTX_get_cert_store(context)
        for certificate in content.certificates where X509_STORE_add_cert(store, certificate) != 1 {
            throw TLSError("\(file.path): a certificate cannot be trusted: \(TLSError.reason())")
        }
        // Each certificate in the file is trusted by itself, whoever signed it, as in a Java trust store.
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), UInt(X509_V_FLAG_PARTIAL_CHAIN))
    }
}
