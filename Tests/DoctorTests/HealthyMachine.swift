import Testing

@testable import Doctor

/// Machines for the tests of checks.
enum Machine {
    /// A machine with all services, on which nothing is wrong.
    static var healthy: MachineFacts {
        var facts = MachineFacts()
        facts.hostname = "one"
        facts.release = "0.1.0"
        facts.addresses = ["10.0.0.1"]
        facts.services = [coordinator, master, agent, marathon]
        facts.controlGroups = .seen(
            ControlGroupFacts(version: .unified, controllers: ["cpuset", "cpu", "io", "memory", "pids"]))
        facts.listeners = .seen(
            facts.services.enumerated().map { index, service in
                Listener(
                    address: "0.0.0.0", port: service.settings.port,
                    process: ProcessFacts(pid: 100 + index, name: "program", unit: service.kind.unit))
            })
        facts.names = ["one": .seen(["10.0.0.1"]), "localhost": .seen(["127.0.0.1"])]
        facts.ensembles = [
            EnsembleFacts(
                url: "zk://localhost:2181/mesos", usedBy: [.master, .agent, .marathon], path: "/mesos",
                servers: [server("localhost", "127.0.0.1", .masters([registered("10.0.0.1", number: 1)]))])
        ]
        facts.clock.isSynchronised = .seen(true)
        facts.clock.keeper = "chrony"
        facts.docker = DockerFacts(
            program: "docker", isInstalled: true, socket: "/var/run/docker.sock",
            daemon: .answers(
                DockerInformation(
                    version: "20.10", controlGroupDriver: "systemd", controlGroupVersion: "2",
                    storageDriver: "overlay2")))
        facts.kernel.hasOverlay = true
        facts.kernel.maximumProcesses = 4_194_304
        facts.kernel.maximumFiles = 1 << 40
        facts.kernel.inotifyInstances = 1024
        facts.kernel.inotifyWatches = 1 << 20
        facts.secrets = [SecretFile(path: "/etc/mesos/zk", secret: "a password in a zk:// URL", mode: 0o640)]
        return facts
    }

    private static func service(_ kind: ServiceKind, port: Int) -> ServiceFacts {
        var service = ServiceFacts(kind: kind, settings: ServiceSettings(port: port))
        service.unit = UnitFacts(name: kind.unit)
        service.unit?.maximumFiles = 65_536
        service.unit?.delegates = kind == .agent
        service.isReplaced = false
        return service
    }

    private static var coordinator: ServiceFacts {
        var service = service(.coordinator, port: 2181)
        service.stateDirectory = DirectoryFacts(path: "/var/lib/zookeeper")
        return service
    }

    private static var master: ServiceFacts {
        var service = service(.master, port: 5050)
        service.settings.quorum = 1
        service.settings.masterURL = "zk://localhost:2181/mesos"
        service.stateDirectory = DirectoryFacts(path: "/var/lib/mesos")
        service.runningVersion = "swift-mesos-0.1.0"
        return service
    }

    private static var agent: ServiceFacts {
        var service = service(.agent, port: 5051)
        service.settings.containerizers = ["docker", "mesos"]
        service.settings.startSeconds = 900
        service.settings.masterURL = "zk://localhost:2181/mesos"
        service.stateDirectory = DirectoryFacts(path: "/var/lib/mesos")
        service.runningVersion = "swift-mesos-0.1.0"
        return service
    }

    private static var marathon: ServiceFacts {
        var service = service(.marathon, port: 8080)
        service.settings.masterURL = "zk://localhost:2181/mesos"
        return service
    }

    static func server(_ host: String, _ address: String, _ session: ServerFacts.Session = .opened) -> ServerFacts {
        var server = ServerFacts(host: host, port: 2181)
        server.resolution = .seen([address])
        server.word = .serves(mode: "standalone", version: "3.8.0")
        server.session = session
        return server
    }

    static func registered(_ address: String, number: Int) -> MasterFacts {
        var master = MasterFacts(
            node: "json.info_000000000\(number)", hostname: "master\(number)", address: address, port: 5050,
            version: "1.11.0")
        master.answer = .version("swift-mesos-0.1.0", skewSeconds: 0)
        return master
    }

    /// Three machines with a server and a master each; this is the first.
    static var ofThree: MachineFacts {
        var facts = healthy
        let masters = (1...3).map { registered("10.0.0.\($0)", number: $0) }
        let servers = (1...3).map { number in
            var server = server("zk\(number)", "10.0.0.\(number)", .masters(masters))
            server.word = .serves(mode: number == 2 ? "leader" : "follower", version: "3.8.0")
            facts.names["zk\(number)"] = server.resolution
            return server
        }
        facts.ensembles = [
            EnsembleFacts(
                url: "zk://zk1:2181,zk2:2181,zk3:2181/mesos", usedBy: [.master, .agent, .marathon], path: "/mesos",
                servers: servers)
        ]
        facts.change(.master) { $0.settings.quorum = 2 }
        return facts
    }
}

extension MachineFacts {
    mutating func change(_ kind: ServiceKind, _ change: (inout ServiceFacts) -> Void) {
        for index in services.indices where services[index].kind == kind { change(&services[index]) }
    }

    mutating func changeUnit(_ kind: ServiceKind, _ change: (inout UnitFacts) -> Void) {
        self.change(kind) { service in
            var unit = service.unit ?? UnitFacts(name: kind.unit)
            change(&unit)
            service.unit = unit
        }
    }

    mutating func changeServer(_ number: Int, _ change: (inout ServerFacts) -> Void) {
        change(&ensembles[0].servers[number - 1])
    }

    mutating func changeMasters(_ change: (inout [MasterFacts]) -> Void) {
        var masters = ensembles[0].masters ?? []
        change(&masters)
        for index in ensembles[0].servers.indices { ensembles[0].servers[index].session = .masters(masters) }
    }
}

/// One thing wrong with a machine, and the finding that says so.
struct Ailment: Sendable, CustomTestStringConvertible {
    let severity: Finding.Severity
    let check: String
    /// A part of what the finding says.
    let what: String
    /// A part of its command.
    let mend: String
    let facts: MachineFacts

    init(
        _ severity: Finding.Severity, _ check: String, _ what: String, mend: String,
        on machine: MachineFacts = Machine.healthy, _ change: (inout MachineFacts) -> Void
    ) {
        self.severity = severity
        self.check = check
        self.what = what
        self.mend = mend
        var facts = machine
        change(&facts)
        self.facts = facts
    }

    var testDescription: String { "\(check): \(what)" }

    /// The finding is there, says why and what to do, and is not there on machines where nothing is wrong.
    func expectFound(sourceLocation: SourceLocation = #_sourceLocation) {
        let found = Examination.findings(facts).filter { $0.check == check && $0.severity == severity }
        let finding = found.first { $0.what.contains(what) }
        #expect(finding != nil, "among \(found)", sourceLocation: sourceLocation)
        #expect(finding?.why?.isEmpty == false, sourceLocation: sourceLocation)
        #expect(finding?.mend?.contains(mend) == true, "\(finding?.mend ?? "none")", sourceLocation: sourceLocation)
        for machine in [Machine.healthy, Machine.ofThree] {
            let others = Examination.findings(machine).filter { $0.severity == severity && $0.what.contains(what) }
            #expect(others.isEmpty, sourceLocation: sourceLocation)
        }
    }
}
