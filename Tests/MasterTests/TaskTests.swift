import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Tasks from launch to history (Mesos reference, 6.6 and 8.1)")
struct TaskTests {
    @Test("A launched task is sent to its agent; the rest of the offer comes back")
    func launch() throws {
        var master = try TestMaster.withTask()
        #expect(master.answer == "202 ")
        let run = try #require(master.sent(Internal.RunTaskMessage.self).first)
        #expect(run.framework.id?.value == "m-0000")
        #expect(run.frameworkID == nil)
        #expect(run.pid == "@0.0.0.0:0")
        #expect(run.task.taskID.value == "t1")
        #expect(run.task.resources.allSatisfy { $0.allocationInfo?.role == "dev" })
        #expect(run.launchExecutor == true)
        #expect(run.resourceVersionUUIDs.map(\.uuid.value) == [[UInt8](repeating: 3, count: 16)])
        #expect(master.core.frameworks.values.first?.tasks.values.map(\.record.state) == [.taskStaging])
        try master.tick(at: 1)
        #expect(master.offers().first?.resources.map { $0.scalar?.value } == [3, 900, nil])
    }

    @Test("Several tasks may be launched on several offers of one agent")
    func several() throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        try master.update("t1", .taskFinished)
        try master.tick(at: 2)
        let offers = master.core.offers.keys.map(\.value)
        #expect(offers.count == 2)
        try master.accept(
            offers,
            [try TestMaster.task("a", resources: "cpus:3.5;mem:1"), try TestMaster.task("b", resources: "cpus:0.5")])
        #expect(master.sent(Internal.RunTaskMessage.self).map(\.task.taskID.value) == ["a", "b"])
        #expect(master.statuses().isEmpty)
    }

    @Test("An update is forwarded with its uuid and without the generated executor's name")
    func forward() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning, uuid: 7)
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskRunning)
        #expect(status.uuid == [UInt8](repeating: 7, count: 16))
        #expect(status.agentID?.value == "m-S0")
        #expect(status.executorID == nil)
        #expect(status.data == [1])
        let task = try #require(master.core.frameworks.values.first?.tasks.values.first)
        #expect(task.record.state == .taskRunning)
        #expect(task.record.statuses.map(\.state) == [.taskRunning])
        #expect(task.record.statuses.first?.data == nil)
    }

    @Test("Resources are free with the first terminal state; the task is history when that is acknowledged")
    func finish() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning, uuid: 1)
        try master.acknowledge("t1", uuid: 1)
        #expect(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).map(\.taskID.value) == ["t1"])
        try master.update("t1", .taskFinished, uuid: 2)
        try master.tick(at: 1)
        #expect(master.offers().first?.resources.first?.scalar?.value == 4)
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
        try master.acknowledge("t1", uuid: 2)
        let acknowledgement = try #require(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).first)
        #expect(acknowledgement.uuid == [UInt8](repeating: 2, count: 16))
        #expect(acknowledgement.frameworkID.value == "m-0000")
        let framework = try #require(master.core.frameworks.values.first)
        #expect(framework.tasks.isEmpty)
        #expect(framework.completedTasks.map(\.state) == [.taskFinished])
        #expect(master.core.metrics["tasks_finished"] == 1)
    }

    @Test("An update that tells of a newer, terminal state frees the resources already")
    func latestState() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning, latest: .taskFailed)
        #expect(master.statuses().map(\.state) == [.taskRunning])
        try master.tick(at: 1)
        #expect(master.offers().first?.resources.first?.scalar?.value == 4)
        try master.acknowledge("t1")
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
        try master.update("t1", .taskFailed, uuid: 2)
        try master.acknowledge("t1", uuid: 2)
        #expect(master.core.frameworks.values.first?.completedTasks.map(\.state) == [.taskFailed])
    }

    @Test("A repeated update is forwarded again and frees nothing twice")
    func repeated() throws {
        var master = try TestMaster.withTask()
        for _ in 0..<2 {
            try master.update("t1", .taskFinished)
            #expect(master.statuses().map(\.state) == [.taskFinished])
        }
        #expect(master.core.metrics["tasks_finished"] == 1)
    }

    @Test("The acknowledgement of an older update is passed on and completes nothing")
    func lateAcknowledgement() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning, uuid: 1)
        try master.update("t1", .taskFinished, uuid: 2)
        try master.acknowledge("t1", uuid: 1)
        #expect(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).count == 1)
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
    }

    @Test("An acknowledgement before any update, or of an agent that is not there, is dropped")
    func invalidAcknowledgement() throws {
        var master = try TestMaster.withTask()
        try master.acknowledge("t1")
        #expect(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).isEmpty)
        try master.update("t1", .taskRunning)
        try master.acknowledge("t1", agent: "m-S9")
        #expect(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).isEmpty)
        try master.handle(.exited("10.0.0.1:5051"))
        try master.acknowledge("t1")
        #expect(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).isEmpty)
        #expect(master.core.metrics["invalid_status_update_acknowledgements"] == 3)
    }

    @Test("The acknowledgement of an update that is sent again after the task became history reaches the agent")
    func acknowledgementLost() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskFinished)
        try master.acknowledge("t1")
        // The agent did not get that, and sends the update again.
        try master.update("t1", .taskFinished)
        #expect(master.statuses().map(\.state) == [.taskFinished])
        try master.acknowledge("t1")
        #expect(master.sent(Internal.StatusUpdateAcknowledgementMessage.self).count == 1)
    }

    @Test("Updates of agents or without a uuid that cannot be are dropped")
    func invalidUpdate() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning, agent: "m-S9")
        try master.update("t1", .taskRunning, framework: "m-0009")
        #expect(master.summary.isEmpty)
        #expect(master.core.metrics["invalid_status_updates"] == 2)
    }

    @Test("A kill goes to the agent with its policy")
    func kill() throws {
        var master = try TestMaster.withTask()
        try kill(&master, "t1", grace: 5)
        let message = try #require(master.sent(Internal.KillTaskMessage.self).first)
        #expect(message.taskID.value == "t1")
        #expect(message.frameworkID.value == "m-0000")
        #expect(message.killPolicy?.gracePeriod?.nanoseconds == 5)
        try master.update("t1", .taskKilled)
        #expect(master.statuses().map(\.state) == [.taskKilled])
    }

    private func kill(_ master: inout TestMaster, _ task: String, agent: String? = nil, grace: Int64? = nil) throws {
        try master.call(.kill) { call in
            call.kill = .with { kill in
                kill.taskID = Mesos.TaskID(task)
                kill.agentID = agent.map { Mesos.AgentID($0) }
                kill.killPolicy = grace.map { grace in .with { $0.gracePeriod = .with { $0.nanoseconds = grace } } }
            }
        }
    }

    @Test("A kill while the agent is away is made up when it is back")
    func killWhileAway() throws {
        var master = try TestMaster.withTask()
        try master.handle(.exited("10.0.0.1:5051"))
        try kill(&master, "t1")
        #expect(master.sent(Internal.KillTaskMessage.self).isEmpty)
        try master.reregisterAgent(
            1, id: "m-S0", tasks: [try TestMaster.record("t1")],
            frameworks: [
                TestMaster.framework(id: "m-0000")
            ])
        #expect(master.sent(Internal.KillTaskMessage.self).map(\.taskID.value) == ["t1"])
    }

    @Test("A kill of an unknown task is answered as a question about it")
    func killUnknown() throws {
        var master = try TestMaster.withTask()
        try kill(&master, "x", agent: "m-S0")
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskGone)
        #expect(status.message == "Reconciliation: Task is unknown to the agent")
        try kill(&master, "x")
        #expect(master.statuses().map(\.state) == [.taskUnknown])
    }

    @Test("Messages and shutdowns for executors are passed on, and messages from them")
    func messages() throws {
        var master = try TestMaster.withTask()
        try master.call(.message) { call in
            call.message = .with {
                $0.agentID = Mesos.AgentID("m-S0")
                $0.executorID = Mesos.ExecutorID("e")
                $0.data = [1, 2]
            }
        }
        #expect(master.sent(Internal.FrameworkToExecutorMessage.self).map(\.data) == [[1, 2]])
        try master.call(.shutdown) { call in
            call.shutdown = .with {
                $0.agentID = Mesos.AgentID("m-S0")
                $0.executorID = Mesos.ExecutorID("e")
            }
        }
        #expect(master.sent(Internal.ShutdownExecutorMessage.self).map(\.executorID?.value) == ["e"])
        let data = Internal.ExecutorToFrameworkMessage.with {
            $0.agentID = Mesos.AgentID("m-S0")
            $0.frameworkID = Mesos.FrameworkID("m-0000")
            $0.executorID = Mesos.ExecutorID("e")
            $0.data = [3]
        }
        try master.receive(data, from: TestMaster.pid(1))
        #expect(master.events().map(\.message?.data) == [[3]])
    }

    @Test("History has a limit")
    func historyLimit() throws {
        var master = TestMaster { $0.maximumCompletedTasks = 2 }
        try master.registerAgent(1)
        try master.subscribe()
        for name in ["a", "b", "c"] {
            let offer = try #require(master.core.offers.keys.first)
            try master.accept([offer.value], [try TestMaster.task(name)])
            try master.update(name, .taskFinished)
            try master.acknowledge(name)
            master.now = master.now + .seconds(2)
            try master.handle(.tick)
        }
        #expect(master.core.frameworks.values.first?.completedTasks.map(\.taskID.value) == ["b", "c"])
    }
}
