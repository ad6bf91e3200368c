import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Reconciliation (Mesos reference, 4.1)")
struct ReconciliationTests {
    private func reconcile(_ master: inout TestMaster, _ tasks: [(task: String, agent: String?)]) throws -> [String] {
        try master.call(.reconcile) { call in
            call.reconcile = .with { reconcile in
                reconcile.tasks = tasks.map { question in
                    .with {
                        $0.taskID = Mesos.TaskID(question.task)
                        $0.agentID = question.agent.map { Mesos.AgentID($0) }
                    }
                }
            }
        }
        for status in master.statuses() {
            #expect(status.reason == .reasonReconciliation)
            #expect(status.source == .sourceMaster)
            #expect(status.uuid == nil)
        }
        return master.statuses().map {
            "\($0.taskID.value) \($0.state.name) \($0.agentID?.value ?? "-") \($0.message ?? "")"
        }
    }

    @Test("A question about named tasks is answered task by task")
    func explicit() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning)
        let answers = try reconcile(&master, [("t1", "m-S0"), ("x", nil), ("y", "m-S0"), ("z", "m-S9")])
        #expect(
            answers == [
                "t1 TASK_RUNNING m-S0 Reconciliation: Latest task state",
                "x TASK_UNKNOWN - Reconciliation: Task is unknown",
                "y TASK_GONE m-S0 Reconciliation: Task is unknown to the agent",
                "z TASK_UNKNOWN m-S9 Reconciliation: Task is unknown",
            ])
    }

    @Test("A framework that does not know partitions hears that tasks are lost")
    func lost() throws {
        var master = try TestMaster.withTask(TestMaster.framework(capabilities: []))
        #expect(try reconcile(&master, [("x", nil), ("y", "m-S0")]).allSatisfy { $0.contains("TASK_LOST") })
    }

    @Test("A question about all tasks is answered for each")
    func implicit() throws {
        var master = try TestMaster.withTask()
        try master.tick(at: 1)
        let offer = try #require(master.offers().first)
        try master.accept([offer.id.value], [try TestMaster.task("t2")])
        try master.update("t1", .taskRunning)
        #expect(
            try reconcile(&master, []) == [
                "t1 TASK_RUNNING m-S0 Reconciliation: Latest task state",
                "t2 TASK_STAGING m-S0 Reconciliation: Latest task state",
            ])
    }

    @Test("Tasks that ended without acknowledgement are among all tasks, as a real Mesos 1.11.0 answers")
    func implicitEnded() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskKilled)
        #expect(try reconcile(&master, []) == ["t1 TASK_KILLED m-S0 Reconciliation: Latest task state"])
    }

    @Test("The answer is the state last forwarded, so that it is not ahead of the updates")
    func forwardedState() throws {
        var master = try TestMaster.withTask()
        try master.update("t1", .taskRunning, latest: .taskFinished)
        #expect(try reconcile(&master, [("t1", "m-S0")]).first?.hasPrefix("t1 TASK_RUNNING") == true)
        #expect(try reconcile(&master, []).first?.hasPrefix("t1 TASK_RUNNING") == true)
    }

    @Test("Tasks of an unreachable agent are unreachable since a moment")
    func unreachable() throws {
        var master = try TestMaster.withTask()
        for second in stride(from: 15.0, through: 105, by: 15) { try master.tick(at: second) }
        #expect(master.core.agents.isEmpty)
        let answers = try reconcile(&master, [("t1", nil), ("t1", "m-S0"), ("x", "m-S0")])
        #expect(answers.allSatisfy { $0.contains("TASK_UNREACHABLE m-S0 Reconciliation: Task is unreachable") })
        #expect(master.statuses().allSatisfy { $0.unreachableTime != nil })
        #expect(answers.count == 3)
    }

    @Test("A task that an agent comes back without after it was unreachable is gone, not unreachable for ever")
    func neverArrived() throws {
        var master = try TestMaster.withTask()
        for second in stride(from: 15.0, through: 105, by: 15) { try master.tick(at: second) }
        try master.reregisterAgent(1, id: "m-S0")
        #expect(
            try reconcile(&master, [("t1", "m-S0")]) == [
                "t1 TASK_GONE m-S0 Reconciliation: Task is unknown to the agent"
            ])
    }

    @Test("There is no answer while the agent may still come back")
    func recovering() throws {
        var before = TestMaster()
        try before.registerAgent(1)
        var master = TestMaster(registry: try #require(before.persisted))
        try master.subscribe("s", TestMaster.framework(id: "m-0000"))
        #expect(try reconcile(&master, [("t1", "m-S0"), ("t1", nil)]).isEmpty)
        #expect(try reconcile(&master, [("x", "m-S5")]).count == 1)
        try master.reregisterAgent(1, id: "m-S0")
        #expect(try reconcile(&master, [("t1", "m-S0")]).first?.contains("TASK_GONE") == true)
    }
}
