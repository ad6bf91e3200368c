import Testing

@testable import Doctor

@Suite("Checks of the machine: cgroup, Docker, limits, directories, secrets")
struct MachineCheckTests {
    private static func groups(
        _ version: ControlGroupFacts.Version, _ controllers: Set<String> = ["cpu", "memory", "pids"]
    ) -> Observed<ControlGroupFacts> {
        .seen(ControlGroupFacts(version: version, controllers: controllers))
    }

    private static let controlGroupsAilments: [Ailment] = [
        Ailment(.error, "cgroup", "the machine has cgroup version 1", mend: "systemd.unified_cgroup_hierarchy=1") {
            $0.controlGroups = groups(.legacy)
        },
        Ailment(.error, "cgroup", "empty version 2 beside it", mend: "systemd.unified_cgroup_hierarchy=1") {
            $0.controlGroups = groups(.hybrid)
        },
        Ailment(.error, "cgroup", "no control groups are mounted", mend: "mount -t cgroup2") {
            $0.controlGroups = groups(.none)
        },
        Ailment(.error, "cgroup", "no controller memory", mend: "cgroup_enable=memory") {
            $0.controlGroups = groups(.unified, ["cpu", "pids"])
        },
        Ailment(.error, "cgroup", "no controller cpu, pids", mend: "cat /proc/cgroups") {
            $0.controlGroups = groups(.unified, ["memory"])
        },
        Ailment(.warning, "cgroup", "mesos-slave.service has no delegated cgroup", mend: "Delegate=yes") {
            $0.changeUnit(.agent) { $0.delegates = false }
        },
        Ailment(
            .warning, "cgroup", "mesos-tasks.service has no delegated cgroup",
            mend: "mesos-tasks.service.d/Delegate.conf"
        ) {
            $0.tasksUnit = UnitFacts(name: "mesos-tasks")
            $0.tasksUnit?.delegates = false
        },
    ]

    @Test("Control groups", arguments: controlGroupsAilments)
    func controlGroups(_ ailment: Ailment) { ailment.expectFound() }

    private static func docker(
        driver: String = "systemd", version: String = "2", storage: String = "overlay2"
    ) -> DockerFacts.Daemon {
        .answers(
            DockerInformation(
                version: "20.10", controlGroupDriver: driver, controlGroupVersion: version, storageDriver: storage))
    }

    private static let dockerAilments: [Ailment] = [
        Ailment(.error, "docker", "there is no program docker", mend: "apt install docker.io") {
            $0.docker?.isInstalled = false
        },
        Ailment(.error, "docker", "there is no /var/run/docker.sock", mend: "systemctl enable --now docker") {
            $0.docker?.daemon = .absent
        },
        Ailment(.error, "docker", "there is no /var/run/docker.sock", mend: "apt install docker.io") {
            $0.docker?.isInstalled = false
            $0.docker?.daemon = .absent
        },
        Ailment(
            .error, "docker", "does not answer at /var/run/docker.sock: Connection refused",
            mend: "systemctl restart docker"
        ) {
            $0.docker?.daemon = .silent("Connection refused")
        },
        Ailment(.warning, "docker", "cgroup driver is cgroupfs", mend: "native.cgroupdriver=systemd") {
            $0.docker?.daemon = docker(driver: "cgroupfs")
        },
        Ailment(.warning, "docker", "uses cgroup version 1", mend: "systemctl restart docker") {
            $0.docker?.daemon = docker(version: "1")
        },
        Ailment(.warning, "docker", "storage driver is vfs", mend: "overlay2") {
            $0.docker?.daemon = docker(storage: "vfs")
        },
        Ailment(.error, "overlay", "no overlayfs", mend: "modprobe overlay") { $0.kernel.hasOverlay = false },
    ]

    @Test("Docker and overlay", arguments: dockerAilments)
    func docker(_ ailment: Ailment) { ailment.expectFound() }

    private static let limitsAilments: [Ailment] = [
        Ailment(.warning, "limits", "mesos-master may open 1024 files", mend: "LimitNOFILE=16384") {
            $0.changeUnit(.master) { $0.maximumFiles = 1024 }
        },
        Ailment(.warning, "limits", "mesos-tasks.service together may have 100 processes", mend: "TasksMax=infinity") {
            $0.tasksUnit = UnitFacts(name: "mesos-tasks")
            $0.tasksUnit?.maximumTasks = 100
        },
        Ailment(.warning, "limits", "may have 4915 processes and threads", mend: "TasksMax=infinity") {
            $0.changeUnit(.agent) { $0.maximumTasks = 4915 }
        },
        Ailment(.warning, "limits", "the machine may have 4096 processes", mend: "kernel.pid_max") {
            $0.kernel.maximumProcesses = 4096
        },
        Ailment(.warning, "limits", "the machine may have 10000 files open", mend: "fs.file-max") {
            $0.kernel.maximumFiles = 10_000
        },
        Ailment(.note, "limits", "watch files 128 times", mend: "fs.inotify.max_user_instances") {
            $0.kernel.inotifyInstances = 128
        },
        Ailment(.note, "limits", "watch 4096 files", mend: "fs.inotify.max_user_watches") {
            $0.kernel.inotifyWatches = 4096
        },
    ]

    @Test("Where tasks have a unit of their own, the agent's need not be delegated, nor its limit be theirs")
    func tasksUnit() {
        var facts = Machine.healthy
        facts.changeUnit(.agent) { ($0.delegates, $0.maximumTasks) = (false, 4915) }
        facts.tasksUnit = UnitFacts(name: "mesos-tasks")
        facts.tasksUnit?.delegates = true
        #expect(Examination.findings(facts).filter { $0.severity != .ok } == [])
    }

    @Test("Limits", arguments: limitsAilments)
    func limits(_ ailment: Ailment) { ailment.expectFound() }

    private static func state(
        _ kind: ServiceKind = .agent, _ change: @escaping (inout DirectoryFacts) -> Void
    ) -> (inout MachineFacts) -> Void {
        { facts in
            facts.change(kind) { service in
                var directory = service.stateDirectory ?? DirectoryFacts(path: "/var/lib/mesos")
                change(&directory)
                service.stateDirectory = directory
            }
        }
    }

    private static let directoriesAilments: [Ailment] = [
        Ailment(
            .note, "directories", "/var/lib/mesos of mesos-slave is not there yet", mend: "mkdir -p /var/lib/mesos",
            state { $0.state = .missing }),
        Ailment(
            .error, "directories", "/var/lib/zookeeper of zookeeper is not there",
            mend: "install -d -o zookeeper -g zookeeper /var/lib/zookeeper"
        ) {
            $0.changeUnit(.coordinator) { $0.user = "zookeeper" }
            state(.coordinator) { $0.state = .missing }(&$0)
        },
        Ailment(
            .error, "directories", "is no directory", mend: "mv /var/lib/mesos",
            state { $0.state = .isNoDirectory }),
        Ailment(
            .error, "directories", "belongs to root, and the service runs as mesos",
            mend: "chown mesos: /var/lib/mesos"
        ) {
            $0.changeUnit(.master) { $0.user = "mesos" }
        },
        Ailment(
            .error, "directories", "/srv/master of mesos-master belongs to root",
            mend: "chown -R mesos: /srv/master"
        ) {
            $0.changeUnit(.master) { $0.user = "mesos" }
            $0.change(.master) { $0.stateDirectory = DirectoryFacts(path: "/srv/master") }
        },
        Ailment(
            .error, "directories", "everybody may write to /var/lib/mesos", mend: "chmod o-w",
            state { $0.mode = 0o777 }),
        Ailment(
            .error, "directories", "file system that is read-only", mend: "remount,rw",
            state { $0.isReadOnly = true }),
        Ailment(
            .warning, "directories", "is in memory (tmpfs)", mend: "/etc/mesos-slave/work_dir",
            state { $0.fileSystem = "tmpfs" }),
        Ailment(
            .warning, "directories", "with the option noexec", mend: "remount,exec",
            state { $0.refusesPrograms = true }),
        Ailment(
            .warning, "directories", "1024 MiB of 2048 GiB free", mend: "du -xh",
            state { $0.freeBytes = 1 << 30 }),
        Ailment(.error, "directories", "64 MiB of 2048 GiB free", mend: "du -xh", state { $0.freeBytes = 64 << 20 }),
    ]

    @Test("Directories", arguments: directoriesAilments)
    func directories(_ ailment: Ailment) { ailment.expectFound() }

    @Test("A sticky directory, and one that a service's user owns, are well")
    func ownDirectories() {
        var facts = Machine.healthy
        facts.changeUnit(.master) { $0.user = "mesos" }
        Self.state(.master) { $0.owner = "mesos" }(&facts)
        Self.state(.agent) { $0.mode = 0o1777 }(&facts)
        #expect(Examination.findings(facts).filter { $0.severity != .ok } == [])
    }

    private static func open(_ path: String) -> [SecretFile] {
        [SecretFile(path: path, secret: "a password", mode: 0o644)]
    }

    private static let secretsAilments: [Ailment] = [
        Ailment(.error, "secrets", "/etc/mesos/zk holds a password, and everybody", mend: "chmod o= /etc/mesos/zk") {
            $0.secrets = open("/etc/mesos/zk")
        },
        Ailment(
            .error, "secrets", "/etc/mesos-master/credentials holds",
            mend: "chgrp mesos /etc/mesos-master/credentials && chmod g=r,o="
        ) {
            $0.secrets = open("/etc/mesos-master/credentials")
            $0.changeUnit(.master) { $0.user = "mesos" }
        },
        Ailment(.error, "secrets", "/etc/mesos/zk holds", mend: "chmod o= /etc/mesos/zk") {
            $0.secrets = open("/etc/mesos/zk")
            $0.changeUnit(.master) { $0.user = "mesos" }
            $0.changeUnit(.marathon) { $0.group = "marathon" }
        },
    ]

    @Test("Secrets", arguments: secretsAilments)
    func secrets(_ ailment: Ailment) { ailment.expectFound() }
}
