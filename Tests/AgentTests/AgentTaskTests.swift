import Containerizer
import MesosProtocol
import ServiceKit
import Testing

@testable import Agent

@Suite("Tasks of an agent (Mesos reference, 6.6 and 8.1)")
struct AgentTaskTests {
    @Test("A task is on disk before its container is launched")
    func launch() throws {
        var agent = try TestAgent.registered()
        try agent.run("t") { $0.command?.user = "someone" }
        #expect(agent.summary == ["persist TASK_STAGING", "launch t"])
        guard case .launch(let container)? = agent.effects.last else { return }
        #expect(container.id == agent.container("t"))
        #expect(container.user == "someone")
        #expect(container.arguments == ["/bin/sh", "-c", "sleep 60"])
        #expect(container.sandbox == "/work/slaves/m-S0/frameworks/f/executors/t/runs/\(container.id)")
        #expect(container.environment["MESOS_SANDBOX"] == container.sandbox)
        #expect(container.environment["MESOS_EXECUTOR_ID"] == "t")
        #expect(container.environment["MESOS_FRAMEWORK_ID"] == "f")
        #expect(container.environment["MESOS_SLAVE_ID"] == "m-S0")
        #expect(container.environment["MESOS_ALLOCATION_ROLE"] == "dev")
        #expect(container.scalar("cpus") == 1)
    }

    @Test("A task that comes while the agent is not registered is left to the master's reconciliation")
    func unregistered() throws {
        var agent = try TestAgent.registered()
        try agent.receive(Internal.PingSlaveMessage.with { $0.connected = false }, from: TestAgent.observer)
        try agent.run("t1")
        #expect(agent.core.tasks.isEmpty)
        #expect(agent.disk.isEmpty)
    }

    @Test("The environment is the command's over the agent's, nothing else")
    func environment() throws {
        var agent = TestAgent { $0.environment = ["A": "agent", "B": "agent"] }
        agent.handle(.detected(TestAgent.master))
        try agent.receive(Internal.SlaveRegisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        try agent.run("t") { task in
            task.command?.environment = .with {
                $0.variables = [
                    .with {
                        $0.name = "B"
                        $0.value = "task"
                    }
                ]
            }
        }
        let key = try #require(agent.task("t")?.key)
        let container = try #require(agent.core.specification(key))
        #expect(container.environment["A"] == "agent")
        #expect(container.environment["B"] == "task")
        #expect(container.environment["HOME"] == nil)
        #expect(container.user == "nobody")
    }

    @Test("A started task reports STARTING and RUNNING, one after the other's acknowledgement")
    func start() throws {
        var agent = try TestAgent.registered()
        try agent.run("t")
        agent.launched("t")
        #expect(
            agent.summary == [
                "persist TASK_STARTING", "send StatusUpdateMessage", "persist TASK_RUNNING",
            ])
        #expect(agent.states == [.taskStarting])
        try agent.acknowledge("t")
        #expect(agent.states == [.taskRunning])
        let update = try #require(agent.updates.first)
        #expect(update.frameworkID.value == "f")
        #expect(update.agentID?.value == "m-S0")
        #expect(update.latestState == .taskRunning)
        #expect(update.uuid?.count == 16 && update.uuid == update.status.uuid)
        #expect(update.status.source == .sourceExecutor)
        #expect(update.status.containerStatus?.networkInfos.first?.ipAddresses.first?.ipAddress == "10.0.0.1")
        let message = try #require(agent.sent(Internal.StatusUpdateMessage.self).first)
        #expect(message.pid == "slave(1)@10.0.0.1:5051")
        try agent.acknowledge("t")
        #expect(agent.task("t")?.updates.isEmpty == true)
    }

    @Test(
        "The end of the command decides the state",
        arguments: [
            (0, .taskFinished, "Command exited with status 0"), (256, .taskFailed, "Command exited with status 1"),
            (9, .taskFailed, "Command terminated with signal Killed"),
            (15, .taskFailed, "Command terminated with signal Terminated"),
            (40, .taskFailed, "Command terminated with signal 40"),
        ] as [(Int32, Mesos.TaskState, String)])
    func end(status: Int32, state: Mesos.TaskState, message: String) throws {
        var agent = try TestAgent.running()
        agent.ended("t", ContainerTermination(status: status))
        #expect(agent.summary == ["destroy", "persist \(state.name)", "send StatusUpdateMessage"])
        let update = try #require(agent.updates.first)
        #expect(update.status.state == state)
        #expect(update.status.message == message)
        #expect(update.status.source == .sourceExecutor)
        try agent.acknowledge("t")
        #expect(agent.summary == ["forget"])
        #expect(agent.core.tasks.isEmpty)
        #expect(agent.disk.isEmpty)
        #expect(agent.core.completed.map(\.state) == [state])
    }

    @Test("A container that was ended from outside says why")
    func limitation() throws {
        var agent = try TestAgent.running()
        let memory = Mesos.Resource.with { $0.name = "mem" }
        agent.ended(
            "t",
            ContainerTermination(
                status: 9, message: "out of memory", reason: .reasonContainerLimitationMemory, limited: [memory]))
        let status = try #require(agent.updates.first?.status)
        #expect(status.state == .taskFailed)
        #expect(status.source == .sourceAgent)
        #expect(status.reason == .reasonContainerLimitationMemory)
        #expect(status.message == "out of memory")
        #expect(status.limitation?.resources == [memory])
    }

    @Test("A container whose end nobody saw is a failed task")
    func unknownEnd() throws {
        var agent = try TestAgent.running()
        agent.ended("t", ContainerTermination(status: nil))
        #expect(agent.updates.first?.status.reason == .reasonExecutorTerminated)
        #expect(agent.states == [.taskFailed])
    }

    @Test("A container that does not start is a failed task")
    func launchFailure() throws {
        var agent = try TestAgent.registered()
        try agent.run("t")
        agent.handle(.launched(container: agent.container("t"), .failure(ContainerError("no image"))))
        #expect(agent.summary == ["persist TASK_FAILED", "send StatusUpdateMessage", "destroy"])
        let status = try #require(agent.updates.first?.status)
        #expect(status.reason == .reasonContainerLaunchFailed)
        #expect(status.message == "Failed to launch container: no image")
        agent.ended("t")
        #expect(agent.states.isEmpty)
    }

    @Test("A container that does not start in time is given up, and destroyed should it start after all")
    func launchTimeout() throws {
        var agent = try TestAgent.registered()
        try agent.run("t")
        agent.tick(at: 60.5)
        #expect(agent.states.isEmpty)
        agent.tick(at: 61)
        #expect(agent.states == [.taskFailed])
        #expect(agent.updates.first?.status.reason == .reasonExecutorRegistrationTimeout)
        agent.launched("t")
        #expect(agent.summary == ["destroy"])
    }

    @Test("A kill stops the container with the grace of the kill, the task or 3 seconds")
    func kill() throws {
        for (asked, own, expected) in [(2.0, 7.0, 2.0), (nil, 7, 7), (nil, nil, 3)] as [(Double?, Double?, Double)] {
            var agent = try TestAgent.registered()
            try agent.run("t") { task in
                guard let own else { return }
                task.killPolicy = .with { $0.gracePeriod = .with { $0.nanoseconds = Int64(own * 1e9) } }
            }
            agent.launched("t")
            try agent.kill("t", grace: asked)
            #expect(agent.summary == ["persist TASK_RUNNING", "stop \(expected)"])
            agent.ended("t", ContainerTermination(status: 15))
            #expect(agent.task("t")?.state == .taskKilled)
        }
    }

    @Test("A second kill changes nothing, unless it asks for an earlier end")
    func killAgain() throws {
        var agent = try TestAgent.running()
        try agent.kill("t", grace: 40)
        #expect(agent.summary == ["persist TASK_RUNNING", "stop 40.0"])
        agent.tick(at: 10)
        for grace in [nil, 40, 31] as [Double?] {
            try agent.kill("t", grace: grace)
            #expect(agent.summary.isEmpty, "\(String(describing: grace))")
        }
        try agent.kill("t", grace: 5)
        #expect(agent.summary == ["persist TASK_RUNNING", "stop 5.0"])
    }

    @Test("A framework that knows TASK_KILLING hears of it once")
    func killing() throws {
        var agent = try TestAgent.registered()
        try agent.run("t", framework: TestAgent.framework(capabilities: [.taskKillingState]))
        agent.launched("t")
        try agent.kill("t")
        try agent.kill("t")
        #expect(agent.task("t")?.statuses.map(\.state) == [.taskStarting, .taskRunning, .taskKilling])
    }

    @Test("A kill during the launch destroys the container; whatever comes of the launch the task is killed")
    func killDuringLaunch() throws {
        for succeeds in [true, false] {
            var agent = try TestAgent.registered()
            try agent.run("t")
            try agent.kill("t")
            #expect(agent.summary == ["persist TASK_STAGING", "destroy"])
            if succeeds {
                agent.launched("t")
                agent.ended("t", ContainerTermination(status: 9))
            } else {
                agent.handle(.launched(container: agent.container("t"), .failure(ContainerError("destroyed"))))
                #expect(agent.updates.first?.status.reason == .reasonTaskKilledDuringLaunch)
            }
            #expect(agent.task("t")?.state == .taskKilled)
        }
    }

    @Test("A kill of an unknown task is answered for a known framework alone")
    func killUnknown() throws {
        var agent = try TestAgent.running()
        try agent.kill("x", framework: "other")
        #expect(agent.summary.isEmpty)
        try agent.kill("x")
        let status = try #require(agent.updates.first?.status)
        #expect(status.state == .taskDropped)
        #expect(status.reason == .reasonExecutorTerminated)
        #expect(status.message == "Cannot find executor")
        try agent.acknowledge("x")
        #expect(agent.task("x") == nil)
    }

    @Test("A task that runs too long is stopped and has failed")
    func completionTime() throws {
        var agent = try TestAgent.registered()
        try agent.run("t") { $0.maxCompletionTime = .with { $0.nanoseconds = 10_000_000_000 } }
        agent.launched("t")
        agent.tick(at: 10.5)
        #expect(agent.summary.allSatisfy { !$0.hasPrefix("stop") })
        agent.tick(at: 11)
        #expect(agent.summary.contains("stop 3.0"))
        agent.ended("t", ContainerTermination(status: 15))
        #expect(agent.task("t")?.state == .taskFailed)
        #expect(agent.task("t")?.statuses.last?.reason == .reasonMaxCompletionTimeReached)
    }

    @Test("The longest completion time there is does not end a task at once")
    func endlessCompletionTime() throws {
        var agent = try TestAgent.registered()
        try agent.run("t") { $0.maxCompletionTime = .with { $0.nanoseconds = .max } }
        agent.launched("t")
        agent.tick(at: 2)
        #expect(agent.summary.allSatisfy { !$0.hasPrefix("stop") })
    }

    @Test(
        "What is not there yet fails the task instead of being left out",
        arguments: [
            "Custom executors", "Checks by the agent", "Fetching URIs", "Resource limits above the request", "Secrets",
        ])
    func unsupported(what: String) throws {
        var agent = try TestAgent.registered()
        try agent.run("t") { task in
            switch what {
            case "Custom executors": task.executor = .init()
            case "Checks by the agent": task.healthCheck = .init()
            case "Fetching URIs": task.command?.uris = [.with { $0.value = "http://h/" }]
            case "Resource limits above the request": task.limits = ["cpus": .with { $0.value = 2 }]
            default: task.command?.environment = .with { $0.variables = [.with { $0.secret = .init() }] }
            }
        }
        #expect(agent.states == [.taskFailed])
        #expect(agent.updates.first?.status.message?.hasPrefix(what) == true)
        #expect(agent.summary.allSatisfy { !$0.hasPrefix("launch") })
    }

    @Test("A task of another agent, or one that is there already, is passed over")
    func notOurs() throws {
        var agent = try TestAgent.running()
        try agent.run("x") { $0.agentID = Mesos.AgentID("m-S9") }
        #expect(agent.effects.isEmpty)
        try agent.run("t")
        #expect(agent.effects.isEmpty)
    }

    @Test("The end of a framework stops its containers and says nothing more of its tasks")
    func shutdownFramework() throws {
        var agent = try TestAgent.running()
        try agent.run("launching")
        try agent.run("other", framework: TestAgent.framework("g"))
        try agent.receive(Internal.ShutdownFrameworkMessage.with { $0.frameworkID = Mesos.FrameworkID("f") })
        #expect(agent.summary.sorted() == ["destroy", "stop 5.0"])
        agent.ended("t", ContainerTermination(status: 15))
        #expect(agent.summary == ["destroy", "forget"])
        agent.handle(.launched(container: agent.container("launching"), .failure(ContainerError("destroyed"))))
        #expect(agent.states.isEmpty)
        #expect(agent.core.tasks.keys.map(\.task.value) == ["other"])
        #expect(agent.core.terminating.isEmpty)
    }

    @Test("A container of no task is destroyed")
    func strayContainer() throws {
        var agent = try TestAgent.registered()
        agent.handle(.launched(container: "stray", .success(Mesos.ContainerStatus())))
        #expect(agent.summary == ["destroy"])
        agent.handle(.terminated(container: "stray", ContainerTermination(status: 0)))
        #expect(agent.summary == ["destroy"])
    }

    @Test("History has a limit")
    func history() throws {
        var agent = TestAgent { $0.maximumCompletedTasks = 2 }
        agent.handle(.detected(TestAgent.master))
        try agent.receive(Internal.SlaveRegisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        for id in ["a", "b", "c"] {
            try agent.run(id) { $0.executor = .init() }
            try agent.acknowledge(id)
        }
        #expect(agent.core.completed.map(\.key.task.value) == ["b", "c"])
    }
}
