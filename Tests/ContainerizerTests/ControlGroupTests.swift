import CLinux
import Containerizer
import Foundation
import MesosProtocol
import Testing

@testable import NativeContainerizer

@Suite("Control groups")
struct ControlGroupTests {
    /// A folder with the files of a hierarchy that the code reads and writes.
    private static func hierarchy(_ groups: [String]) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try directory.write("cgroup.controllers", "cpuset cpu io memory pids\n")
        for group in [""] + groups {
            try FileManager.default.createDirectory(
                atPath: "\(directory.path)/\(group)", withIntermediateDirectories: true)
            try directory.write("\(group)/cgroup.subtree_control", "")
        }
        return directory
    }

    @Test("Each level of the root hands its controllers on to the next")
    func levels() throws {
        let hierarchy = try Self.hierarchy(["a", "a/b", "a/b/c"])
        #expect(ControlGroups(hierarchy: hierarchy.path, root: "/a/b/c/").prepare() == nil)
        for group in ["a", "a/b", "a/b/c"] {
            #expect(
                StateFile.read("\(hierarchy.path)/\(group)/cgroup.subtree_control") == "+cpu +memory +pids",
                "\(group)")
        }
    }

    @Test("A root that was asked for and cannot be used ends the start; the default one is done without")
    func unusableRoot() async throws {
        let hierarchy = try Self.hierarchy(["a"])
        try hierarchy.write("mesos-launcher", "")
        #expect(chmod("\(hierarchy.path)/mesos-launcher", 0o755) == 0)
        func containerizer(isGiven: Bool) -> NativeContainerizer {
            NativeContainerizer(
                launcher: Launcher(directory: hierarchy.path), hierarchy: hierarchy.path, root: "a/b",
                needsGroups: isGiven,
                limitsCPU: false)
        }
        let error = await #expect(throws: ContainerError.self) { try await containerizer(isGiven: true).prepare() }
        #expect(error?.description.hasPrefix("--cgroups_root cannot be used: \(hierarchy.path)/a/b: ") == true)
        try await containerizer(isGiven: false).prepare()
    }

    @Test("Names that lead elsewhere are no root", arguments: ["", "/", "a/../b", ".", "../a"])
    func oddRoot(root: String) throws {
        let hierarchy = try Self.hierarchy(["a", "b"])
        #expect(ControlGroups(hierarchy: hierarchy.path, root: root).prepare() != nil)
    }

    @Test(
        "A container gets the limit of processes that was asked for, or none", arguments: [(nil, "max"), (100, "100")])
    func processes(limit: Int?, written: String) throws {
        let hierarchy = try Self.hierarchy(["a", "a/c1", "state/c1"])
        for file in ["cpu.weight", "memory.low", "memory.max", "memory.oom.group", "pids.max"] {
            try hierarchy.write("a/c1/\(file)", "")
        }
        let groups = ControlGroups(hierarchy: hierarchy.path, root: "a", maximumPIDs: limit)
        #expect(groups.prepare() == nil)
        let container = ContainerSpecification(
            id: "c1", taskID: "t", frameworkID: "f", command: Mesos.CommandInfo(), container: nil, resources: [],
            environment: [:], user: nil, sandbox: "/", stateDirectory: "\(hierarchy.path)/state/c1")
        #expect(try groups.create(container, limitsCPU: false) == "\(hierarchy.path)/a/c1")
        #expect(StateFile.read("\(hierarchy.path)/a/c1/pids.max") == written)
    }

    @Test("A container's cgroup is found where an agent with another root has made it")
    func otherRoot() throws {
        let hierarchy = try Self.hierarchy(["old", "old/c1", "new", "state"])
        try hierarchy.write("old/c1/memory.events", "low 0\noom_kill 1\n")
        try hierarchy.write("state/cgroup", "\(hierarchy.path)/old/c1")
        let groups = ControlGroups(hierarchy: hierarchy.path, root: "new")
        #expect(groups.prepare() == nil)
        #expect(groups.outOfMemory("c1", status: 9) == nil)
        groups.recall("c1", "\(hierarchy.path)/state")
        #expect(groups.outOfMemory("c1", status: 9) != nil)
        try hierarchy.write("state/cgroup", "/somewhere/else")
        groups.recall("c2", "\(hierarchy.path)/state")
        #expect(groups.outOfMemory("c2", status: 9) == nil)
    }

    @Test("Who ran out of memory is told the limit and the highest use")
    func outOfMemory() throws {
        let hierarchy = try Self.hierarchy(["a", "a/c1"])
        let groups = ControlGroups(hierarchy: hierarchy.path, root: "a")
        #expect(groups.prepare() == nil)
        try hierarchy.write("a/c1/memory.events", "oom 1\noom_kill 0\n")
        try hierarchy.write("a/c1/memory.max", "67108864\n")
        #expect(groups.outOfMemory("c1", status: 9) == nil)
        try hierarchy.write("a/c1/memory.events", "oom 1\noom_kill 1\n")
        try hierarchy.write("a/c1/memory.peak", "67100672\n")
        let termination = try #require(groups.outOfMemory("c1", status: 9))
        #expect(termination.reason == .reasonContainerLimitationMemory)
        #expect(termination.status == 9)
        #expect(termination.message == "Memory limit exceeded: Requested: 64MB Maximum Used: 65528KB")
        #expect(termination.limited.map(\.name) == ["mem"])
        #expect(termination.limited.first?.scalar?.value == 63)
    }

    /// A cgroup v2 hierarchy in which groups may be made here.
    private static let usable: String? = {
        let mounts = (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)) ?? ""  // None is no hierarchy.
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 2, fields[2] == "cgroup2" else { continue }
            if access("\(fields[1])/cgroup.procs", W_OK) == 0 { return String(fields[1]) }
        }
        return nil
    }()

    @Test("A cgroup goes with its processes and those that a task made below it", .enabled(if: usable != nil))
    func removal() async throws {
        let group = "\(try #require(Self.usable))/swift-mesos-test-\(UUID().uuidString)"
        for path in [group, "\(group)/a", "\(group)/a/b", "\(group)/c"] { try #require(mkdir(path, 0o755) == 0) }
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "echo $$ > \(group)/a/b/cgroup.procs && exec sleep 3600"]
        try process.run()
        let deadline = ContinuousClock.now + .seconds(10)
        while StateFile.read("\(group)/cgroup.events")?.contains("populated 1") != true {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(await ControlGroupRemoval(path: group).perform() == nil)
        #expect(access(group, F_OK) != 0)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
    }

    @Test("One that is not there is gone; one that cannot be removed is told of")
    func remains() async throws {
        let directory = try TemporaryDirectory()
        #expect(await ControlGroupRemoval(path: "\(directory.path)/absent").perform() == nil)
        try directory.write("file", "")
        let reason = await ControlGroupRemoval(path: directory.path).perform(within: .milliseconds(30))
        #expect(reason == "cannot remove the cgroup \(directory.path): Directory not empty")
    }
}
