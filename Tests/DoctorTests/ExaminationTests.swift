import Testing

@testable import Doctor

@Suite("The examination of a machine")
struct ExaminationTests {
    @Test("On a machine where nothing is wrong every check is ok", arguments: [Machine.healthy, Machine.ofThree])
    func healthy(_ facts: MachineFacts) {
        let findings = Examination.findings(facts)
        #expect(findings.filter { $0.severity != .ok } == [])
        #expect(
            Set(findings.map(\.check)) == [
                "configuration", "containerizers", "units", "versions", "ports", "hostname", "zookeeper", "masters",
                "clock", "cgroup", "docker", "overlay", "limits", "directories", "secrets",
            ])
    }

    @Test("A machine with none of the services is told what to install")
    func nothingInstalled() {
        let findings = Examination.findings(MachineFacts())
        #expect(findings.map(\.severity) == [.warning])
        #expect(findings.first?.mend == "apt install mesos marathon mesosphere-zookeeper")
    }

    @Test("Only what applies is checked: Marathon alone needs no Docker, no cgroup and no quorum")
    func onlyMarathon() {
        var facts = Machine.healthy
        facts.services = facts.services.filter { $0.kind == .marathon }
        facts.docker = nil
        facts.controlGroups = .seen(ControlGroupFacts(version: .legacy, controllers: []))
        facts.kernel.inotifyInstances = 1
        let findings = Examination.findings(facts)
        #expect(findings.filter { $0.severity != .ok } == [])
        #expect(
            Set(findings.map(\.check)) == [
                "configuration", "units", "ports", "hostname", "zookeeper", "masters", "clock", "limits", "secrets",
            ])
    }

    @Test("A service that is installed and not enabled is named, and not looked at")
    func disabled() {
        var facts = Machine.healthy
        facts.changeUnit(.marathon) {
            $0.fileState = "disabled"
            $0.activeState = "inactive"
        }
        facts.change(.marathon) { $0.complaint = "marathon: --port: unknown flag" }
        let findings = Examination.findings(facts).filter { $0.what.contains("marathon") }
        #expect(findings.map(\.what) == ["marathon is installed but neither enabled nor started"])
        #expect(findings.first?.mend == "systemctl enable --now marathon")
    }

    @Test("Without rights it says what it could not see, and who can")
    func unprivileged() {
        var facts = Machine.healthy
        facts.isPrivileged = false
        facts.listeners = .seen([Listener(address: "0.0.0.0", port: 5050)])
        facts.docker?.daemon = .forbidden
        facts.change(.agent) {
            $0.stateDirectory?.state = .unseen("Permission denied")
            $0.unreadable = ["/etc/mesos-slave/credential"]
        }
        facts.unitsUnseen = "there is no systemctl"
        facts.controlGroups = .unseen("no answer within 2 s")
        facts.clock.isSynchronised = .unseen("Operation not permitted")
        facts.kernel.hasOverlay = nil
        let findings = Examination.findings(facts).filter { $0.what.contains("could not be seen") }
        #expect(
            Set(findings.map(\.check)) == [
                "ports", "docker", "directories", "configuration", "units", "cgroup", "clock", "overlay",
            ])
        #expect(findings.allSatisfy { $0.severity == .note && $0.mend == "sudo mesos doctor" })
        facts.listeners = .unseen("/proc/net/tcp cannot be read")
        #expect(Examination.findings(facts).contains { $0.what.hasPrefix("the ports in use could not be seen") })
    }
}
