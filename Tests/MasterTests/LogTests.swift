import MesosProtocol
import Testing

@testable import Master

@Suite("What the master's log says")
struct LogTests {
    @Test("The launch and the end of a task, once each, with its framework")
    func task() throws {
        var master = try TestMaster.withTask()
        let about = "task=t1 framework=m-0000"
        #expect(master.logs == ["launching task on agent m-S0 (host1) \(about)"])
        try master.update("t1", .taskRunning)
        #expect(master.logs.isEmpty)
        try master.update("t1", .taskRunning, latest: .taskFailed)
        #expect(master.logs == ["TASK_FAILED \(about)"])
        try master.update("t1", .taskFailed, uuid: 2)
        #expect(master.logs.isEmpty)
    }

    @Test("A task that the master refuses, and the comings and goings of its framework")
    func refused() throws {
        var master = TestMaster()
        try master.registerAgent(1)
        try master.subscribe()
        #expect(master.logs == ["framework m-0000 (test) subscribed framework=m-0000"])
        let offer = try #require(master.offers().first).id.value
        try master.accept([offer], [try TestMaster.task("t1", agent: "m-S9")])
        #expect(
            master.logs == [
                "TASK_ERROR: Task uses invalid agent m-S9 while agent m-S0 is expected task=t1 framework=m-0000"
            ])
        try master.handle(.streamClosed("s"))
        #expect(master.logs == ["framework m-0000 disconnected framework=m-0000"])
    }
}
