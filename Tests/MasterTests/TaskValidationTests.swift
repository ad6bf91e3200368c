import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Why a task is not launched, in Mesos's words")
struct TaskValidationTests {
    private var master = TestMaster()

    init() throws {
        try master.registerAgent(1)
        try master.subscribe()
    }

    /// The one status that the launch of a task on the first offer brings.
    private mutating func launch(_ task: Mesos.TaskInfo, on offers: [String] = ["m-O0"]) throws -> Mesos.TaskStatus {
        try master.accept(offers, [task])
        #expect(master.sent(Internal.RunTaskMessage.self).isEmpty)
        let status = try #require(master.statuses().first)
        #expect(status.source == .sourceMaster)
        #expect(status.uuid == nil)
        return status
    }

    private mutating func complaint(_ task: Mesos.TaskInfo) throws -> String? {
        let status = try launch(task)
        #expect(status.state == .taskError)
        #expect(status.reason == .reasonTaskInvalid)
        #expect(master.core.offers.isEmpty)
        return status.message
    }

    @Test("More than is offered")
    mutating func tooMuch() throws {
        let expected =
            "Total resources cpus(allocated: dev):1000; mem(allocated: dev):16 required by task and its executor is more "
            + "than available cpus(allocated: dev):4; mem(allocated: dev):1000; ports(allocated: dev):[31000-31009]"
        #expect(try complaint(try TestMaster.task("t", resources: "cpus:1000;mem:16")) == expected)
    }

    @Test("More than earlier tasks of the call left")
    mutating func tooMuchTogether() throws {
        try master.accept(
            ["m-O0"], [try TestMaster.task("a", resources: "cpus:3"), try TestMaster.task("b", resources: "cpus:2")])
        #expect(master.sent(Internal.RunTaskMessage.self).map(\.task.taskID.value) == ["a"])
        #expect(master.statuses().map(\.taskID.value) == ["b"])
    }

    @Test("A port that is taken")
    mutating func takenPort() throws {
        let task = try TestMaster.task("t", resources: "cpus:1;ports:[31005-31010]")
        #expect(try complaint(task)?.hasPrefix("Total resources ") == true)
    }

    @Test("No resources")
    mutating func noResources() throws {
        #expect(try complaint(try TestMaster.task("t", resources: "")) == "Task uses no resources")
    }

    @Test("An agent that the offer is not of; the status names the task's")
    mutating func wrongAgent() throws {
        let status = try launch(try TestMaster.task("t", agent: "nosuch"))
        #expect(status.message == "Task uses invalid agent nosuch while agent m-S0 is expected")
        #expect(status.agentID?.value == "nosuch")
    }

    @Test("Neither or both of command and executor")
    mutating func command() throws {
        let expected = "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
        #expect(try complaint(try TestMaster.task("t") { $0.command = nil }) == expected)
    }

    @Test("Both of command and executor")
    mutating func both() throws {
        let task = try TestMaster.task("t") { $0.executor = .with { $0.executorID = Mesos.ExecutorID("e") } }
        #expect(try complaint(task)?.hasPrefix("Task should have at least one (but not both)") == true)
    }

    @Test(
        "An id that cannot be",
        arguments: [
            ("", "ID must not be empty"), ("a/b", "'a/b' contains invalid characters"),
            ("a\\b", "'a\\b' contains invalid characters"), (".", "'.' is disallowed"), ("..", "'..' is disallowed"),
            ("a\u{1}", "'a\u{1}' contains invalid characters"),
            (String(repeating: "x", count: 256), "ID must not be greater than 255 characters"),
        ])
    mutating func identifier(id: String, expected: String) throws {
        #expect(try complaint(try TestMaster.task(id)) == expected)
    }

    @Test("An id that is in use, also on an unreachable agent")
    mutating func duplicate() throws {
        try master.accept(["m-O0"], [try TestMaster.task("t")])
        try master.tick(at: 1)
        let offer = try #require(master.offers().first)
        #expect(try launch(try TestMaster.task("t"), on: [offer.id.value]).message == "Task has duplicate ID: t")
    }

    @Test("Negative times")
    mutating func times() throws {
        let grace = try TestMaster.task("t") { task in
            task.killPolicy = .with { $0.gracePeriod = .with { $0.nanoseconds = -1 } }
        }
        #expect(try complaint(grace) == "Task's 'kill_policy.grace_period' must be non-negative")
    }

    @Test("A negative completion time")
    mutating func completionTime() throws {
        let task = try TestMaster.task("t") { $0.maxCompletionTime = .with { $0.nanoseconds = -1 } }
        #expect(try complaint(task) == "Task's `max_completion_time` must be non-negative")
    }

    @Test("Offers that are no longer valid drop the task; still valid ones of the list are given back")
    mutating func invalidOffers() throws {
        let status = try launch(try TestMaster.task("t"), on: ["m-O0", "nosuch"])
        #expect(status.state == .taskDropped)
        #expect(status.reason == .reasonInvalidOffers)
        #expect(status.message == "Task launched with invalid offers: Offer nosuch is no longer valid")
        #expect(master.core.offers.isEmpty)
    }

    @Test("The same offer twice, and no offer")
    mutating func duplicateOffers() throws {
        let twice = try launch(try TestMaster.task("t"), on: ["m-O0", "m-O0"])
        #expect(twice.message == "Task launched with invalid offers: Duplicate offer in offer list")
        let none = try launch(try TestMaster.task("t"), on: [])
        #expect(none.message == "Task launched with invalid offers: No offers specified")
    }

    @Test("Offers of two agents, or of another framework")
    mutating func foreignOffers() throws {
        try master.registerAgent(2)
        let two = try launch(try TestMaster.task("t"), on: ["m-O0", "m-O1"])
        let expected =
            "Task launched with invalid offers: Aggregated offers must belong to one single agent. Offer m-O1 uses agent "
            + "m-S1 and agent m-S0"
        #expect(two.message == expected)
        try master.subscribe("u", TestMaster.framework(roles: ["ops"]))
        let foreign = try #require(master.offers("u").first)
        let status = try launch(try TestMaster.task("t"), on: [foreign.id.value])
        #expect(
            status.message
                == "Task launched with invalid offers: Offer \(foreign.id.value) has invalid framework m-0001 while "
                + "framework m-0000 is expected")
        #expect(master.core.offers[foreign.id] != nil)
    }
}
