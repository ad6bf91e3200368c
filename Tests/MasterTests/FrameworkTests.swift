import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Frameworks (Mesos reference, 4.1 and 8.6)")
struct FrameworkTests {
    @Test("Ids count up; the first events are SUBSCRIBED and HEARTBEAT")
    func ids() throws {
        var master = TestMaster()
        for (stream, id) in [("s", "m-0000"), ("u", "m-0001")] {
            try master.subscribe(stream)
            #expect(master.events(stream).map(\.type) == [.subscribed, .heartbeat])
            let subscribed = try #require(master.events(stream).first?.subscribed)
            #expect(subscribed.frameworkID.value == id)
            #expect(subscribed.heartbeatIntervalSeconds == 15)
            #expect(subscribed.masterInfo?.id == "m")
        }
    }

    @Test("Heartbeats come every 15 seconds")
    func heartbeats() throws {
        var master = TestMaster()
        try master.subscribe()
        try master.tick(at: 14.5)
        #expect(master.events().isEmpty)
        try master.tick(at: 15)
        #expect(master.events().map(\.type) == [.heartbeat])
        try master.tick(at: 29)
        #expect(master.events().isEmpty)
        try master.tick(at: 30)
        #expect(master.events().map(\.type) == [.heartbeat])
    }

    @Test("A framework that subscribes again takes over: the old stream is told and ends, its offers are void")
    func failover() throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        #expect(master.core.offers.count == 1)
        try master.subscribe("u", TestMaster.framework(id: "m-0000"))
        #expect(master.events("s").map(\.error?.message) == ["Framework failed over"])
        #expect(master.closedStreams == ["s"])
        #expect(master.events("u").map(\.type) == [.subscribed, .heartbeat, .offers])
        #expect(master.core.offers.count == 1)
        #expect(master.core.offers.keys.first?.value == "m-O2")
        #expect(master.sent(Internal.UpdateFrameworkMessage.self).map(\.frameworkID.value) == ["m-0000"])
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
        try master.handle(.streamClosed("s"))
        #expect(master.core.frameworks.values.first?.isConnected == true)
        try master.update("t1", .taskRunning)
        #expect(master.statuses("u").count == 1)
    }

    @Test("Taking over keeps user and checkpoint as they were")
    func unchanged() throws {
        var master = TestMaster()
        try master.subscribe()
        var info = TestMaster.framework(id: "m-0000", checkpoint: false)
        info.user = "other"
        info.name = "renamed"
        try master.subscribe("u", info)
        let known = try #require(master.core.frameworks.values.first?.info)
        #expect(known.user == "root")
        #expect(known.checkpoint == true)
        #expect(known.name == "renamed")
    }

    @Test("Another principal may not take over")
    func principal() throws {
        var master = TestMaster()
        try master.subscribe()
        var info = TestMaster.framework(id: "m-0000")
        info.principal = "other"
        try master.subscribe("u", info)
        #expect(master.events("u").map(\.error?.message) == ["Changing framework's principal is not allowed."])
        #expect(master.closedStreams == ["u"])
        #expect(master.core.frameworks.values.first?.stream == "s")
    }

    @Test("A framework that disconnects loses its offers and keeps its tasks until its time-out")
    func disconnected() throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        try master.handle(.streamClosed("s"))
        #expect(master.core.offers.isEmpty)
        try master.tick(at: 60)
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
        #expect(master.core.offers.isEmpty)
        try master.tick(at: 61)
        #expect(master.core.frameworks.isEmpty)
        #expect(master.sent(Internal.ShutdownFrameworkMessage.self).map(\.frameworkID.value) == ["m-0000"])
        #expect(master.core.completedFrameworks.first?.completedTasks.map(\.state) == [.taskKilled])
    }

    @Test("A framework that is back in time goes on")
    func backInTime() throws {
        var master = try TestMaster.withTask()
        try master.handle(.streamClosed("s"))
        try master.tick(at: 59)
        try master.subscribe("u", TestMaster.framework(id: "m-0000"))
        try master.tick(at: 120)
        #expect(master.core.frameworks.values.first?.tasks.count == 1)
    }

    @Test("Without a time-out a framework ends with its connection, at the next tick")
    func noTimeout() throws {
        var master = try TestMaster.withTask(TestMaster.framework(failover: 0))
        try master.handle(.streamClosed("s"))
        try master.tick(at: 0.1)
        #expect(master.core.frameworks.isEmpty)
    }

    @Test("A framework known only from agents has the agents' time to return and its own time-out")
    func recovered() throws {
        var master = TestMaster()
        try master.tick(at: 100)
        try master.reregisterAgent(
            1, id: "m-S0", tasks: [try TestMaster.record("t1")],
            frameworks: [
                TestMaster.framework(id: "m-0000")
            ])
        try master.tick(at: 659)
        #expect(master.core.frameworks.count == 1)
        try master.tick(at: 660)
        #expect(master.core.frameworks.isEmpty)
    }

    @Test("Teardown kills the tasks, ends the stream, and the id is refused from then on", arguments: [true, false])
    func teardown(byOperator: Bool) throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        if byOperator {
            try master.handle(.teardown(Mesos.FrameworkID("m-0000")))
        } else {
            try master.call(.teardown)
        }
        #expect(master.closedStreams == ["s"])
        #expect(master.sent(Internal.ShutdownFrameworkMessage.self).count == 1)
        #expect(master.core.offers.isEmpty)
        #expect(master.core.metrics["tasks_killed"] == 1)
        #expect(master.core.completedFrameworks.map(\.id.value) == ["m-0000"])
        try master.subscribe("u", TestMaster.framework(id: "m-0000"))
        #expect(master.events("u").map(\.error?.message) == ["Framework has been removed"])
        try master.update("t1", .taskKilled)
        #expect(master.summary.isEmpty)
        try master.call(.revive)
        #expect(master.answer == "400 Framework cannot be found")
    }

    @Test("Ended frameworks have a limit")
    func completedLimit() throws {
        var master = TestMaster { $0.maximumCompletedFrameworks = 2 }
        for number in 0..<4 {
            try master.subscribe("s\(number)")
            try master.handle(.teardown(Mesos.FrameworkID("m-000\(number)")))
        }
        #expect(master.core.completedFrameworks.map(\.id.value) == ["m-0002", "m-0003"])
    }

    @Test("An id that this master never gave is taken, as after a failover")
    func foreignID() throws {
        var master = TestMaster()
        try master.subscribe("s", TestMaster.framework(id: "old-0042"))
        #expect(master.events().first?.subscribed?.frameworkID.value == "old-0042")
        #expect(master.core.nextFramework == 0)
    }
}
