import ZooKeeperClient

/// The ensembles that the services of a machine name, each once.
struct Ensembles {
    struct Ensemble {
        let address: ZooKeeperAddress
        /// `user:password`.
        let credentials: String?
        /// Where masters register; nil when they do not matter.
        let path: String?
        /// The servers' ports speak TLS.
        let isEncrypted: Bool
        var usedBy: [ServiceKind]
    }

    private(set) var all: [Ensemble] = []

    init(_ configurations: [(ServiceKind, ServiceConfiguration)]) {
        for (kind, configuration) in configurations {
            if let url = configuration.mastersURL { add(url, kind, configuration, isOfMasters: true) }
        }
        for (kind, configuration) in configurations {
            if let url = configuration.stateURL { add(url, kind, configuration, isOfMasters: false) }
        }
    }

    /// A URL that cannot be read is the configuration's complaint already.
    private mutating func add(
        _ url: String, _ kind: ServiceKind, _ configuration: ServiceConfiguration, isOfMasters: Bool
    ) {
        guard let address = try? ZooKeeperAddress(parsing: url) else { return }
        let credentials = Self.credentials(url)
        let same = all.firstIndex {
            $0.address.servers == address.servers && $0.credentials == credentials
                && (!isOfMasters || $0.path == address.path)
        }
        guard let same else {
            let path = isOfMasters ? address.path : nil
            all.append(
                Ensemble(
                    address: address, credentials: credentials, path: path,
                    isEncrypted: configuration.encryptsSessions, usedBy: [kind]))
            return
        }
        if !all[same].usedBy.contains(kind) { all[same].usedBy.append(kind) }
    }

    private static func credentials(_ url: String) -> String? {
        let authority = url.dropFirst("zk://".count).prefix { $0 != "/" }
        return authority.lastIndex(of: "@").map { String(authority[..<$0]) }
    }
}
