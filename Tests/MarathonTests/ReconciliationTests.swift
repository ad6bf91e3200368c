import JSONText
import MesosProtocol
import ServiceKit
import Testing

@testable import Marathon

@Suite("Reconciliation with the master")
struct ReconciliationTests {
    /// The tasks of each question that names some.
    private static func questions(_ marathon: TestMarathon) -> [[String]] {
        marathon.calls.compactMap { call in
            let tasks = call.reconcile?.tasks.map(\.taskID.value) ?? []
            return tasks.isEmpty ? nil : tasks
        }
    }

    /// Three instances run; then the connection is lost, and comes back at second 100.
    private static func reconnected() throws -> (marathon: TestMarathon, tasks: [String]) {
        var marathon = TestMarathon()
        marathon.subscribed(heartbeats: 1000, at: 0)
        marathon.create(.members(["id": "/a", "cmd": "true", "portDefinitions": [], "instances": 3]), at: 1)
        marathon.handle(.scheduler(TestMarathon.offers), at: 2)
        let tasks = marathon.core.instances.values.map(\.taskID).sorted()
        try #require(tasks.count == 3)
        for task in tasks { marathon.handle(status(task, .taskRunning), at: 3) }
        marathon.handle(.disconnected, at: 99)
        marathon.subscribed(heartbeats: 1000, at: 100)
        #expect(questions(marathon).map { $0.sorted() } == [tasks])
        return (marathon, tasks)
    }

    private static func status(_ task: String, _ state: Mesos.TaskState) -> MarathonEvent {
        .scheduler(
            .with {
                $0.type = .update
                $0.update = .with { update in
                    update.status = .with {
                        $0.taskID = Mesos.TaskID(task)
                        $0.state = state
                    }
                }
            })
    }

    @Test("What is not answered is asked again, less and less often; what is answered is not")
    func repeated() throws {
        var (marathon, tasks) = try Self.reconnected()
        marathon.handle(Self.status(tasks[0], .taskRunning), at: 101)
        var asked: [Double: [String]] = [:]
        for second in stride(from: 101.0, through: 400, by: 1) {
            marathon.handle(second == 150 ? Self.status(tasks[1], .taskRunning) : .tick, at: second)
            for question in Self.questions(marathon) { asked[second] = question.sorted() }
        }
        #expect(asked.keys.sorted() == [110, 130, 170, 230, 290, 350])
        #expect(asked[110] == Array(tasks[1...]) && asked[130] == Array(tasks[1...]))
        #expect([170, 230, 290, 350].allSatisfy { asked[$0] == [tasks[2]] })
        marathon.handle(Self.status(tasks[2], .taskGone), at: 401)
        #expect(marathon.core.instances.count == 2)
        for second in stride(from: 402.0, through: 690, by: 1) {
            marathon.handle(.tick, at: second)
            #expect(Self.questions(marathon).isEmpty)
        }
    }

    @Test("Without a connection nothing is asked; the next one starts anew")
    func disconnected() throws {
        var (marathon, tasks) = try Self.reconnected()
        marathon.handle(.disconnected, at: 101)
        for second in stride(from: 102.0, through: 300, by: 1) {
            marathon.handle(.tick, at: second)
            #expect(marathon.calls.isEmpty)
        }
        marathon.subscribed(heartbeats: 1000, at: 301)
        #expect(Self.questions(marathon).map { $0.sorted() } == [tasks])
        marathon.handle(.tick, at: 310)
        #expect(Self.questions(marathon).isEmpty)
        marathon.handle(.tick, at: 311)
        #expect(Self.questions(marathon).map { $0.sorted() } == [tasks])
    }
}
