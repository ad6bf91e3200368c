import Containerizer
import MesosProtocol
import ServiceKit
import Testing

@testable import Agent

@Suite("Reliable status updates (Mesos reference, 6.6 and 8.1)")
struct StatusUpdateTests {
    @Test("An update is sent again after 10 seconds, then twice as long, at most 10 minutes, until it is acknowledged")
    func resend() throws {
        var agent = try TestAgent.running()
        agent.now = TestAgent.start + .seconds(100)
        agent.ended("t")
        let uuid = try #require(agent.updates.first?.uuid)
        var moments: [Int] = []
        for second in 101...4000 {
            try agent.receive(Internal.PingSlaveMessage.with { $0.connected = true }, from: TestAgent.observer)
            agent.tick(at: Double(second))
            guard let update = agent.updates.first else { continue }
            #expect(update.uuid == uuid)
            #expect(update.status.timestamp == (TestAgent.start + .seconds(100)).seconds)
            moments.append(second - 100)
        }
        let gaps = zip(moments.dropFirst(), moments).map { $0 - $1 }
        #expect(moments.first == 10)
        #expect(gaps.prefix(3).allSatisfy { $0 <= 80 } && gaps.allSatisfy { $0 <= 600 })
        #expect(gaps == gaps.sorted())
        try agent.acknowledge("t")
        agent.tick(at: 9000)
        #expect(agent.updates.isEmpty)
    }

    @Test("A resent update tells the newest state")
    func latestState() throws {
        var agent = try TestAgent.registered()
        try agent.run("t")
        agent.launched("t")
        agent.ended("t")
        #expect(agent.states.isEmpty)
        agent.tick(at: 11)
        #expect(agent.states == [.taskStarting])
        #expect(agent.updates.first?.latestState == .taskFinished)
    }

    @Test("Updates go out in order, one at a time")
    func order() throws {
        var agent = try TestAgent.registered()
        try agent.run("t")
        agent.launched("t")
        agent.ended("t")
        var states: [Mesos.TaskState] = []
        for _ in 0..<3 {
            states.append(try #require(agent.task("t")?.updates.first?.status.state))
            try agent.acknowledge("t")
        }
        #expect(states == [.taskStarting, .taskRunning, .taskFinished])
        #expect(agent.core.tasks.isEmpty)
    }

    @Test("An acknowledgement of another update is passed over")
    func wrongAcknowledgement() throws {
        var agent = try TestAgent.running()
        agent.ended("t")
        try agent.acknowledge("t", uuid: [UInt8](repeating: 9, count: 16))
        try agent.acknowledge("t", framework: "g")
        #expect(agent.effects.isEmpty)
        #expect(agent.task("t")?.updates.count == 1)
        let uuid = agent.task("t")?.updates.first?.uuid
        try agent.acknowledge("t")
        try agent.acknowledge("t", uuid: uuid)
        #expect(agent.effects.isEmpty)
    }

    @Test("While it is not registered updates are kept and sent with the registration")
    func unregistered() throws {
        var agent = try TestAgent.running()
        agent.handle(.detected(nil))
        agent.ended("t")
        #expect(agent.states.isEmpty)
        #expect(agent.summary.contains("persist TASK_FINISHED"))
        agent.handle(.detected(TestAgent.master))
        try agent.receive(Internal.SlaveReregisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        #expect(agent.states == [.taskFinished])
    }

    @Test("After a restart updates that were not acknowledged are sent again, with their uuid")
    func restart() throws {
        var agent = try TestAgent.running()
        agent.ended("t")
        let uuid = try #require(agent.updates.first?.uuid)
        var restarted = agent.restarted()
        restarted.handle(.detected(TestAgent.master))
        restarted.tick(at: 2)
        let record = try #require(restarted.sent(Internal.ReregisterSlaveMessage.self).first?.tasks.first)
        #expect(record.state == .taskFinished)
        #expect(record.statusUpdateState == .taskFinished)
        #expect(record.statusUpdateUUID == uuid)
        try restarted.receive(Internal.SlaveReregisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        #expect(restarted.updates.map(\.uuid) == [uuid])
        try restarted.acknowledge("t")
        #expect(restarted.disk.isEmpty)
    }

    @Test("After a restart a running container goes on, a lost one has failed")
    func recoveredContainers() throws {
        let agent = try TestAgent.running()
        var running = agent.restarted()
        #expect(running.task("t")?.phase == .running)
        running.ended("t")
        #expect(running.task("t")?.state == .taskFinished)
        var lost = agent.restarted()
        lost.ended("t", ContainerTermination(status: nil, message: "gone"))
        #expect(lost.task("t")?.state == .taskFailed)
        #expect(lost.task("t")?.statuses.last?.message == "gone")
    }

    @Test("A kill before the restart is not forgotten: the task that ends was killed")
    func recoveredKill() throws {
        var agent = try TestAgent.running()
        try agent.kill("t")
        var restarted = agent.restarted()
        restarted.ended("t", ContainerTermination(status: 15))
        #expect(restarted.task("t")?.state == .taskKilled)
    }

    @Test("A stop that the restart interrupted goes on with what is left of its grace")
    func resumedKill() throws {
        var agent = try TestAgent.running()
        agent.now = TestAgent.start + .seconds(100)
        try agent.kill("t", grace: 30)
        for (second, grace) in [(110.0, "stop 20.0"), (200, "stop 0.0"), (50, "stop 30.0")] {
            var restarted = agent.restarted()
            restarted.now = TestAgent.start + .seconds(second)
            restarted.handle(.recovered)
            #expect(restarted.summary == [grace])
            #expect(restarted.task("t")?.phase == .stopping)
        }
    }

    @Test("A task that was killed during its launch has its whole grace when the launch goes on after a restart")
    func killBeforeResumedLaunch() throws {
        var agent = try TestAgent.registered()
        try agent.run("t")
        try agent.kill("t", grace: 30)
        var restarted = agent.restarted()
        restarted.now = TestAgent.start + .seconds(20)
        restarted.handle(.recovered)
        #expect(restarted.summary.isEmpty)
        restarted.launched("t")
        #expect(restarted.summary.last == "stop 30.0")
    }

    @Test("TASK_KILLING is not said again after a restart; nor is a task stopped that nobody wants to end")
    func recoveredKilling() throws {
        var agent = try TestAgent.registered()
        try agent.run("t", framework: TestAgent.framework(capabilities: [.taskKillingState]))
        agent.launched("t")
        var unharmed = agent.restarted()
        unharmed.handle(.recovered)
        #expect(unharmed.summary.isEmpty)
        try agent.kill("t")
        var restarted = agent.restarted()
        restarted.handle(.recovered)
        #expect(restarted.task("t")?.statuses.map(\.state) == [.taskStarting, .taskRunning, .taskKilling])
        #expect(restarted.summary == ["stop 3.0"])
    }

    @Test("A restart does not lengthen the time that a task may run, nor forget why it is stopped")
    func recoveredCompletionTime() throws {
        var agent = try TestAgent.registered()
        try agent.run("t") { $0.maxCompletionTime = .with { $0.nanoseconds = 10_000_000_000 } }
        agent.launched("t")
        var restarted = agent.restarted()
        restarted.handle(.recovered)
        restarted.tick(at: 10.5)
        #expect(restarted.summary.allSatisfy { !$0.hasPrefix("stop") })
        restarted.tick(at: 11)
        #expect(restarted.summary.contains("stop 3.0"))
        var again = restarted.restarted()
        again.now = restarted.now
        again.handle(.recovered)
        #expect(again.summary == ["stop 3.0"])
        again.ended("t", ContainerTermination(status: 15))
        #expect(again.task("t")?.statuses.last?.reason == .reasonMaxCompletionTimeReached)
    }

    @Test("The master's question about unknown tasks is answered for each, once")
    func reconcile() throws {
        var agent = try TestAgent.running()
        let question = Internal.SlaveReregisteredMessage.with { message in
            message.agentID = Mesos.AgentID("m-S0")
            message.reconciliations = [
                .with { reconciliation in
                    reconciliation.frameworkID = Mesos.FrameworkID("f")
                    reconciliation.framework = TestAgent.framework()
                    reconciliation.statuses = ["t", "x", "y"].map { id in
                        .with {
                            $0.taskID = Mesos.TaskID(id)
                            $0.state = .taskStaging
                        }
                    }
                }
            ]
        }
        try agent.receive(question)
        #expect(agent.updates.map(\.status.taskID.value) == ["x", "y"])
        #expect(
            agent.updates.allSatisfy { $0.status.state == .taskDropped && $0.status.reason == .reasonReconciliation })
        try agent.receive(question)
        #expect(agent.updates.isEmpty)
        #expect(agent.core.tasks.count == 3)
    }

    @Test("A task that is reported dropped is still reported to the next master")
    func droppedThenFailover() throws {
        var agent = try TestAgent.running()
        try agent.kill("x")
        agent.handle(.detected(TestAgent.master))
        agent.tick(at: 5)
        let listed = agent.sent(Internal.ReregisterSlaveMessage.self).first?.tasks.map(\.taskID.value)
        #expect(listed?.contains("t") == true)
        try agent.receive(Internal.SlaveReregisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        #expect(agent.states == [.taskDropped])
    }
}
