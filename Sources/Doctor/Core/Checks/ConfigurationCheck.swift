/// Whether each service takes its configuration, and whether the services of one machine mean one cluster.
enum ConfigurationCheck {
    private static let name = "configuration"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        facts.services.map { $0.isExpected ? accepted($0, facts) : disabled($0) }
            + facts.expected.flatMap(useless) + samePorts(facts) + sameCluster(facts)
    }

    private static func disabled(_ service: ServiceFacts) -> Finding {
        .note(
            name, "\(service.name) is installed but neither enabled nor started", why: "it was not looked at",
            mend: "systemctl enable --now \(service.name)")
    }

    private static func accepted(_ service: ServiceFacts, _ facts: MachineFacts) -> Finding {
        if !service.unreadable.isEmpty {
            let files = service.unreadable.joined(separator: ", ")
            return facts.unseen(name, "the configuration of \(service.name)", "\(files) cannot be read")
        }
        guard let complaint = service.complaint else {
            return .ok(name, "\(service.name) takes its configuration")
        }
        return .error(
            name, complaint, why: "\(service.name) does not start",
            mend: mend(service, complaint))
    }

    /// The file that the complaint names is the one to mend; a missing flag is a missing file.
    private static func mend(_ service: ServiceFacts, _ complaint: String) -> String {
        let word = complaint.split(separator: " ").first { $0.hasPrefix("/etc/") }
        let file = word.map { String($0.prefix { $0 != ":" && $0 != "," }) }
        let missing = complaint.split(separator: " ").first { $0.hasPrefix("--") }
            .map { $0.dropFirst(2).prefix { $0 != ":" && $0 != "=" } }
        switch (file, missing) {
        case (let file?, _): return "editor \(file)"
        case (nil, "work_dir"): return "echo /var/lib/mesos > \(service.kind.directory)/work_dir"
        case (nil, "quorum"): return "echo 1 > \(service.kind.directory)/quorum"
        case (nil, "master"): return "echo zk://ADDRESS:2181/mesos > /etc/mesos/zk"
        case (nil, let flag?): return "editor \(service.kind.directory)/\(flag)"
        case (nil, nil) where service.kind == .coordinator: return "editor \(service.kind.directory)/zoo.cfg"
        case (nil, nil): return "ls \(service.kind.directory)"
        }
    }

    private static func useless(_ service: ServiceFacts) -> [Finding] {
        service.withoutEffect.map { flag in
            .note(
                name, "\(service.name): the flag \(flag) has no effect in this version",
                why: "what it asks for does not happen", mend: "rm \(service.kind.directory)/\(flag)")
        }
    }

    /// Two services that want one port. Apache ZooKeeper's administrator server wants Marathon's.
    private static func samePorts(_ facts: MachineFacts) -> [Finding] {
        var owners: [Int: ServiceFacts] = [:]
        var findings: [Finding] = []
        for service in facts.expected where service.settings.port != 0 {
            if let other = owners[service.settings.port] {
                let port = service.settings.port
                findings.append(
                    .error(
                        name, "\(other.name) and \(service.name) are both configured for port \(port)",
                        why: "only one of them can have it",
                        mend: "echo PORT > \(service.kind.directory)/\(service.kind.portFlag)"))
            }
            owners[service.settings.port] = service
        }
        for service in facts.expected {
            guard let port = service.settings.adminPort, let other = owners[port] else { continue }
            findings.append(
                .error(
                    name, "the administrator server of \(service.name) is configured for port \(port) of \(other.name)",
                    why: "only one of them can have it", mend: Self.adminMend))
        }
        return findings
    }

    static let adminMend =
        "echo admin.enableServer=false >> /etc/zookeeper/conf/zoo.cfg && systemctl restart zookeeper"

    private static func sameCluster(_ facts: MachineFacts) -> [Finding] {
        let services = facts.expected.filter { $0.settings.masterURL != nil }
        guard let first = services.first else { return [] }
        return services.dropFirst().compactMap { service in
            let (mine, theirs) = (service.settings.masterURL ?? "", first.settings.masterURL ?? "")
            guard mine != theirs, mine.hasPrefix("zk://"), theirs.hasPrefix("zk://") else { return nil }
            return .warning(
                name, "\(first.name) looks for masters at \(theirs), \(service.name) at \(mine)",
                why: "they are parts of two clusters, unless the URLs are two spellings of one",
                mend: "rm \(service.kind.directory)/master && editor /etc/mesos/zk")
        }
    }
}
