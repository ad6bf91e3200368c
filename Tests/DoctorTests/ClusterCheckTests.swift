import Testing

@testable import Doctor

@Suite("Checks of the cluster: hostname, ZooKeeper, masters, clock")
struct ClusterCheckTests {
    private static let hostnameAilments: [Ailment] = [
        Ailment(
            .error, "hostname", "the machine's name, one, does not resolve: Name or service not known",
            mend: "echo 10.0.0.1 > /etc/mesos-master/hostname"
        ) {
            $0.names["one"] = .unseen("Name or service not known")
        },
        Ailment(
            .error, "hostname", "the hostname of marathon, uno, does not resolve",
            mend: "> /etc/marathon/conf/hostname"
        ) {
            $0.change(.marathon) { $0.toldName = "uno" }
            $0.names["uno"] = .unseen("Name or service not known")
        },
        Ailment(
            .error, "hostname", "one, resolves to 127.0.1.1", mend: "echo 10.0.0.1 > /etc/mesos-slave/hostname",
            on: Machine.ofThree
        ) {
            $0.names["one"] = .seen(["127.0.1.1"])
            $0.change(.master) { $0.toldName = "10.0.0.1" }
        },
        Ailment(
            .error, "hostname", "mesos-slave tells others that its address is 127.0.1.1",
            mend: "echo 10.0.0.1 > /etc/mesos-slave/advertise_ip", on: Machine.ofThree
        ) {
            $0.names["one"] = .seen(["127.0.1.1"])
        },
        Ailment(.error, "hostname", "mesos-master is to listen on 10.9.9.9", mend: "/etc/mesos-master/ip") {
            $0.change(.master) { $0.settings.address = "10.9.9.9" }
        },
        Ailment(
            .warning, "hostname", "resolves to 10.9.9.9, which is no address of this machine",
            mend: "echo 10.0.0.1 >"
        ) {
            $0.names["one"] = .seen(["10.9.9.9"])
        },
    ]

    @Test("Hostname", arguments: hostnameAilments)
    func hostname(_ ailment: Ailment) { ailment.expectFound() }

    @Test("On a machine of its own Debian's 127.0.1.1 is no mistake; an advertised address is none elsewhere")
    func loopback() {
        var facts = Machine.healthy
        facts.names["one"] = .seen(["127.0.1.1"])
        facts.changeMasters { $0[0].address = "127.0.1.1" }
        #expect(Examination.findings(facts).filter { $0.severity != .ok } == [])
        facts = Machine.ofThree
        facts.names["one"] = .seen(["127.0.1.1"])
        for kind in [ServiceKind.master, .agent, .marathon] {
            facts.change(kind) {
                $0.toldName = "10.0.0.1"
                $0.settings.advertisedAddress = "10.0.0.1"
            }
        }
        facts.names["10.0.0.1"] = .seen(["10.0.0.1"])
        #expect(Examination.findings(facts).filter { $0.severity != .ok } == [])
    }

    private static let zooKeeperAilments: [Ailment] = [
        Ailment(
            .error, "zookeeper", "localhost:2181 cannot be reached: Connection refused",
            mend: "systemctl enable --now zookeeper"
        ) {
            $0.changeServer(1) { ($0.refusal, $0.word, $0.session) = ("Connection refused", .none, .none) }
        },
        Ailment(.error, "zookeeper", "cannot be reached", mend: "echo zk://ADDRESS:2181/mesos > /etc/mesos/zk") {
            $0.services.removeAll { $0.kind == .coordinator }
            $0.changeServer(1) { ($0.refusal, $0.word, $0.session) = ("Connection refused", .none, .none) }
        },
        Ailment(
            .warning, "zookeeper", "zk3:2181 cannot be reached", mend: "ssh zk3 systemctl status zookeeper",
            on: Machine.ofThree
        ) {
            $0.changeServer(3) { ($0.refusal, $0.word, $0.session) = ("Connection timed out", .none, .none) }
        },
        Ailment(.error, "zookeeper", "zk3:2181 cannot be reached", mend: "ssh zk3", on: Machine.ofThree) {
            $0.changeServer(2) { ($0.refusal, $0.word, $0.session) = ("Connection timed out", .none, .none) }
            $0.changeServer(3) { ($0.refusal, $0.word, $0.session) = ("Connection timed out", .none, .none) }
        },
        Ailment(.warning, "zookeeper", "zk2 does not resolve", mend: "editor /etc/mesos/zk", on: Machine.ofThree) {
            $0.changeServer(2) {
                ($0.resolution, $0.word, $0.session) = (.unseen("Name or service not known"), .none, .none)
            }
        },
        Ailment(.error, "zookeeper", "something else than ZooKeeper answers", mend: "ss -ltnp") {
            $0.changeServer(1) { ($0.word, $0.session) = (.isStrange, .none) }
        },
        Ailment(.error, "zookeeper", "its ensemble has no quorum", mend: "systemctl enable --now zookeeper") {
            $0.changeServer(1) { ($0.word, $0.session) = (.isNotServing, .none) }
        },
        Ailment(.error, "zookeeper", "takes connections and does not answer", mend: "systemctl restart zookeeper") {
            $0.changeServer(1) { ($0.word, $0.session) = (.none, .none) }
        },
        Ailment(
            .warning, "zookeeper", "zk2:2181 takes connections and does not answer",
            mend: "ssh zk2 systemctl restart zookeeper", on: Machine.ofThree
        ) {
            $0.changeServer(2) { ($0.word, $0.session) = (.isNotAllowed, .none) }
        },
        Ailment(.error, "zookeeper", "lets nobody with these credentials read /mesos", mend: "editor /etc/mesos/zk") {
            $0.changeServer(1) { $0.session = .isForbidden }
        },
        Ailment(
            .error, "zookeeper", "zk2:2181 is alone, and the URL names 3 servers",
            mend: "editor /etc/zookeeper/conf/zoo.cfg", on: Machine.ofThree
        ) {
            $0.changeServer(2) { $0.word = .serves(mode: "standalone", version: "3.8.0") }
        },
        Ailment(.note, "zookeeper", "names 2 servers", mend: "editor /etc/mesos/zk", on: Machine.ofThree) {
            $0.ensembles[0].servers.removeLast()
        },
    ]

    @Test("ZooKeeper", arguments: zooKeeperAilments)
    func zooKeeper(_ ailment: Ailment) { ailment.expectFound() }

    @Test("A server that does not allow srvr is well when it gives a session")
    func wordNotAllowed() {
        var facts = Machine.healthy
        facts.changeServer(1) { $0.word = .isNotAllowed }
        #expect(Examination.findings(facts).filter { $0.severity != .ok } == [])
    }

    private static let mastersAilments: [Ailment] = [
        Ailment(.error, "masters", "no master is registered at /mesos", mend: "systemctl restart mesos-master") {
            $0.changeMasters { $0 = [] }
        },
        Ailment(.error, "masters", "no master is registered at /mesos", mend: "ssh MASTER") {
            $0.services.removeAll { $0.kind == .master }
            $0.changeServer(1) { $0.session = .noNode }
        },
        Ailment(
            .error, "masters", "the leading master, master1 at 10.0.0.1:5050, does not answer",
            mend: "systemctl restart mesos-master"
        ) {
            $0.changeMasters { $0[0].answer = .silent("Connection refused") }
        },
        Ailment(
            .warning, "masters", "the master, master3 at 10.0.0.3:5050, does not answer", mend: "ssh master3",
            on: Machine.ofThree
        ) {
            $0.changeMasters { $0[2].answer = .silent("Connection timed out") }
        },
        Ailment(
            .error, "masters", "registered with the address 127.0.1.1:5050 of its own loopback",
            mend: "advertise_ip", on: Machine.ofThree
        ) {
            $0.services.removeAll { $0.kind == .master }
            $0.changeMasters { ($0[1].address, $0[1].answer) = ("127.0.1.1", .silent("Connection refused")) }
        },
        Ailment(
            .error, "masters", "runs here is not registered", mend: "journalctl -u mesos-master",
            on: Machine.ofThree
        ) {
            $0.changeMasters { $0.removeFirst() }
        },
        Ailment(.warning, "masters", "the quorum is 2, and 1 of the masters", mend: "echo 1 > /etc/mesos-master/quorum")
        {
            $0.change(.master) { $0.settings.quorum = 2 }
        },
        Ailment(
            .warning, "masters", "the quorum is 3, and 2 of the masters", mend: "systemctl start mesos-master",
            on: Machine.ofThree
        ) {
            $0.change(.master) { $0.settings.quorum = 3 }
            $0.changeMasters { $0.removeLast() }
        },
        Ailment(
            .warning, "masters", "the quorum is 1, and 3 masters", mend: "echo 2 > /etc/mesos-master/quorum",
            on: Machine.ofThree
        ) {
            $0.change(.master) { $0.settings.quorum = 1 }
        },
    ]

    @Test("Masters", arguments: mastersAilments)
    func masters(_ ailment: Ailment) { ailment.expectFound() }

    private static let clockAilments: [Ailment] = [
        Ailment(.warning, "clock", "is not synchronised", mend: "systemctl enable --now chrony") {
            $0.clock.isSynchronised = .seen(false)
        },
        Ailment(.warning, "clock", "and nothing can do it", mend: "apt install systemd-timesyncd") {
            $0.clock.isSynchronised = .seen(false)
            $0.clock.keeper = nil
        },
        Ailment(
            .warning, "clock", "the master at 10.0.0.2 is 60 s ahead", mend: "chronyc makestep",
            on: Machine.ofThree
        ) {
            $0.changeMasters { $0[1].answer = .version("swift-mesos-0.1.0", skewSeconds: 60) }
        },
        Ailment(.warning, "clock", "the master at 10.0.0.1 is 9 s behind", mend: "timedatectl set-ntp true") {
            $0.clock.keeper = "systemd-timesyncd"
            $0.changeMasters { $0[0].answer = .version("swift-mesos-0.1.0", skewSeconds: -9) }
        },
    ]

    @Test("Clock", arguments: clockAilments)
    func clock(_ ailment: Ailment) { ailment.expectFound() }
}
