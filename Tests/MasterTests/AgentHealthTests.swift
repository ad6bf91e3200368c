import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Agents that go silent (Mesos reference, 8.4)")
struct AgentHealthTests {
    @Test("Agents are pinged every 15 seconds, and a pong keeps them")
    func pings() throws {
        var master = TestMaster()
        try master.registerAgent(1)
        for second in stride(from: 15.0, through: 600, by: 15) {
            try master.receive(Internal.PongSlaveMessage(), from: TestMaster.pid(1), to: "slave-observer(1)")
            try master.tick(at: second - 0.5)
            #expect(master.sent(Internal.PingSlaveMessage.self).isEmpty)
            try master.tick(at: second)
            #expect(master.sent(Internal.PingSlaveMessage.self).map(\.connected) == [true])
        }
        #expect(master.core.agents.count == 1)
    }

    /// Ticks once a second until the agent is gone; the second at which it was.
    private func silence(_ master: inout TestMaster, from start: Int = 1) throws -> Int? {
        for second in start...200 {
            try master.tick(at: Double(second))
            if master.core.agents.isEmpty { return second }
        }
        return nil
    }

    @Test("An agent that stays silent is unreachable: its tasks too, its offers are rescinded")
    func unreachable() throws {
        var master = try TestMaster.withTask()
        let second = try #require(try silence(&master))
        #expect(second == 75)
        #expect(master.core.unreachableAgents.keys.map(\.value) == ["m-S0"])
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskUnreachable)
        #expect(status.reason == .reasonAgentRemoved)
        #expect(status.message == "health check timed out")
        #expect(status.unreachableTime?.nanoseconds == master.now.nanoseconds)
        #expect(status.uuid == nil)
        #expect(master.events().map(\.type).prefix(3) == [.rescind, .update, .failure])
        #expect(master.persisted?.slaves?.slaves.isEmpty == true)
        #expect(master.persisted?.unreachable?.slaves.map(\.id.value) == ["m-S0"])
        #expect(master.core.offers.isEmpty)
    }

    @Test("To a framework that does not know partitions the tasks are lost")
    func lost() throws {
        var master = try TestMaster.withTask(TestMaster.framework(capabilities: []))
        _ = try silence(&master)
        #expect(master.statuses().map(\.state) == [.taskLost])
    }

    @Test("An unreachable agent that returns brings its tasks back, partition aware or not", arguments: [true, false])
    func returns(isPartitionAware: Bool) throws {
        let info = TestMaster.framework(capabilities: isPartitionAware ? [.partitionAware] : [])
        var master = try TestMaster.withTask(info)
        _ = try silence(&master)
        var framework = info
        framework.id = Mesos.FrameworkID("m-0000")
        try master.reregisterAgent(1, id: "m-S0", tasks: [try TestMaster.record("t1")], frameworks: [framework])
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskRunning)
        #expect(status.reason == .reasonAgentReregistered)
        #expect(status.message == "Unreachable agent re-reregistered")
        #expect(master.core.unreachableAgents.isEmpty)
        #expect(master.persisted?.unreachable?.slaves.isEmpty == true)
        #expect(master.core.frameworks.values.first?.unreachableTasks.isEmpty == true)
        #expect(master.sent(Internal.ShutdownFrameworkMessage.self).isEmpty)
    }

    @Test("A task whose end was not acknowledged is history when its agent becomes unreachable")
    func endedTask() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskFinished)
        _ = try silence(&master)
        #expect(master.statuses().isEmpty)
        #expect(master.core.frameworks.values.first?.completedTasks.map(\.state) == [.taskFinished])
    }

    @Test("A broken connection: offers are rescinded, later pings say so, tasks stay")
    func disconnected() throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        try master.handle(.exited("10.0.0.9:5051"))
        #expect(master.summary.isEmpty)
        try master.handle(.exited("10.0.0.1:5051"))
        #expect(master.events().map(\.type) == [.rescind])
        try master.tick(at: 15)
        #expect(master.sent(Internal.PingSlaveMessage.self).map(\.connected) == [false])
        #expect(master.offers().isEmpty)
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
    }

    @Test("A framework without checkpoints loses its tasks with the connection, partition aware or not")
    func withoutCheckpoint() throws {
        var master = try TestMaster.withTask(TestMaster.framework(checkpoint: false))
        try master.handle(.exited("10.0.0.1:5051"))
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskLost)
        #expect(status.reason == .reasonAgentDisconnected)
        #expect(status.message == "Agent host1 disconnected")
        #expect(master.core.frameworks.values.first?.tasks.isEmpty == true)
    }

    @Test("A disconnected agent that answers pings has the re-registration time-out")
    func notBack() throws {
        var master = try TestMaster.withTask { $0.agentReregisterTimeout = .seconds(60) }
        try master.handle(.exited("10.0.0.1:5051"))
        for second in stride(from: 10.0, through: 50, by: 10) {
            try master.receive(Internal.PongSlaveMessage(), from: TestMaster.pid(1), to: "slave-observer(1)")
            try master.tick(at: second)
        }
        #expect(master.core.agents.count == 1)
        try master.tick(at: 60)
        #expect(master.core.agents.isEmpty)
        #expect(master.statuses().map(\.message) == ["agent did not reregister in time"])
    }

    @Test("Agents of the registry that never come back are unreachable after that time")
    func neverBack() throws {
        var before = TestMaster()
        try before.registerAgent(1)
        var master = TestMaster(registry: try #require(before.persisted)) { $0.agentReregisterTimeout = .seconds(60) }
        try master.tick(at: 59)
        #expect(master.core.recoveredAgents.count == 1)
        try master.tick(at: 60)
        #expect(master.core.recoveredAgents.isEmpty)
        #expect(master.persisted?.unreachable?.slaves.map(\.id.value) == ["m-S0"])
        let next = TestMaster(registry: try #require(master.persisted))
        #expect(next.core.unreachableAgents[Mesos.AgentID("m-S0")] == master.now)
    }
}
