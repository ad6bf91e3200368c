import ServiceKit
import TransportSecurity

/// The keys of a zoo.cfg that protect clients' connections by TLS (ZooKeeper's "Encryption, Authentication,
/// Authorization Options").
struct SecurityConfiguration: Sendable {
    private struct Store {
        var location: String?
        var password: String?
        var passwordPath: String?
        var form: String?
    }

    var port: Int?
    var address: String?
    /// Whether the usual port takes TLS as well (`client.portUnification`).
    private(set) var isUnified = false
    private var keyStore = Store()
    private var trustStore = Store()
    private var protocolName: String?
    private var versions: [String] = []
    private var cipherSuites: [String] = []
    private var clientAuthentication = TLSSettings.PeerCertificate.required

    /// False for a key that is none of these. A protection that is asked for and not there must not be left out in
    /// silence.
    mutating func set(_ setting: ConfigurationValue) throws(FlagError) -> Bool {
        let value = setting.value
        switch setting.key {
        case "secureClientPort": port = try setting.number(0...65535)
        case "secureClientPortAddress": address = value
        case "client.portUnification": isUnified = try setting.bool()
        case let key where key.hasPrefix("ssl.keyStore."): return Self.set(key, value, &keyStore)
        case let key where key.hasPrefix("ssl.trustStore."): return Self.set(key, value, &trustStore)
        case "ssl.protocol": protocolName = value
        case "ssl.enabledProtocols": versions = Self.list(value)
        case "ssl.ciphersuites": cipherSuites = Self.list(value)
        case "ssl.clientAuth": clientAuthentication = try Self.clientAuthentication(setting)
        // Which provider looks at certificates; how long a first byte may take; what servers of an ensemble check.
        case "ssl.authProvider" where value == "x509": break
        case "ssl.handshakeDetectionTimeoutMillis", "ssl.hostnameVerification", "ssl.allowReverseDnsLookup",
            "fips-mode", "client.certReload":
            break
        case "ssl.crl", "ssl.ocsp", "ssl.clientHostnameVerification", "sslQuorum":
            guard try !setting.bool() else { throw Self.unsupported(setting) }
        case let key where ["ssl.", "sslQuorum", "quorum.auth."].contains(where: key.hasPrefix):
            throw Self.unsupported(setting)
        default: return false
        }
        return true
    }

    private static func unsupported(_ setting: ConfigurationValue) -> FlagError {
        FlagError("\(setting.path): \(setting.key)=\(setting.value) is not supported by this version: leave it out")
    }

    private static func set(_ key: String, _ value: String, _ store: inout Store) -> Bool {
        switch key.split(separator: ".").last {
        case "location": store.location = value
        case "password": store.password = value
        case "passwordPath": store.passwordPath = value
        case "type": store.form = value
        default: return false
        }
        return true
    }

    private static func list(_ value: String) -> [String] {
        value.split(separator: ",").map { SmallFile.trimmed(String($0)) }.filter { !$0.isEmpty }
    }

    private static func clientAuthentication(
        _ setting: ConfigurationValue
    ) throws(FlagError) -> TLSSettings.PeerCertificate {
        switch setting.value.lowercased() {
        case "none": return .none
        case "want": return .optional
        case "need": return .required
        default:
            throw FlagError(
                "\(setting.path): ssl.clientAuth=\(setting.value) is wrong: expected none, want or need")
        }
    }

    /// Nil when no port speaks TLS.
    func settings(_ path: String) throws(FlagError) -> TLSSettings? {
        guard port != nil || isUnified else { return nil }
        guard let keys = try Self.file(keyStore, "ssl.keyStore", path) else {
            throw FlagError(
                "\(path): ssl.keyStore.location is missing: TLS needs a private key and its certificate, as PEM or "
                    + "PKCS12")
        }
        let trust = try Self.file(trustStore, "ssl.trustStore", path)
        guard trust != nil || clientAuthentication == .none else {
            throw FlagError(
                "\(path): ssl.trustStore.location is missing: it says which clients' certificates are trusted. Without "
                    + "client certificates: ssl.clientAuth=none")
        }
        var settings = TLSSettings(keyStore: keys, trustStore: trust, peerCertificate: clientAuthentication)
        settings.cipherSuites = cipherSuites
        let names = versions.isEmpty ? [protocolName].compactMap { $0 } : versions
        settings.allow(try names.filter { $0 != "TLS" }.map { name throws(FlagError) in try Self.version(name, path) })
        return settings
    }

    private static func version(_ name: String, _ path: String) throws(FlagError) -> TLSSettings.Version {
        guard let version = TLSSettings.Version(rawValue: name) else {
            throw FlagError("\(path): the protocol '\(name)' is wrong: expected TLSv1.2 or TLSv1.3")
        }
        return version
    }

    private static func file(_ store: Store, _ key: String, _ path: String) throws(FlagError) -> StoreFile? {
        guard let location = store.location, !location.isEmpty else { return nil }
        let named = store.form.map { ($0, StoreFile.Form(rawValue: $0.uppercased())) }
        guard let form = named.map({ $0.1 }) ?? StoreFile.Form(fileName: location) else {
            throw FlagError(
                "\(path): \(key).location=\(location): this version reads PEM (.pem) and PKCS12 (.p12), by \(key).type "
                    + "or the end of the name. Of a JKS store: keytool -importkeystore -srckeystore FILE.jks "
                    + "-destkeystore FILE.p12 -deststoretype PKCS12")
        }
        var password = store.password ?? ""
        if let passwordPath = store.passwordPath, !passwordPath.isEmpty {
            guard let content = SmallFile.read(passwordPath) else {
                throw FlagError("\(path): \(key).passwordPath: cannot read \(passwordPath)")
            }
            password = SmallFile.trimmed(content)
        }
        return StoreFile(path: location, form: form, password: password)
    }
}
