/// Whether the services can keep their state: the directory is there, theirs, and has room.
enum DirectoryCheck {
    private static let name = "directories"
    /// Bytes below which a disk is nearly full, and below which it is full.
    static let low: Int64 = 2 << 30
    static let none: Int64 = 128 << 20

    static func findings(_ facts: MachineFacts) -> [Finding] {
        facts.expected.flatMap { service -> [Finding] in
            guard let directory = service.stateDirectory else { return [] }
            let path = directory.path
            switch directory.state {
            case .unseen(let reason): return [facts.unseen(name, "\(path) of \(service.name)", reason)]
            case .missing: return [missing(service, path)]
            case .isNoDirectory:
                return [
                    .error(
                        name, "\(path) of \(service.name) is no directory", why: "the service does not start",
                        mend: "mv \(path) \(path).old && mkdir -p \(path)")
                ]
            case .present:
                let findings =
                    permission(service, directory, facts) + mount(service, directory) + space(service, directory)
                return findings.isEmpty ? [.ok(name, "\(path) of \(service.name): \(room(directory))")] : findings
            }
        }
    }

    /// A service that runs as root makes its directory itself.
    private static func missing(_ service: ServiceFacts, _ path: String) -> Finding {
        guard let user = user(service) else {
            return .note(
                name, "\(path) of \(service.name) is not there yet", why: "the service makes it when it starts",
                mend: "mkdir -p \(path)")
        }
        return .error(
            name, "\(path) of \(service.name) is not there", why: "the user \(user) may not be able to make it",
            mend: "install -d -o \(user) -g \(user) \(path)")
    }

    /// The user of a service that does not run as root.
    private static func user(_ service: ServiceFacts) -> String? {
        service.unit.flatMap { $0.user.isEmpty || $0.user == "root" ? nil : $0.user }
    }

    private static func permission(
        _ service: ServiceFacts, _ directory: DirectoryFacts, _ facts: MachineFacts
    ) -> [Finding] {
        var findings: [Finding] = []
        if let user = user(service), directory.owner != user, directory.mode & 0o022 == 0 {
            // What an agent keeps in the same directory must stay its own.
            let isShared = facts.expected.contains {
                $0.kind != service.kind && $0.stateDirectory?.path == directory.path
            }
            findings.append(
                .error(
                    name,
                    "\(directory.path) of \(service.name) belongs to \(directory.owner), and the service runs as "
                        + user, why: "it cannot write its state",
                    mend: "chown \(isShared ? "" : "-R ")\(user): \(directory.path)"))
        }
        if directory.mode & 0o002 != 0, directory.mode & 0o1000 == 0 {
            findings.append(
                .error(
                    name, "everybody may write to \(directory.path) of \(service.name)",
                    why: "every user of the machine can change the cluster's state",
                    mend: "chmod o-w \(directory.path)"))
        }
        return findings
    }

    private static func mount(_ service: ServiceFacts, _ directory: DirectoryFacts) -> [Finding] {
        let (path, type) = (directory.path, directory.fileSystem)
        if directory.isReadOnly {
            return [
                .error(
                    name, "\(path) of \(service.name) is on a file system that is read-only",
                    why: "the service cannot write its state",
                    mend: "mount -o remount,rw $(df --output=target \(path) | tail -1)")
            ]
        }
        var findings: [Finding] = []
        if ["tmpfs", "ramfs"].contains(type) {
            findings.append(
                .warning(
                    name, "\(path) of \(service.name) is in memory (\(type))", why: "a reboot loses its state",
                    mend: "echo /var/lib/mesos > \(service.kind.directory)/work_dir"))
        }
        if service.kind == .agent, directory.refusesPrograms {
            findings.append(
                .warning(
                    name, "\(path) of \(service.name) is on a file system with the option noexec",
                    why: "tasks cannot run programs that they fetched",
                    mend: "mount -o remount,exec $(df --output=target \(path) | tail -1)"))
        }
        return findings
    }

    private static func space(_ service: ServiceFacts, _ directory: DirectoryFacts) -> [Finding] {
        guard directory.freeBytes < low else { return [] }
        let what = "\(directory.path) of \(service.name): \(room(directory))"
        let mend = "du -xh --max-depth=2 \(directory.path) | sort -h | tail"
        return [
            directory.freeBytes < none
                ? .error(name, what, why: "writes fail soon", mend: mend)
                : .warning(name, what, why: "logs, images and sandboxes fill it soon", mend: mend)
        ]
    }

    private static func room(_ directory: DirectoryFacts) -> String {
        "\(amount(directory.freeBytes)) of \(amount(directory.totalBytes)) free"
    }

    private static func amount(_ bytes: Int64) -> String {
        bytes >= 10 << 30 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
    }
}
