/// Whether the servers of each `zk://` URL can be reached and serve.
enum ZooKeeperCheck {
    private static let name = "zookeeper"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        facts.ensembles.flatMap { ensemble in
            ensemble.servers.map { server($0, ensemble, facts) } + whole(ensemble)
        }
    }

    private static func server(_ server: ServerFacts, _ ensemble: EnsembleFacts, _ facts: MachineFacts) -> Finding {
        let users = ensemble.usedBy.map(\.unit).joined(separator: ", ")
        func problem(_ what: String, mend: String) -> Finding {
            guard ensemble.servers.count(where: \.answers) >= ensemble.majority else {
                return .error(name, what, why: "\(users) cannot work without ZooKeeper", mend: mend)
            }
            return .warning(name, what, why: "the loss of one more server may stop \(users)", mend: mend)
        }
        if let reason = server.resolution.reason {
            return problem("\(server.host) does not resolve: \(reason)", mend: "editor /etc/mesos/zk")
        }
        if let refusal = server.refusal {
            return problem(
                "\(server.name) cannot be reached: \(refusal)", mend: start(server, facts))
        }
        switch (server.word, server.session) {
        case (.isStrange, .none):
            return problem("something else than ZooKeeper answers at \(server.name)", mend: "ss -ltnp")
        case (.isNotServing, _):
            return problem(
                "\(server.name) runs, but serves no clients: its ensemble has no quorum", mend: start(server, facts))
        case (.none, .none), (.isNotAllowed, .none):
            return problem(
                "\(server.name) takes connections and does not answer", mend: restart(server, facts))
        case (_, .isForbidden):
            return .error(
                name, "\(server.name) lets nobody with these credentials read \(ensemble.path ?? "/")",
                why: "\(users) cannot work with it", mend: "editor /etc/mesos/zk")
        case (_, .isEncrypted):
            return .ok(name, "\(server.name) takes connections; as they are encrypted, nothing more was looked at")
        case (.serves(let mode, _), _) where mode == "standalone" && ensemble.servers.count > 1:
            return .error(
                name, "\(server.name) is alone, and the URL names \(ensemble.servers.count) servers",
                why: "each server has a state of its own, and so two masters can lead",
                mend: "editor /etc/zookeeper/conf/zoo.cfg")
        case (.serves(let mode, let version), _):
            return .ok(name, "\(server.name) answers: \(mode), version \(version)")
        default:
            return .ok(name, "\(server.name) answers; its mode is not told, as the word srvr is not allowed")
        }
    }

    private static func start(_ server: ServerFacts, _ facts: MachineFacts) -> String {
        guard !facts.isOwn(server.host) else {
            return facts.service(.coordinator) == nil && facts.services.allSatisfy { $0.kind != .coordinator }
                ? "echo zk://ADDRESS:2181/mesos > /etc/mesos/zk" : "systemctl enable --now zookeeper"
        }
        return "ssh \(server.host) systemctl status zookeeper"
    }

    private static func restart(_ server: ServerFacts, _ facts: MachineFacts) -> String {
        facts.isOwn(server.host)
            ? "systemctl restart zookeeper" : "ssh \(server.host) systemctl restart zookeeper"
    }

    private static func whole(_ ensemble: EnsembleFacts) -> [Finding] {
        guard ensemble.servers.count % 2 == 0 else { return [] }
        return [
            .note(
                name, "\(ensemble.url) names \(ensemble.servers.count) servers",
                why: "an even number bears the loss of no more servers than one less does",
                mend: "editor /etc/mesos/zk")
        ]
    }
}
