import Foundation
import Testing

@testable import Programs

@Suite("The unit that holds the tasks")
struct TasksUnitTests {
    @Test("It is used when systemd has made its cgroup, and launchers get one of their own in it")
    func present() throws {
        let hierarchy = NSTemporaryDirectory() + "swift-mesos-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: hierarchy) }  // What is left over is the system's to clean.
        let cgroup = "\(hierarchy)/a.slice/b.service"
        try FileManager.default.createDirectory(atPath: cgroup, withIntermediateDirectories: true)
        let environment = ["MESOS_TASKS_CGROUP": "a.slice/b.service"]
        #expect(try TasksUnit(environment: environment, hierarchy: hierarchy) == nil)
        try "cpu memory pids".write(toFile: "\(cgroup)/cgroup.controllers", atomically: false, encoding: .utf8)
        let unit = try #require(try TasksUnit(environment: environment, hierarchy: hierarchy))
        #expect(unit.root == "a.slice/b.service")
        #expect(unit.launchers == "\(cgroup)/launchers")
        #expect(FileManager.default.fileExists(atPath: unit.launchers))
        #expect(try TasksUnit(environment: [:], hierarchy: hierarchy) == nil)
        #expect(try TasksUnit(environment: ["MESOS_TASKS_CGROUP": ""], hierarchy: hierarchy) == nil)
    }
}
