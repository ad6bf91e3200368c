/// Whether limits are high enough for many clients and tasks.
enum LimitCheck {
    private static let name = "limits"
    /// What the original's packages set (`ULIMIT="-n 8192"`): each client and each task is a file or more.
    static let files = 8192
    /// A hundred tasks of a hundred threads, and the system.
    static let tasks = 16_384
    /// Linux's default where the machine is not tiny.
    static let processes = 32_768
    static let instances = 512
    static let watches = 65_536

    static func findings(_ facts: MachineFacts) -> [Finding] {
        let findings = facts.expected.flatMap(unit) + (facts.service(.agent) == nil ? [] : kernel(facts.kernel))
        return findings.isEmpty ? [.ok(name, "open files, processes and inotify suffice")] : findings
    }

    private static func unit(_ service: ServiceFacts) -> [Finding] {
        guard let unit = service.unit else { return [] }
        var findings: [Finding] = []
        if let limit = unit.maximumFiles, limit < files {
            findings.append(
                .warning(
                    name, "\(unit.name) may open \(limit) files", why: "it refuses clients beyond that",
                    mend: dropIn(unit, "LimitNOFILE=\(2 * files)")))
        }
        if service.kind == .agent, let limit = unit.maximumTasks, limit < tasks {
            findings.append(
                .warning(
                    name, "\(unit.name) and all tasks below it may have \(limit) processes and threads",
                    why: "tasks cannot start threads beyond that", mend: dropIn(unit, "TasksMax=infinity")))
        }
        return findings
    }

    private static func dropIn(_ unit: UnitFacts, _ setting: String) -> String {
        let directory = "/etc/systemd/system/\(unit.name).service.d"
        return "mkdir -p \(directory) && printf '[Service]\\n\(setting)\\n' > \(directory)/limits.conf"
            + " && systemctl daemon-reload && systemctl restart \(unit.name)"
    }

    private static func kernel(_ kernel: KernelFacts) -> [Finding] {
        var findings: [Finding] = []
        if let limit = kernel.maximumProcesses, limit < processes {
            findings.append(
                .warning(
                    name, "the machine may have \(limit) processes and threads", why: "tasks fail to start beyond that",
                    mend: setting("kernel.pid_max", 4_194_304)))
        }
        if let limit = kernel.maximumFiles, limit < 16 * files {
            findings.append(
                .warning(
                    name, "the machine may have \(limit) files open", why: "services and tasks fail beyond that",
                    mend: setting("fs.file-max", 1 << 20)))
        }
        if let limit = kernel.inotifyInstances, limit < instances {
            findings.append(
                .note(
                    name, "each user may watch files \(limit) times at once (inotify)",
                    why: "many tasks of one user that watch files fail beyond that",
                    mend: setting("fs.inotify.max_user_instances", instances)))
        }
        if let limit = kernel.inotifyWatches, limit < 8192 {
            findings.append(
                .note(
                    name, "each user may watch \(limit) files (inotify)",
                    why: "tasks that watch many files fail beyond that",
                    mend: setting("fs.inotify.max_user_watches", watches)))
        }
        return findings
    }

    private static func setting(_ name: String, _ value: Int) -> String {
        "echo \(name)=\(value) >> /etc/sysctl.d/60-mesos.conf && sysctl --system"
    }
}
