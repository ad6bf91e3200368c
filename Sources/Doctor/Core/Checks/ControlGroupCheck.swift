/// Whether tasks can be held to their resources: cgroup v2 alone, with the controllers, delegated to the agent.
enum ControlGroupCheck {
    private static let name = "cgroup"
    private static let needed = ["cpu", "memory", "pids"]
    private static let bootOption = "systemd.unified_cgroup_hierarchy=1"

    static func findings(_ facts: MachineFacts) -> [Finding] {
        guard let agent = facts.service(.agent) else { return [] }
        guard !Set(agent.settings.containerizers).isDisjoint(with: ["mesos", "docker"]) else { return [] }
        switch facts.controlGroups {
        case .unseen(let reason): return [facts.unseen(name, "the control groups", reason)]
        case .seen(let groups): return [hierarchy(groups)] + delegation(facts.tasksUnit ?? agent.unit)
        }
    }

    private static func hierarchy(_ groups: ControlGroupFacts) -> Finding {
        let reboot = "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&\(bootOption) /' /etc/default/grub && update-grub && reboot"
        let noLimits = "tasks of the mesos containerizer run without limits"
        switch groups.version {
        case .none:
            return .error(
                name, "no control groups are mounted at /sys/fs/cgroup", why: noLimits,
                mend: "mount -t cgroup2 none /sys/fs/cgroup")
        case .legacy, .hybrid:
            let mode = groups.version == .legacy ? "version 1" : "version 1 with an empty version 2 beside it"
            return .error(name, "the machine has cgroup \(mode)", why: noLimits, mend: reboot)
        case .unified:
            let missing = needed.filter { !groups.controllers.contains($0) }
            guard missing.isEmpty else {
                return .error(
                    name, "cgroup v2 has no controller \(missing.joined(separator: ", "))", why: noLimits,
                    mend: missing == ["memory"]
                        ? reboot.replacing(bootOption, with: "cgroup_enable=memory") : "cat /proc/cgroups")
            }
            return .ok(name, "cgroup v2 alone, with \(needed.joined(separator: ", "))")
        }
    }

    /// The unit is that of the tasks: the agent's, or one of their own.
    private static func delegation(_ unit: UnitFacts?) -> [Finding] {
        guard let unit, let delegates = unit.delegates else { return [] }
        if delegates { return [.ok(name, "\(unit.name).service has its cgroup delegated")] }
        return [
            .warning(
                name, "\(unit.name).service has no delegated cgroup",
                why: "systemd may take away the limits of tasks",
                mend: LimitCheck.dropIn(unit, "Delegate=yes"))
        ]
    }
}
