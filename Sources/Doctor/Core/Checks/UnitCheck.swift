/// Whether the units of the services run, and start with the machine (systemctl(1), `show`).
enum UnitCheck {
    private static let name = "units"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        if let reason = facts.unitsUnseen { return [facts.unseen(name, "the states of the units", reason)] }
        return facts.expected.flatMap { service in
            guard let unit = service.unit else { return [missing(service)] }
            let state = state(unit)
            return (state.map { [$0] } ?? [running(unit)]) + besides(unit)
        }
    }

    private static func missing(_ service: ServiceFacts) -> Finding {
        let package =
            switch service.kind {
            case .coordinator: "mesosphere-zookeeper"
            case .master, .agent: "mesos"
            case .marathon: "marathon"
            }
        return .note(
            name, "\(service.name) is configured, and there is no \(service.name).service",
            why: "nobody starts it, or starts it again", mend: "apt install \(package)")
    }

    /// What keeps a unit from running; nil when it runs.
    private static func state(_ unit: UnitFacts) -> Finding? {
        let log = "journalctl -u \(unit.name) -n 30"
        switch (unit.activeState, unit.subState) {
        case ("active", _): return nil
        case ("reloading", _), ("refreshing", _): return nil
        case (_, "auto-restart"):
            return .error(
                name, "\(unit.name) ends and is started again and again (\(unit.restarts) times): \(ending(unit))",
                why: "it does no work", mend: log)
        case ("failed", _):
            return .error(name, "\(unit.name) has failed: \(ending(unit))", why: "it is not started again", mend: log)
        case ("activating", _):
            let status = unit.statusText.isEmpty ? "" : ": \(unit.statusText)"
            return .warning(
                name, "\(unit.name) is starting\(status)", why: "it does not serve yet", mend: log)
        case ("deactivating", _):
            return .warning(name, "\(unit.name) is stopping", why: "it serves no longer", mend: log)
        default:
            return .error(
                name, "\(unit.name) is enabled, but not started", why: "it does no work",
                mend: "systemctl start \(unit.name)")
        }
    }

    private static func ending(_ unit: UnitFacts) -> String {
        switch unit.result {
        case "exit-code": "its program ended with \(unit.exitStatus)"
        case "signal", "core-dump": "its program was ended by signal \(unit.exitStatus)"
        case "oom-kill": "the kernel ended it for want of memory"
        case "timeout": "it did not become ready, or did not stop, in time"
        case "watchdog": "it gave no sign of life"
        case "start-limit-hit": "it was started too often in a short time"
        case "success": "no reason is known"
        default: unit.result
        }
    }

    private static func running(_ unit: UnitFacts) -> Finding {
        let status = unit.statusText.isEmpty ? "" : ": \(unit.statusText)"
        let restarts = unit.restarts > 0 ? ", started again \(unit.restarts) times" : ""
        guard unit.isEnabled else {
            return .warning(
                name, "\(unit.name) runs, but is not enabled", why: "it does not start with the machine",
                mend: "systemctl enable \(unit.name)")
        }
        return unit.restarts == 0
            ? .ok(name, "\(unit.name) runs\(status)")
            : .note(
                name, "\(unit.name) runs\(restarts)", why: "it had ended by itself",
                mend: "journalctl -u \(unit.name) -p warning -n 30")
    }

    private static func besides(_ unit: UnitFacts) -> [Finding] {
        guard unit.needsReload else { return [] }
        return [
            .warning(
                name, "the files of \(unit.name).service changed", why: "systemd goes by what it read before",
                mend: "systemctl daemon-reload && systemctl restart \(unit.name)")
        ]
    }
}
