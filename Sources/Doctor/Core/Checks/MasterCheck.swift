/// Whether there are masters, whether they can be reached, and whether the quorum fits their number.
enum MasterCheck {
    private static let name = "masters"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        facts.ensembles.flatMap { ensemble -> [Finding] in
            guard let masters = ensemble.masters, let path = ensemble.path else { return [] }
            let leader = masters.min { $0.node.suffix(10) < $1.node.suffix(10) }
            guard let leader else { return [nobody(path, ensemble, facts)] }
            return reached(masters, leader, path, facts) + own(masters, path, ensemble, facts)
                + quorum(masters, ensemble, facts)
        }
    }

    private static func nobody(_ path: String, _ ensemble: EnsembleFacts, _ facts: MachineFacts) -> Finding {
        .error(
            name, "no master is registered at \(path) of \(ensemble.url)", why: "nothing can be run",
            mend: facts.service(.master) == nil
                ? "ssh MASTER systemctl status mesos-master" : "systemctl restart mesos-master")
    }

    private static func reached(
        _ masters: [MasterFacts], _ leader: MasterFacts, _ path: String, _ facts: MachineFacts
    ) -> [Finding] {
        masters.map { master in
            let role = master == leader ? "leading master" : "master"
            let place = "\(master.address):\(master.port)"
            let silent: String? = if case .silent(let reason)? = master.answer { reason } else { nil }
            guard let silent else {
                return .ok(name, "the \(role) is \(master.hostname) (\(place), version \(master.version))")
            }
            if NetworkAddress.isLoopback(master.address), facts.service(.master) == nil {
                return .error(
                    name,
                    "the \(role), \(master.hostname), is registered with the address \(place) of its own loopback",
                    why: "no other machine can reach it",
                    mend: "ssh \(master.hostname) 'hostname -I > /etc/mesos-master/advertise_ip'")
            }
            let why = master == leader ? "agents and frameworks cannot register" : "it cannot take over"
            let what = "the \(role), \(master.hostname) at \(place), does not answer: \(silent)"
            let mend =
                facts.isOwn(master.address)
                ? "systemctl restart mesos-master" : "ssh \(master.hostname) systemctl status mesos-master"
            return master == leader
                ? .error(name, what, why: why, mend: mend) : .warning(name, what, why: why, mend: mend)
        }
    }

    /// A master that runs here is among those registered.
    private static func own(
        _ masters: [MasterFacts], _ path: String, _ ensemble: EnsembleFacts, _ facts: MachineFacts
    ) -> [Finding] {
        guard let master = facts.service(.master), ensemble.usedBy.contains(.master),
            master.unit?.activeState == "active"
        else { return [] }
        let port = master.settings.port
        guard !masters.contains(where: { facts.isOwn($0.address) && (port == 0 || $0.port == port) }) else { return [] }
        return [
            .error(
                name, "the master that runs here is not registered at \(path)", why: "it can never lead",
                mend: "journalctl -u mesos-master -n 30")
        ]
    }

    private static func quorum(
        _ masters: [MasterFacts], _ ensemble: EnsembleFacts, _ facts: MachineFacts
    ) -> [Finding] {
        guard let master = facts.service(.master), ensemble.usedBy.contains(.master),
            let quorum = master.settings.quorum
        else { return [] }
        let (count, file) = (masters.count, "/etc/mesos-master/quorum")
        if count < quorum {
            return [
                .warning(
                    name, "the quorum is \(quorum), and \(count) of the masters are registered",
                    why: "masters are missing, or the quorum is wrong: the original's masters decide nothing below it",
                    mend: facts.hasOtherMachines
                        ? "systemctl start mesos-master  # on the machines that are missing"
                        : "echo \(count) > \(file) && systemctl restart mesos-master")
            ]
        }
        if quorum <= count / 2 {
            return [
                .warning(
                    name, "the quorum is \(quorum), and \(count) masters are registered",
                    why: "two halves of the original's masters could both decide",
                    mend: "echo \(count / 2 + 1) > \(file) && systemctl restart mesos-master  # on each master")
            ]
        }
        return [.ok(name, "the quorum of \(quorum) fits \(count) registered \(count == 1 ? "master" : "masters")")]
    }
}
