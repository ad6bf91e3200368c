import Testing

@testable import Doctor

@Suite("Checks of services: configuration, containerizers, units, versions, ports")
struct ServiceCheckTests {
    private static let configurationAilments: [Ailment] = [
        Ailment(.error, "configuration", "'many' is wrong", mend: "editor /etc/mesos-master/quorum") {
            $0.change(.master) {
                $0.complaint = "mesos-master: /etc/mesos-master/quorum: 'many' is wrong: expected a whole number"
            }
        },
        Ailment(.error, "configuration", "--work_dir is missing", mend: "> /etc/mesos-slave/work_dir") {
            $0.change(.agent) { $0.complaint = "mesos-agent: --work_dir is missing" }
        },
        Ailment(.error, "configuration", "--quorum is missing", mend: "echo 1 > /etc/mesos-master/quorum") {
            $0.change(.master) { $0.complaint = "mesos-master: --quorum is missing: it is needed" }
        },
        Ailment(.error, "configuration", "--master is missing", mend: "> /etc/mesos/zk") {
            $0.change(.marathon) { $0.complaint = "marathon: --master is missing: --master zk://host:2181/mesos" }
        },
        Ailment(.error, "configuration", "--acls", mend: "editor /etc/mesos-master/acls") {
            $0.change(.master) { $0.complaint = "mesos-master: --acls: this version cannot protect the master" }
        },
        Ailment(.error, "configuration", "dataDir is missing", mend: "editor /etc/zookeeper/conf/zoo.cfg") {
            $0.change(.coordinator) { $0.complaint = "dataDir is missing" }
        },
        Ailment(.note, "configuration", "the flag isolation has no effect", mend: "rm /etc/mesos-slave/isolation") {
            $0.change(.agent) { $0.withoutEffect = ["isolation"] }
        },
        Ailment(.error, "configuration", "both configured for port 5050", mend: "/etc/marathon/conf/http_port") {
            $0.change(.marathon) { $0.settings.port = 5050 }
        },
        Ailment(.error, "configuration", "port 8080 of marathon", mend: "admin.enableServer=false") {
            $0.change(.coordinator) { $0.settings.adminPort = 8080 }
        },
        Ailment(
            .warning, "configuration", "looks for masters at zk://localhost:2181/mesos, mesos-slave at zk://b",
            mend: "rm /etc/mesos-slave/master"
        ) {
            $0.change(.agent) { $0.settings.masterURL = "zk://b:2181/mesos" }
        },
    ]

    @Test("Configuration", arguments: configurationAilments)
    func configuration(_ ailment: Ailment) { ailment.expectFound() }

    private static let containerizersAilments: [Ailment] = [
        Ailment(.error, "containerizers", "'dokcer' is no containerizer", mend: "echo docker,mesos >") {
            $0.change(.agent) { $0.settings.containerizers = ["dokcer", "mesos"] }
        },
        Ailment(.error, "containerizers", "names none", mend: "echo docker,mesos >") {
            $0.change(.agent) { $0.settings.containerizers = [] }
        },
        Ailment(.warning, "containerizers", "mesos is named twice", mend: "echo docker,mesos >") {
            $0.change(.agent) { $0.settings.containerizers = ["mesos", "docker", "mesos"] }
        },
        Ailment(.warning, "containerizers", "process stands before mesos", mend: "echo docker,mesos >") {
            $0.change(.agent) { $0.settings.containerizers = ["process", "mesos"] }
        },
        Ailment(.note, "containerizers", "60 s to start", mend: "echo 15mins >") {
            $0.change(.agent) { $0.settings.startSeconds = 60 }
        },
    ]

    @Test("Containerizers", arguments: containerizersAilments)
    func containerizers(_ ailment: Ailment) { ailment.expectFound() }

    private static let unitsAilments: [Ailment] = [
        Ailment(
            .error, "units", "mesos-master has failed: its program ended with 1", mend: "journalctl -u mesos-master"
        ) {
            $0.changeUnit(.master) {
                $0.activeState = "failed"
                $0.result = "exit-code"
                $0.exitStatus = 1
            }
        },
        Ailment(.error, "units", "want of memory", mend: "journalctl -u marathon") {
            $0.changeUnit(.marathon) {
                $0.activeState = "failed"
                $0.result = "oom-kill"
            }
        },
        Ailment(.error, "units", "again and again (7 times)", mend: "journalctl -u mesos-slave") {
            $0.changeUnit(.agent) {
                ($0.activeState, $0.subState) = ("activating", "auto-restart")
                $0.restarts = 7
            }
        },
        Ailment(.warning, "units", "marathon is starting: no leader yet", mend: "journalctl -u marathon") {
            $0.changeUnit(.marathon) {
                ($0.activeState, $0.subState, $0.statusText) = ("activating", "start", "no leader yet")
            }
        },
        Ailment(.warning, "units", "zookeeper is stopping", mend: "journalctl -u zookeeper") {
            $0.changeUnit(.coordinator) { $0.activeState = "deactivating" }
        },
        Ailment(.error, "units", "zookeeper is enabled, but not started", mend: "systemctl start zookeeper") {
            $0.changeUnit(.coordinator) { $0.activeState = "inactive" }
        },
        Ailment(.warning, "units", "marathon runs, but is not enabled", mend: "systemctl enable marathon") {
            $0.changeUnit(.marathon) { $0.fileState = "disabled" }
        },
        Ailment(.note, "units", "started again 2 times", mend: "journalctl -u mesos-master") {
            $0.changeUnit(.master) { $0.restarts = 2 }
        },
        Ailment(.warning, "units", "files of mesos-slave.service changed", mend: "systemctl daemon-reload") {
            $0.changeUnit(.agent) { $0.needsReload = true }
        },
        Ailment(.note, "units", "there is no mesos-slave.service", mend: "apt install mesos") {
            $0.change(.agent) { $0.unit = nil }
        },
    ]

    @Test("Units", arguments: unitsAilments)
    func units(_ ailment: Ailment) { ailment.expectFound() }

    private static let versionsAilments: [Ailment] = [
        Ailment(.warning, "versions", "mesos-master runs an older build", mend: "systemctl restart mesos-master") {
            $0.change(.master) { $0.isReplaced = true }
        },
        Ailment(.warning, "versions", "mesos-slave runs 0.0.9", mend: "systemctl restart mesos-slave") {
            $0.change(.agent) { $0.runningVersion = "swift-mesos-0.0.9" }
        },
        Ailment(.note, "versions", "another program than ours runs as mesos-master", mend: "systemctl status") {
            $0.change(.master) { $0.runningVersion = "04bc7ee" }
        },
    ]

    @Test("Versions", arguments: versionsAilments)
    func versions(_ ailment: Ailment) { ailment.expectFound() }

    private static func listeners(_ port: Int, _ process: ProcessFacts?, address: String = "0.0.0.0") -> Observed<
        [Listener]
    > {
        .seen([Listener(address: address, port: port, process: process)])
    }

    private static let portsAilments: [Ailment] = [
        Ailment(
            .error, "ports", "port 5050 of mesos-master is taken by nginx of nginx.service (pid 9)",
            mend: "systemctl disable --now nginx"
        ) {
            $0.listeners = listeners(5050, ProcessFacts(pid: 9, name: "nginx", unit: "nginx"))
        },
        Ailment(.error, "ports", "taken by python3 (pid 9)", mend: "kill 9") {
            $0.listeners = listeners(8080, ProcessFacts(pid: 9, name: "python3"))
        },
        Ailment(.error, "ports", "taken by java of zookeeper.service", mend: "admin.enableServer=false") {
            $0.listeners = listeners(8080, ProcessFacts(pid: 9, name: "java", unit: "zookeeper"))
        },
        Ailment(.error, "ports", "marathon runs, and nobody listens on port 8080", mend: "journalctl -u marathon") {
            $0.listeners = .seen([])
        },
        Ailment(.error, "ports", "port 5051 of mesos-slave is taken", mend: "kill 9") {
            $0.change(.agent) { $0.settings.address = "10.0.0.1" }
            $0.listeners = listeners(5051, ProcessFacts(pid: 9, name: "nc"), address: "10.0.0.1")
        },
    ]

    @Test("Ports", arguments: portsAilments)
    func ports(_ ailment: Ailment) { ailment.expectFound() }

    @Test("A port is free or the service's own, by unit, by main process or by the program's name")
    func ownPorts() {
        var facts = Machine.healthy
        facts.services = facts.services.filter { $0.kind == .agent }
        func finding() -> Finding? { Examination.findings(facts).first { $0.check == "ports" } }
        facts.changeUnit(.agent) { $0.mainPID = 7 }
        for process in [
            ProcessFacts(pid: 7, name: "x"), ProcessFacts(pid: 8, name: "mesos-slave"),
            ProcessFacts(pid: 9, name: "x", unit: "mesos-agent"),
        ] {
            facts.listeners = Self.listeners(5051, process)
            #expect(finding() == .ok("ports", "port 5051 is mesos-slave's"))
        }
        facts.listeners = Self.listeners(5051, ProcessFacts(pid: 9, name: "java"))
        #expect(finding()?.severity == .error)
        facts.change(.agent) { $0.settings.isApache = true }
        #expect(finding() == .ok("ports", "port 5051 is mesos-slave's"))
        facts.change(.agent) { $0.settings.address = "10.0.0.1" }
        facts.listeners = Self.listeners(5051, ProcessFacts(pid: 1, name: "x"), address: "127.0.0.1")
        facts.changeUnit(.agent) { $0.activeState = "failed" }
        #expect(finding() == .ok("ports", "port 5051 of mesos-slave is free"))
    }
}
