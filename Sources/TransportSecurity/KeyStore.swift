import COpenSSL

/// What is wrong with keys, certificates or a connection that they protect; for the person who set them up.
public struct TLSError: Error, Sendable, CustomStringConvertible, Equatable {
    public let description: String

    public init(_ description: String) { self.description = description }

    /// What OpenSSL last complained of on this thread; empties its list.
    static func reason() -> String {
        var words: [String] = []
        while case let code = ERR_get_error(), code != 0 {
            var text = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(code, &text, text.count)
            let line = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // error:0A000086:SSL routines::certificate verify failed
            let parts = line.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
            words.append(parts.last.map(String.init) ?? line)
        }
        return words.isEmpty ? "no reason given" : words.joined(separator: "; ")
    }
}

/// A file of keys and certificates, as `ssl.keyStore.*` and `ssl.trustStore.*` name it.
public struct StoreFile: Sendable, Equatable {
    /// The forms that are read. A PEM file holds the private key and the chain, leaf first, or the trusted
    /// certificates; PKCS #12 (RFC 7292) the same, encrypted.
    public enum Form: String, Sendable, CaseIterable {
        case pem = "PEM"
        case pkcs12 = "PKCS12"

        /// By the end of the file's name, as ZooKeeper tells (KeyStoreFileType.fromFilename).
        public init?(fileName: String) {
            switch fileName.split(separator: ".").last?.lowercased() {
            case "pem": self = .pem
            case "p12": self = .pkcs12
            default: return nil
            }
        }
    }

    public let path: String
    public let form: Form
    /// Empty when the file is not encrypted.
    public let password: String

    public init(path: String, form: Form, password: String) {
        self.path = path
        self.form = form
        self.password = password
    }
}

/// What a store file holds. Owns OpenSSL's objects.
struct StoreContent: ~Copyable {
    /// The private key, if there is one.
    var key: OpaquePointer?
    /// X509 objects in the order of the file.
    var certificates: [OpaquePointer] = []

    /// Reads the file; blocks. Of a PEM the private key alone when `needsKey` says so.
    init(_ file: StoreFile, needsKey: Bool) throws(TLSError) {
        let input = try Self.open(file)
        defer { BIO_free(input) }
        switch file.form {
        case .pkcs12: try readPKCS12(input, file)
        case .pem: try readPEM(input, file, needsKey: needsKey)
        }
    }

    private static func open(_ file: StoreFile) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard FileStamp(file.path) != nil, let input = BIO_new_file(file.path, "r") else {
            throw TLSError("\(file.path): cannot be read, or is no file")
        }
        return input
    }

    deinit {
        EVP_PKEY_free(key)
        for certificate in certificates { X509_free(certificate) }
    }

    private mutating func readPKCS12(_ input: OpaquePointer, _ file: StoreFile) throws(TLSError) {
        guard let bundle = d2i_PKCS12_bio(input, nil) else { throw TLSError("\(file.path): this is no PKCS #12 file") }
        defer { PKCS12_free(bundle) }
        var leaf: OpaquePointer?
        var others: OpaquePointer?
        guard PKCS12_parse(bundle, file.password, &key, &leaf, &others) == 1 else {
            throw TLSError(
                "\(file.path): cannot open it: \(TLSError.reason()). The password may be wrong, or its encryption too "
                    + "old: write it again with `openssl pkcs12 -export` or keytool of Java 17")
        }
        if let leaf { certificates.append(leaf) }
        defer { openssl_free_certificates(others) }
        for index in 0..<max(0, openssl_certificate_count(others)) {
            guard let certificate = openssl_certificate(others, index), X509_up_ref(certificate) == 1 else { continue }
            certificates.append(certificate)
        }
    }

    private mutating func readPEM(_ input: OpaquePointer, _ file: StoreFile, needsKey: Bool) throws(TLSError) {
        while let certificate = PEM_read_bio_X509(input, nil, nil, nil) { certificates.append(certificate) }
        guard openssl_error_is_end_of_pem(ERR_peek_last_error()) != 0 else {
            throw TLSError("\(file.path): a certificate in it cannot be read: \(TLSError.reason())")
        }
        guard needsKey else { return ERR_clear_error() }
        let again = try Self.open(file)
        defer { BIO_free(again) }
        key = openssl_read_key(again, file.password.isEmpty ? nil : file.password)
        guard key != nil else {
            throw TLSError(
                "\(file.path): there is no private key in it that can be read (\(TLSError.reason())). If it is "
                    + "encrypted, the password is wrong or missing")
        }
        ERR_clear_error()
    }
}
