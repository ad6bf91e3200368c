/// Whether files with secrets in them are closed to everybody else.
enum SecretCheck {
    private static let name = "secrets"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        let open = facts.secrets.filter { $0.mode & 0o004 != 0 }
        guard !open.isEmpty else {
            return facts.secrets.isEmpty
                ? []
                : [.ok(name, "files with secrets are closed: \(facts.secrets.map(\.path).joined(separator: ", "))")]
        }
        return open.map { file in
            .error(
                name, "\(file.path) holds \(file.secret), and everybody on the machine can read it",
                why: "whoever has an account here can be the cluster", mend: mend(file, facts))
        }
    }

    /// The one user who has to read the file keeps it, by the file's group; root reads it anyhow.
    private static func mend(_ file: SecretFile, _ facts: MachineFacts) -> String {
        let readers = facts.expected.filter { service in
            file.path.hasPrefix("/etc/mesos/") ? service.kind != .coordinator : file.path.contains(folder(service))
        }
        let groups = Set(readers.compactMap { $0.unit?.group.isEmpty == false ? $0.unit?.group : $0.unit?.user })
            .subtracting(["", "root"])
        guard groups.count == 1, let group = groups.first else { return "chmod o= \(file.path)" }
        return "chgrp \(group) \(file.path) && chmod g=r,o= \(file.path)"
    }

    /// The folder below /etc that only this service reads.
    private static func folder(_ service: ServiceFacts) -> String {
        switch service.kind {
        case .coordinator: "/zookeeper/"
        case .marathon: "/marathon"
        case .master: "/mesos-master"
        case .agent: "/mesos-slave"
        }
    }
}

/// Finds secrets in configuration files.
public enum SecretPattern {
    /// Flags and keys whose values, or the files they name, are secrets.
    private static let names = [
        "credential", "credentials", "http_credentials", "jwt_secret_key", "executor_secret_key",
        "mesos_authentication_secret", "mesos_authentication_secret_file", "ssl_keystore_password",
    ]

    /// What secret a file has, by its name and its text; nil when none was found.
    public static func secret(inFile name: String, text: String) -> String? {
        if names.contains(name) { return "the value of \(name)" }
        for line in text.split(whereSeparator: \.isNewline) where !line.drop(while: \.isWhitespace).hasPrefix("#") {
            if hasCredentials(line) { return "a password in a zk:// URL" }
            if line.contains("DigestAuthenticationProvider.superDigest") { return "the superuser's digest" }
            if line.contains("LoginModule required") || line.contains("user_") && line.contains("=\"") {
                return "passwords of users"
            }
            if let name = names.first(where: { line.uppercased().contains("\($0.uppercased())=") }) {
                return "the value of \(name)"
            }
        }
        return nil
    }

    private static func hasCredentials(_ line: Substring) -> Bool {
        guard let scheme = line.firstRange(of: "zk://") else { return false }
        return line[scheme.upperBound...].prefix { $0 != "/" }.contains("@")
    }

    /// Whether the value of such a flag is the path of a file with the secret.
    public static func secretFile(named name: String, text: String) -> String? {
        guard names.contains(name) else { return nil }
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
        let value = lines.joined()
        let path = value.hasPrefix("file://") ? String(value.dropFirst("file://".count)) : value
        return path.hasPrefix("/") ? path : nil
    }
}
