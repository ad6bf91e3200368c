import MesosProtocol
import ServiceKit
import Testing

@testable import Master

extension TestMaster {
    static func executor(_ id: String = "e") throws -> Mesos.ExecutorInfo {
        let resources = try task("x", resources: "cpus:0.5;mem:32").resources
        return .with {
            $0.executorID = Mesos.ExecutorID(id)
            $0.type = .custom
            $0.resources = resources
            $0.command = .with { $0.value = "executor" }
        }
    }

    /// An agent with a task `t1` of an executor `e`.
    static func withExecutor() throws -> TestMaster {
        var master = TestMaster()
        try master.registerAgent(1)
        try master.subscribe()
        let executor = try executor()
        let task = try task("t1") {
            $0.command = nil
            $0.executor = executor
        }
        try master.accept([try #require(master.offers().first).id.value], [task])
        return master
    }
}

@Suite("Executors of frameworks")
struct ExecutorTests {
    @Test("The first task of an executor takes its resources as well, the next ones do not")
    func launch() throws {
        var master = try TestMaster.withExecutor()
        #expect(master.sent(Internal.RunTaskMessage.self).map(\.launchExecutor) == [true])
        try master.tick(at: 1)
        let offer = try #require(master.offers().first)
        #expect(offer.resources.compactMap { $0.scalar?.value } == [2.5, 868])
        #expect(offer.executorIDs.map(\.value) == ["e"])
        let executor = try TestMaster.executor()
        let task = try TestMaster.task("t2") {
            $0.command = nil
            $0.executor = executor
        }
        try master.accept([offer.id.value], [task])
        #expect(master.sent(Internal.RunTaskMessage.self).map(\.launchExecutor) == [false])
        try master.tick(at: 2)
        #expect(master.offers().first?.resources.compactMap { $0.scalar?.value } == [1.5, 768])
    }

    @Test("The agent is told the executor's framework and whom its resources are allocated to")
    func message() throws {
        let master = try TestMaster.withExecutor()
        let executor = try #require(master.sent(Internal.RunTaskMessage.self).first?.task.executor)
        #expect(executor.frameworkID?.value == "m-0000")
        #expect(executor.resources.allSatisfy { $0.allocationInfo?.role == "dev" })
    }

    @Test("An executor that exits frees its resources, of the role they were offered to, and its framework is told")
    func exited() throws {
        var master = try TestMaster.withExecutor()
        let message = Internal.ExitedExecutorMessage.with {
            $0.agentID = Mesos.AgentID("m-S0")
            $0.frameworkID = Mesos.FrameworkID("m-0000")
            $0.executorID = Mesos.ExecutorID("e")
            $0.status = 9
        }
        try master.receive(message, from: TestMaster.pid(1))
        let failure = try #require(master.events().first?.failure)
        #expect(failure.executorID?.value == "e")
        #expect(failure.agentID?.value == "m-S0")
        #expect(failure.status == 9)
        try master.update("t1", .taskFailed)
        try master.tick(at: 1)
        #expect(master.offers().first?.resources.compactMap { $0.scalar?.value } == [4, 1000])
        try master.receive(message, from: TestMaster.pid(1))
        #expect(master.summary.isEmpty)
    }

    @Test("The end of the framework frees its executors")
    func teardown() throws {
        var master = try TestMaster.withExecutor()
        try master.call(.teardown)
        #expect(master.core.agents.values.allSatisfy { $0.executors.isEmpty })
    }

    @Test("Updates of a framework's own executor keep its name")
    func executorName() throws {
        var master = try TestMaster.withExecutor()
        try master.update("t1", .taskRunning)
        #expect(master.statuses().first?.executorID?.value == "t1")
    }

    @Test("Executors come back with their agent after a failover")
    func recovered() throws {
        var master = TestMaster()
        var executor = try TestMaster.executor()
        executor.frameworkID = Mesos.FrameworkID("m-0000")
        for index in executor.resources.indices { executor.resources[index].allocationInfo = .with { $0.role = "dev" } }
        try master.reregisterAgent(
            1, id: "m-S0", tasks: [try TestMaster.record("t1")], frameworks: [TestMaster.framework(id: "m-0000")],
            executors: [executor])
        try master.subscribe("s", TestMaster.framework(id: "m-0000"))
        #expect(master.offers().first?.resources.compactMap { $0.scalar?.value } == [2.5, 868])
        #expect(master.offers().first?.executorIDs.map(\.value) == ["e"])
    }
}
