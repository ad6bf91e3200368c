/// Whether each service has its port, and who has it otherwise.
enum PortCheck {
    private static let name = "ports"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        switch facts.listeners {
        case .unseen(let reason): [facts.unseen(name, "the ports in use", reason)]
        case .seen(let listeners):
            facts.expected.filter { $0.settings.port != 0 }.map { service in
                check(service, listeners.filter { collides($0, service.settings) }, facts)
            }
        }
    }

    /// Sockets of one port that listen on two different addresses do not disturb each other.
    private static func collides(_ listener: Listener, _ settings: ServiceSettings) -> Bool {
        let wildcards = ["0.0.0.0", "::"]
        return listener.port == settings.port
            && (listener.address == settings.address || wildcards.contains(listener.address)
                || wildcards.contains(settings.address))
    }

    private static func check(_ service: ServiceFacts, _ listeners: [Listener], _ facts: MachineFacts) -> Finding {
        let port = service.settings.port
        guard !listeners.isEmpty else {
            guard service.unit?.activeState == "active" else {
                return .ok(name, "port \(port) of \(service.name) is free")
            }
            return .error(
                name, "\(service.name) runs, and nobody listens on port \(port)", why: "nobody can reach it",
                mend: "journalctl -u \(service.name) -n 30")
        }
        if let foreign = listeners.first(where: { $0.process.map { !isOwn($0, service) } ?? false })?.process {
            return taken(port, by: foreign, service)
        }
        if listeners.contains(where: { $0.process == nil }) {
            return facts.unseen(name, "who has port \(port) of \(service.name)", "it is another user's process")
        }
        return .ok(name, "port \(port) is \(service.name)'s")
    }

    private static func isOwn(_ process: ProcessFacts, _ service: ServiceFacts) -> Bool {
        if let unit = service.unit, unit.mainPID == process.pid { return true }
        if process.unit.map({ service.kind.units.contains($0) }) == true { return true }
        // Without a unit an Apache ZooKeeper is only known by what runs it.
        if service.settings.isApache, process.unit == nil, process.name == "java" { return true }
        return service.kind.programs.contains(process.name)
    }

    private static func taken(_ port: Int, by process: ProcessFacts, _ service: ServiceFacts) -> Finding {
        let owner = process.unit.map { " of \($0).service" } ?? ""
        let isZooKeeper = process.unit == ServiceKind.coordinator.unit
        let mend =
            isZooKeeper
            ? ConfigurationCheck.adminMend
            : process.unit.map { "systemctl disable --now \($0)" } ?? "kill \(process.pid)"
        return .error(
            name, "port \(port) of \(service.name) is taken by \(process.name)\(owner) (pid \(process.pid))",
            why: "\(service.name) cannot listen on it", mend: mend)
    }
}
