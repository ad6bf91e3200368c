/// Whether the clock is right: times of tasks and logs of several machines are compared.
enum ClockCheck {
    private static let name = "clock"
    /// Seconds: the answers tell the time to a second only, and take a moment to come.
    private static let tolerance = 3

    static func findings(_ facts: MachineFacts) -> [Finding] {
        [synchronisation(facts)] + facts.masters.compactMap { skew($0, facts) }
    }

    private static func synchronisation(_ facts: MachineFacts) -> Finding {
        switch facts.clock.isSynchronised {
        case .unseen(let reason): return facts.unseen(name, "the clock's synchronisation", reason)
        case .seen(true): return .ok(name, "the clock is synchronised")
        case .seen(false):
            let mend = facts.clock.keeper.map { "systemctl enable --now \($0)" } ?? "apt install systemd-timesyncd"
            return .warning(
                name, "the clock is not synchronised" + (facts.clock.keeper == nil ? ", and nothing can do it" : ""),
                why: "it drifts away from the other machines' clocks", mend: mend)
        }
    }

    private static func skew(_ master: MasterFacts, _ facts: MachineFacts) -> Finding? {
        guard case .version(_, let skew?) = master.answer, abs(skew) > tolerance else { return nil }
        let mend = facts.clock.keeper == "chrony" ? "chronyc makestep" : "timedatectl set-ntp true"
        return .warning(
            name, "the clock of the master at \(master.address) is \(abs(skew)) s \(skew > 0 ? "ahead" : "behind")",
            why: "times of tasks and logs do not fit together", mend: mend)
    }
}
