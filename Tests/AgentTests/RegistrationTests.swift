import Libprocess
import MesosProtocol
import ServiceKit
import Testing

@testable import Agent

@Suite("An agent's registration (Mesos reference, 6.5)")
struct RegistrationTests {
    private var agent = TestAgent()

    @Test("It registers within the back-off after a master was found, over a connection made before")
    mutating func register() throws {
        agent.tick(at: 5)
        #expect(agent.summary.isEmpty)
        agent.handle(.detected(TestAgent.master))
        #expect(agent.summary.isEmpty)
        agent.tick(at: 6)
        #expect(agent.summary == ["link", "send RegisterSlaveMessage"])
        let message = try #require(agent.sent(Internal.RegisterSlaveMessage.self).first)
        #expect(message.slave.id == nil)
        #expect(message.slave.hostname == "host1")
        #expect(message.version == "1.11.0")
        #expect(message.resourceVersionUUID?.value.count == 16)
        try agent.receive(Internal.SlaveRegisteredMessage.with { $0.agentID = Mesos.AgentID("m-S0") })
        #expect(agent.summary == ["persist agent"])
        #expect(agent.info.id?.value == "m-S0")
        agent.tick(at: 60)
        #expect(agent.summary.isEmpty)
    }

    @Test("Unanswered registrations are repeated, ever more rarely, at least once a minute")
    mutating func backOff() {
        agent.handle(.detected(TestAgent.master))
        var moments: [Double] = []
        for step in 1...6000 {
            let second = Double(step) / 10
            agent.tick(at: second)
            if !agent.sent(Internal.RegisterSlaveMessage.self).isEmpty { moments.append(second) }
        }
        let gaps = zip(moments.dropFirst(), moments).map { $0 - $1 }
        #expect(moments.first ?? 100 <= 1.1)
        #expect(gaps.first ?? 100 <= 2.1)
        #expect(gaps.allSatisfy { $0 <= 60.2 })
        #expect((10...100).contains(moments.count))
    }

    @Test("An agent with an id registers again with its tasks and their frameworks")
    func reregister() throws {
        var agent = try TestAgent.running()
        try agent.run("u")
        agent.handle(.detected(nil))
        agent.tick(at: 10)
        #expect(agent.sent(Internal.ReregisterSlaveMessage.self).isEmpty)
        agent.handle(.detected(UPID(id: "master", ip: "10.0.0.101", port: 5050)))
        agent.tick(at: 12)
        let message = try #require(agent.sent(Internal.ReregisterSlaveMessage.self).first)
        #expect(message.slave.id?.value == "m-S0")
        #expect(message.frameworks.map(\.id?.value) == ["f"])
        #expect(message.tasks.map(\.taskID.value) == ["t", "u"])
        #expect(message.tasks.map(\.state) == [.taskRunning, .taskStaging])
        #expect(message.tasks.allSatisfy { $0.agentID.value == "m-S0" && $0.frameworkID.value == "f" })
        #expect(message.tasks.first?.resources.first?.allocationInfo?.role == "dev")
    }

    @Test("A task without a name is listed as well")
    func namelessTask() throws {
        var agent = try TestAgent.registered()
        try agent.run("t") { $0.name = "" }
        agent.handle(.detected(TestAgent.master))
        agent.tick(at: 12)
        #expect(agent.sent(Internal.ReregisterSlaveMessage.self).first?.tasks.map(\.taskID.value) == ["t"])
    }

    @Test("Another id for an agent that has one ends the agent")
    func otherID() throws {
        var agent = try TestAgent.registered()
        try agent.receive(Internal.SlaveReregisteredMessage.with { $0.agentID = Mesos.AgentID("m-S7") })
        #expect(agent.summary == ["exit"])
    }

    @Test("Strangers are not listened to")
    mutating func stranger() throws {
        agent.handle(.detected(TestAgent.master))
        let stranger = UPID(id: "master", ip: "10.0.0.66", port: 5050)
        try agent.receive(Internal.SlaveRegisteredMessage.with { $0.agentID = Mesos.AgentID("x") }, from: stranger)
        try agent.receive(Internal.ShutdownMessage.with { $0.message = "x" }, from: stranger)
        try agent.receive(Internal.PingSlaveMessage(), from: stranger)
        #expect(agent.effects.isEmpty)
        #expect(!agent.core.isRegistered)
    }

    @Test("A ping is answered to the actor that sent it")
    func ping() throws {
        var agent = try TestAgent.registered()
        try agent.receive(Internal.PingSlaveMessage.with { $0.connected = true }, from: TestAgent.observer)
        guard case .send(let receiver, let message) = try #require(agent.effects.first) else { return }
        #expect(receiver == TestAgent.observer)
        #expect(message is Internal.PongSlaveMessage)
    }

    @Test("A ping that says disconnected makes it register again")
    func disconnectedPing() throws {
        var agent = try TestAgent.registered()
        try agent.receive(Internal.PingSlaveMessage.with { $0.connected = false }, from: TestAgent.observer)
        #expect(agent.summary == ["send PongSlaveMessage"])
        agent.tick(at: 3)
        #expect(agent.summary == ["link", "send ReregisterSlaveMessage"])
    }

    @Test("A master that is silent for the whole ping time-out is registered with again")
    func silence() throws {
        var agent = try TestAgent.registered()
        for second in stride(from: 10.0, through: 70, by: 10) {
            agent.tick(at: second)
            #expect(agent.summary.isEmpty)
        }
        agent.tick(at: 77)
        agent.tick(at: 79)
        #expect(agent.summary == ["link", "send ReregisterSlaveMessage"])
    }

    @Test("The master says how long its silence may be")
    mutating func pingTimeout() throws {
        agent.handle(.detected(TestAgent.master))
        try agent.receive(
            Internal.SlaveRegisteredMessage.with {
                $0.agentID = Mesos.AgentID("m-S0")
                $0.connection = .with { $0.totalPingTimeoutSeconds = 5 }
            })
        agent.tick(at: 6)
        agent.tick(at: 8)
        #expect(agent.summary == ["link", "send ReregisterSlaveMessage"])
    }

    @Test("A broken connection to the master makes it register again, one to somebody else does not")
    func exited() throws {
        var agent = try TestAgent.registered()
        agent.handle(.exited("10.0.0.66:5050"))
        agent.tick(at: 10)
        #expect(agent.summary.isEmpty)
        agent.handle(.exited("10.0.0.100:5050"))
        agent.tick(at: 12)
        #expect(agent.summary == ["link", "send ReregisterSlaveMessage"])
    }

    @Test("The master may end the agent")
    func shutdown() throws {
        var agent = try TestAgent.registered()
        try agent.receive(Internal.ShutdownMessage.with { $0.message = "enough" })
        #expect(agent.summary == ["exit"])
    }

    @Test("After a restart the id is known and the resource version is new")
    func restart() throws {
        let agent = try TestAgent.running()
        var restarted = agent.restarted()
        restarted.handle(.detected(TestAgent.master))
        restarted.tick(at: 2)
        let message = try #require(restarted.sent(Internal.ReregisterSlaveMessage.self).first)
        #expect(message.slave.id?.value == "m-S0")
        #expect(message.tasks.map(\.state) == [.taskRunning])
        #expect(message.resourceVersionUUID?.value != agent.core.resourceVersion)
    }
}
