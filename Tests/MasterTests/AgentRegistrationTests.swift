import Libprocess
import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Registration of agents (Mesos reference, 6.5)")
struct AgentRegistrationTests {
    private var master = TestMaster()

    @Test("A new agent is written down before it hears its id, and is pinged at once")
    mutating func register() throws {
        try master.registerAgent(1)
        #expect(
            master.summary == [
                "persist", "link", "master: SlaveRegisteredMessage", "slave-observer(1): PingSlaveMessage",
            ])
        #expect(master.persisted?.slaves?.slaves.map(\.info.id?.value) == ["m-S0"])
        let answer = try #require(master.sent(Internal.SlaveRegisteredMessage.self).first)
        #expect(answer.agentID.value == "m-S0")
        #expect(answer.connection?.totalPingTimeoutSeconds == 75)
        #expect(master.sent(Internal.PingSlaveMessage.self).map(\.connected) == [true])
        try master.registerAgent(2)
        #expect(master.sent(Internal.SlaveRegisteredMessage.self).first?.agentID.value == "m-S1")
    }

    @Test("An agent that asks again gets the same id and is not registered twice")
    mutating func repeated() throws {
        try master.registerAgent(1)
        try master.registerAgent(1)
        #expect(master.summary == ["master: SlaveRegisteredMessage"])
        #expect(master.core.agents.count == 1)
    }

    @Test("Agents of an old or unknown version are passed over", arguments: [nil, "0.28.2", "x", ""])
    mutating func version(text: String?) throws {
        let info = try TestMaster.agentInfo(1)
        let message = Internal.RegisterSlaveMessage.with {
            $0.slave = info
            $0.version = text
        }
        try master.receive(message, from: TestMaster.pid(1))
        #expect(master.summary.isEmpty)
        #expect(master.core.agents.isEmpty)
    }

    @Test("A new agent at the address of a disconnected one replaces it; its tasks are lost")
    func replaced() throws {
        var master = try TestMaster.withTask()
        try master.handle(.exited("10.0.0.1:5051"))
        try master.registerAgent(1)
        #expect(master.core.agents.keys.map(\.value) == ["m-S1"])
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskLost)
        #expect(status.reason == .reasonAgentRemoved)
        #expect(status.message == "Agent host1 removed: a new agent registered at the same address")
    }

    @Test("An agent may unregister itself, nobody else may")
    func unregister() throws {
        var master = try TestMaster.withTask()
        let message = Internal.UnregisterSlaveMessage.with { $0.agentID = Mesos.AgentID("m-S0") }
        try master.receive(message, from: TestMaster.pid(2))
        #expect(master.core.agents.count == 1)
        try master.receive(message, from: TestMaster.pid(1))
        #expect(master.core.agents.isEmpty)
        #expect(master.statuses().map(\.state) == [.taskLost])
        #expect(master.events().last?.failure?.agentID?.value == "m-S0")
        #expect(master.persisted?.slaves?.slaves.isEmpty == true)
    }

    @Test("Messages to another actor, without a sender or of an unknown kind are dropped")
    mutating func dropped() throws {
        let info = try TestMaster.agentInfo(1)
        let message = Internal.RegisterSlaveMessage.with {
            $0.slave = info
            $0.version = "1.11.0"
        }
        try master.receive(message, from: TestMaster.pid(1), to: "slave(1)")
        #expect(master.core.agents.isEmpty)
        try master.receive(Internal.LostSlaveMessage.with { $0.agentID = Mesos.AgentID("a") }, from: TestMaster.pid(1))
        #expect(master.summary.isEmpty)
        #expect(master.core.metrics["dropped_messages"] == 2)
    }

    @Test("A known agent that registers again keeps its tasks; what it does not know it is asked about")
    func reregisterKnown() throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        let offer = try #require(master.offers().first)
        try master.accept([offer.id.value], [try TestMaster.task("t2")])
        try master.handle(.exited("10.0.0.1:5051"))
        try master.reregisterAgent(
            1, id: "m-S0", tasks: [try TestMaster.record("t1")],
            frameworks: [
                TestMaster.framework(id: "m-0000")
            ])
        #expect(
            master.summary.prefix(5) == [
                "persist", "link", "master: SlaveReregisteredMessage", "slave-observer(1): PingSlaveMessage",
                "master: UpdateFrameworkMessage",
            ])
        let answer = try #require(master.sent(Internal.SlaveReregisteredMessage.self).first)
        #expect(answer.reconciliations.count == 1)
        #expect(answer.reconciliations.first?.frameworkID.value == "m-0000")
        #expect(answer.reconciliations.first?.statuses.map(\.taskID.value) == ["t2"])
        #expect(master.statuses().isEmpty)
        #expect(master.core.frameworks.values.first?.tasks.count == 2)
        #expect(master.offers().map(\.agentID.value) == ["m-S0"])
    }

    @Test("An agent may come back at another port, but not at another address or under another name")
    mutating func moved() throws {
        try master.registerAgent(1)
        let info = try TestMaster.agentInfo(1, id: "m-S0")
        let message = Internal.ReregisterSlaveMessage.with {
            $0.slave = info
            $0.version = "1.11.0"
        }
        try master.receive(message, from: UPID(id: "slave(1)", ip: "10.0.0.1", port: 6000))
        #expect(master.core.agents.values.first?.pid.port == 6000)
        let renamed = Internal.ReregisterSlaveMessage.with {
            $0.slave = message.slave
            $0.slave.hostname = "other"
            $0.version = "1.11.0"
        }
        for (message, pid) in [(message, TestMaster.pid(2)), (renamed, TestMaster.pid(1))] {
            try master.receive(message, from: pid)
            let refusal = master.sent(Internal.ShutdownMessage.self).first?.message
            #expect(refusal == "Agent attempted to reregister with different IP / hostname")
        }
    }

    @Test("After a failover an agent of the registry brings frameworks and tasks back without a word to schedulers")
    func recovered() throws {
        var before = TestMaster()
        try before.registerAgent(1)
        var master = TestMaster(registry: try #require(before.persisted))
        #expect(master.core.recoveredAgents.keys.map(\.value) == ["m-S0"])
        try master.reregisterAgent(
            1, id: "m-S0", tasks: [try TestMaster.record("t1")],
            frameworks: [
                TestMaster.framework(id: "m-0000")
            ])
        #expect(master.core.recoveredAgents.isEmpty)
        let framework = try #require(master.core.frameworks.values.first)
        #expect(framework.isRecovered)
        #expect(framework.tasks.values.map(\.record.state) == [.taskRunning])
        #expect(master.sent(Internal.SlaveReregisteredMessage.self).first?.reconciliations.isEmpty == true)
        try master.subscribe("s", TestMaster.framework(id: "m-0000"))
        #expect(master.events().map(\.type) == [.subscribed, .heartbeat, .offers])
        #expect(master.core.frameworks.values.first?.isRecovered == false)
        #expect(master.offers().first?.resources.first?.scalar?.value == 3)
    }

    @Test("An agent that nobody knows is taken in, and its tasks are told")
    mutating func unknown() throws {
        try master.subscribe("s", TestMaster.framework(id: "m-0000"))
        try master.reregisterAgent(
            1, id: "old-S7", tasks: [try TestMaster.record("t1", agent: "old-S7")],
            frameworks: [
                TestMaster.framework(id: "m-0000")
            ])
        #expect(master.core.agents.keys.map(\.value) == ["old-S7"])
        let status = try #require(master.statuses().first)
        #expect(status.state == .taskRunning)
        #expect(status.reason == .reasonAgentReregistered)
        #expect(status.uuid == nil)
    }

    @Test("A re-registration without an id, or with tasks of another agent, is passed over")
    mutating func malformed() throws {
        let info = try TestMaster.agentInfo(1)
        let message = Internal.ReregisterSlaveMessage.with {
            $0.slave = info
            $0.version = "1.11.0"
        }
        try master.receive(message, from: TestMaster.pid(1))
        try master.reregisterAgent(1, id: "m-S0", tasks: [try TestMaster.record("t1", agent: "m-S9")])
        #expect(master.core.agents.isEmpty)
        #expect(master.summary.isEmpty)
    }

    @Test("Frameworks that ended are shut down on an agent that comes back with them")
    func completedFramework() throws {
        var master = try TestMaster.withTask()
        try master.handle(.exited("10.0.0.1:5051"))
        try master.call(.teardown)
        #expect(master.sent(Internal.ShutdownFrameworkMessage.self).isEmpty)
        try master.reregisterAgent(
            1, id: "m-S0", tasks: [try TestMaster.record("t1")],
            frameworks: [
                TestMaster.framework(id: "m-0000")
            ])
        #expect(master.sent(Internal.ShutdownFrameworkMessage.self).map(\.frameworkID.value) == ["m-0000"])
        #expect(master.core.frameworks.isEmpty)
    }

    @Test("A task that is history is not taken in again from an agent that the acknowledgement has not reached yet")
    func history() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskFailed)
        try master.acknowledge("t1")
        let record = try TestMaster.record("t1", state: .taskFailed)
        try master.reregisterAgent(1, id: "m-S0", tasks: [record], frameworks: [TestMaster.framework(id: "m-0000")])
        #expect(master.core.frameworks.values.first?.tasks.isEmpty == true)
    }

    @Test("Executors that a known agent does not list any more free their resources")
    func lostExecutor() throws {
        var master = try TestMaster.withExecutor()
        try master.handle(.exited("10.0.0.1:5051"))
        try master.reregisterAgent(1, id: "m-S0", frameworks: [TestMaster.framework(id: "m-0000")])
        #expect(master.core.agents.values.first?.executors.values.allSatisfy(\.isEmpty) == true)
    }
}
