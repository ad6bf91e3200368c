import Agent
import Containerizer
import Coordinator
import Logging
import Marathon
import Master
import NIOPosix
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// `mesos-local`: coordinator, master, agents and Marathon in one process, for a laptop, a demo, a test.
enum LocalProgram {
    private static let port = Flag.Kind.integer(0...65535)
    static let flags = [
        Flag("ip", .text, default: "127.0.0.1", "Address that everything listens on."),
        Flag("zk_port", port, default: "2181", "0 asks the kernel, as for the other ports."),
        Flag("master_port", port, default: "5050"),
        Flag("agent_port", port, default: "5051", "Port of the first agent; others follow it."),
        Flag("marathon_port", port, default: "8080"),
        Flag("agents", .integer(0...100), default: "1"),
        Flag("containerizers", .text, "In the order they are asked; mesos as root, process otherwise."),
        Flag("resources", .text, "Resources of each agent."),
        Flag("docker_socket", .text, default: "/var/run/docker.sock"),
        Flag("work_dir", .text, default: "/tmp/mesos-local", "Where everything is kept."),
        Flag("launcher_dir", .text),
        Flag("sample", .bool, default: "false", "Deploys an app that answers HTTP."),
        Flag("logging_level", .oneOf(["DEBUG", "INFO", "WARNING", "ERROR"]), default: "WARNING"),
        Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
    ]

    private static let loader = FlagLoader(
        program: "mesos-local", flags: flags, environmentPrefix: "MESOS_LOCAL_")

    static func run(_ arguments: [String]) async throws {
        let flags = try ServiceRun.flags(loader, arguments)
        ServiceLog.bootstrap(program: "mesos-local", level: ServiceLog.level(named: flags.text("logging_level")))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let stack = LocalStack(flags: flags, group: group)
        do {
            try await stack.start()
            let addresses = await stack.addresses
            for (name, address) in addresses { print("\(name)  \(address)") }
            if flags.bool("sample") {
                try await SampleApp(group: group, marathon: await stack.marathonAddress).deploy()
                print("Press Ctrl-C to stop.")
            }
            ServiceNotifier.ready("running")
            try await ServiceRun.untilStopped(await stack.failures, on: group)
        } catch {
            await stack.stop()
            throw error
        }
        await stack.stop()
        try await group.shutdownGracefully()
    }
}

/// The services of `mesos-local`.
private actor LocalStack {
    private let flags: FlagValues
    private let group: MultiThreadedEventLoopGroup
    private let ip: String
    private let directory: String
    private var coordinator: CoordinatorServer?
    private var master: MasterService?
    private var agents: [AgentService] = []
    private var marathon: MarathonService?
    private var ports: (zk: Int, master: Int, agents: [Int], marathon: Int) = (0, 0, [], 0)

    init(flags: FlagValues, group: MultiThreadedEventLoopGroup) {
        self.flags = flags
        self.group = group
        ip = flags.text("ip") ?? "127.0.0.1"
        directory = flags.text("work_dir") ?? ""
    }

    var marathonAddress: (host: String, port: Int) { (ip, ports.marathon) }

    var addresses: [(String, String)] {
        [("Coordinator", "\(ip):\(ports.zk)"), ("Mesos      ", "http://\(ip):\(ports.master)/")]
            + ports.agents.map { ("Agent      ", "http://\(ip):\($0)/state") }
            + [("Marathon   ", "http://\(ip):\(ports.marathon)/ui/")]
    }

    /// The first service that gives up ends the stack.
    var failures: AsyncStream<String> {
        let all =
            [coordinator?.failures, master?.failures, marathon?.failures].compactMap { $0 } + agents.map(\.failures)
        return AsyncStream { continuation in
            let task = Task {
                await withTaskGroup(of: Void.self) { tasks in
                    for stream in all {
                        tasks.addTask { for await reason in stream { continuation.yield(reason) } }
                    }
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    func start() async throws {
        try SmallFile.makeDirectory(directory, mode: 0o755)
        var configuration = CoordinatorConfiguration(dataDirectory: "\(directory)/zookeeper")
        configuration.clientAddress = ip
        configuration.clientPort = flags.integer("zk_port") ?? 2181
        configuration.tickTime = 2000
        configuration.maximumClientConnections = 0
        let coordinator = try await CoordinatorServer.start(configuration, group: group)
        self.coordinator = coordinator
        ports.zk = coordinator.port ?? 0
        let zk = "zk://\(ip):\(ports.zk)"
        try await startMaster(zk)
        for index in 0..<(flags.integer("agents") ?? 1) { try await startAgent(index, zk) }
        try await startMarathon(zk)
    }

    private func startMaster(_ zk: String) async throws {
        let loaded = try FlagLoader(program: "mesos-master", flags: MasterFlags.all).load(
            arguments: [
                "--ip=\(ip)", "--port=\(flags.text("master_port") ?? "")", "--zk=\(zk)/mesos", "--quorum=1",
                "--work_dir=\(directory)/master", "--hostname=\(ip)", "--cluster=local",
            ], environment: [:])
        let master = MasterService(flags: loaded, group: group)
        self.master = master
        ports.master = try await master.start()
    }

    private func startAgent(_ index: Int, _ zk: String) async throws {
        let work = "\(directory)/agent\(index + 1)"
        await removeLeftovers(work)
        let base = flags.integer("agent_port") ?? 0
        let containerizers = flags.text("containerizers") ?? (geteuid() == 0 ? "mesos" : "process")
        var arguments = [
            "--ip=\(ip)", "--port=\(base == 0 ? 0 : base + index)", "--master=\(zk)/mesos", "--work_dir=\(work)",
            "--runtime_dir=\(work)/run", "--hostname=\(ip)", "--containerizers=\(containerizers)",
            "--registration_backoff_factor=10ms", "--docker_socket=\(flags.text("docker_socket") ?? "")",
        ]
        for name in ["resources", "launcher_dir"] {
            if let value = flags.text(name) { arguments.append("--\(name)=\(value)") }
        }
        let loaded = try FlagLoader(program: "mesos-agent", flags: AgentFlags.all).load(
            arguments: arguments, environment: [:])
        let agent = AgentService(
            flags: loaded, containerizers: try AgentProgram.containerizers(loaded), group: group)
        agents.append(agent)
        ports.agents.append(try await agent.start())
    }

    /// What a stack that was killed left running; each agent of a new stack is a new one.
    private func removeLeftovers(_ work: String) async {
        for name in SmallFile.names(in: "\(work)/run/containers") {
            await Launcher.destroy("\(work)/run/containers/\(name)")
        }
        for name in SmallFile.names(in: "\(work)/meta/agent/tasks") { unlink("\(work)/meta/agent/tasks/\(name)") }
        unlink("\(work)/meta/agent/agent")
    }

    private func startMarathon(_ zk: String) async throws {
        let loaded = try FlagLoader(
            program: "marathon", flags: MarathonFlags.all, style: .marathon, environmentPrefix: "MARATHON_"
        ).load(
            arguments: [
                "--master", "\(zk)/mesos", "--zk", "\(zk)/marathon", "--http_address", ip, "--http_port",
                flags.text("marathon_port") ?? "", "--hostname", ip, "--min_revive_offers_interval", "500",
            ], environment: [:])
        let marathon = MarathonService(flags: loaded, group: group)
        self.marathon = marathon
        ports.marathon = try await marathon.start()
    }

    /// Ends everything, the containers too.
    func stop() async {
        await marathon?.stop()
        for agent in agents {
            await agent.destroyContainers()
            await agent.stop()
        }
        await master?.stop()
        await coordinator?.close()
    }
}
