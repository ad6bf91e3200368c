import JSONText
import MesosProtocol
import Testing

@testable import Marathon

@Suite("What Marathon's log says")
struct LogTests {
    private static func status(
        _ task: String, _ state: Mesos.TaskState, _ reason: Mesos.TaskStatus.Reason? = nil
    ) -> MarathonEvent {
        .scheduler(
            .with { event in
                event.type = .update
                event.update = .with { update in
                    update.status = .with {
                        $0.taskID = Mesos.TaskID(task)
                        $0.state = state
                        $0.reason = reason
                        $0.message = reason.map { _ in "Reconciliation: Latest task state" }
                    }
                }
            })
    }

    @Test("A launch names its app and its task; what a reconciliation tells is worth a line when it is new")
    func lines() throws {
        var marathon = TestMarathon()
        marathon.subscribed(at: 0)
        marathon.create(.members(["id": "/a", "cmd": "true", "portDefinitions": []]), at: 1)
        marathon.handle(.scheduler(TestMarathon.offers), at: 2)
        let task = try #require(marathon.core.instances.values.first?.taskID)
        #expect(marathon.logs == ["launching on host app=/a task=\(task)"])
        let latest = "Reconciliation: Latest task state"
        marathon.handle(Self.status(task, .taskRunning, .reasonReconciliation), at: 3)
        #expect(marathon.logs.first == "TASK_RUNNING: \(latest) app=/a task=\(task)")
        marathon.handle(Self.status(task, .taskRunning, .reasonReconciliation), at: 4)
        #expect(marathon.logs.isEmpty)
        marathon.handle(Self.status(task, .taskRunning), at: 5)
        #expect(marathon.logs == ["TASK_RUNNING app=/a task=\(task)"])
        marathon.handle(Self.status(task, .taskFailed, .reasonReconciliation), at: 6)
        #expect(marathon.logs == ["TASK_FAILED: \(latest) app=/a task=\(task)"])
    }

    @Test("The same failure to subscribe is told once; the attempts become rarer, to every two seconds")
    func attempts() {
        var attempts = SubscriptionAttempts()
        #expect(attempts.failed("x") == "x")
        var delays = [attempts.delay]
        for _ in 0..<3 {
            #expect(attempts.failed("x") == nil)
            delays.append(attempts.delay)
        }
        #expect(attempts.failed("y") == "y")
        #expect(attempts.failed("x") == "x")
        #expect(delays + [attempts.delay] == [0.5, 1, 2, 2, 2].map { .seconds($0) })
    }
}
