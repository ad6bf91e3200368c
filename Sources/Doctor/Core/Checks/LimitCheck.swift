/// Whether limits are high enough for many clients and tasks.
enum LimitCheck {
    private static let name = "limits"
    /// What the original's packages set (`ULIMIT="-n 8192"`): each client and each task is a file or more.
    private static let fewestFiles = 8192
    /// A hundred tasks of a hundred threads, and the system.
    private static let fewestTasks = 16_384
    /// Linux's default where the machine is not tiny.
    private static let fewestProcesses = 32_768
    private static let fewestInstances = 512
    private static let fewestWatches = 8192

    static func findings(_ facts: MachineFacts) -> [Finding] {
        let findings =
            facts.expected.flatMap(files) + tasks(facts) + (facts.service(.agent) == nil ? [] : kernel(facts.kernel))
        return findings.isEmpty ? [.ok(name, "open files, processes and inotify suffice")] : findings
    }

    private static func files(_ service: ServiceFacts) -> [Finding] {
        guard let unit = service.unit, let limit = unit.maximumFiles, limit < fewestFiles else { return [] }
        return [
            .warning(
                name, "\(unit.name) may open \(limit) files", why: "it refuses clients beyond that",
                mend: dropIn(unit, "LimitNOFILE=\(2 * fewestFiles)"))
        ]
    }

    private static func tasks(_ facts: MachineFacts) -> [Finding] {
        guard let agent = facts.service(.agent), let unit = facts.tasksUnit ?? agent.unit,
            let limit = unit.maximumTasks, limit < fewestTasks
        else { return [] }
        return [
            .warning(
                name, "all tasks in \(unit.name).service together may have \(limit) processes and threads",
                why: "tasks cannot start threads beyond that", mend: dropIn(unit, "TasksMax=infinity"))
        ]
    }

    /// A setting of a unit of one's own.
    static func dropIn(_ unit: UnitFacts, _ setting: String) -> String {
        let directory = "/etc/systemd/system/\(unit.name).service.d"
        return
            "mkdir -p \(directory) && printf '[Service]\\n\(setting)\\n' > \(directory)/\(setting.prefix { $0 != "=" }).conf"
            + " && systemctl daemon-reload && systemctl restart \(unit.name)"
    }

    private static func kernel(_ kernel: KernelFacts) -> [Finding] {
        var findings: [Finding] = []
        if let limit = kernel.maximumProcesses, limit < fewestProcesses {
            findings.append(
                .warning(
                    name, "the machine may have \(limit) processes and threads", why: "tasks fail to start beyond that",
                    mend: setting("kernel.pid_max", 4_194_304)))
        }
        if let limit = kernel.maximumFiles, limit < 16 * fewestFiles {
            findings.append(
                .warning(
                    name, "the machine may have \(limit) files open", why: "services and tasks fail beyond that",
                    mend: setting("fs.file-max", 1 << 20)))
        }
        if let limit = kernel.inotifyInstances, limit < fewestInstances {
            findings.append(
                .note(
                    name, "each user may watch files \(limit) times at once (inotify)",
                    why: "many tasks of one user that watch files fail beyond that",
                    mend: setting("fs.inotify.max_user_instances", 2 * fewestInstances)))
        }
        if let limit = kernel.inotifyWatches, limit < fewestWatches {
            findings.append(
                .note(
                    name, "each user may watch \(limit) files (inotify)",
                    why: "tasks that watch many files fail beyond that",
                    mend: setting("fs.inotify.max_user_watches", 8 * fewestWatches)))
        }
        return findings
    }

    private static func setting(_ name: String, _ value: Int) -> String {
        "echo \(name)=\(value) >> /etc/sysctl.d/60-mesos.conf && sysctl --system"
    }
}
