import MesosProtocol
import Resources
import Testing

@testable import Allocator

/// An allocator with short names for its agents and frameworks.
struct TestAllocator {
    var allocator = Allocator(seed: 1)

    mutating func agent(_ id: String, _ resources: String) throws {
        allocator.addAgent(Mesos.AgentID(id), total: Resources(try ResourcesText.parse(resources)))
    }

    mutating func framework(_ id: String, _ roles: String..., suppressed: Set<String> = []) {
        allocator.addFramework(Mesos.FrameworkID(id), roles: Set(roles), suppressed: suppressed)
    }

    /// One pass in short: `framework/role agent resources`.
    mutating func run(now: Double = 0) -> [String] {
        allocator.run(now: now).map { allocation in
            "\(allocation.framework.value)/\(allocation.role) \(allocation.agent.value) \(allocation.resources.text())"
        }.sorted()
    }

    mutating func recover(
        _ resources: String, on agent: String, from framework: String, role: String = "*",
        refusedUntil expires: Double? = nil
    ) throws {
        allocator.recover(
            Resources(try ResourcesText.parse(resources)), on: Mesos.AgentID(agent), from: Mesos.FrameworkID(framework),
            role: role, refusedUntil: expires)
    }

    mutating func allocate(_ resources: String, on agent: String, to framework: String, role: String = "*") throws {
        allocator.allocate(
            Resources(try ResourcesText.parse(resources)), on: Mesos.AgentID(agent), to: Mesos.FrameworkID(framework),
            role: role)
    }
}

@Suite("Who is offered what")
struct AllocatorTests {
    private var test = TestAllocator()

    @Test("Without agents or frameworks nothing is offered")
    mutating func nothing() throws {
        #expect(test.run().isEmpty)
        try test.agent("a", "cpus:1;mem:100")
        #expect(test.run().isEmpty)
        test.framework("f", "*")
        #expect(test.run() == ["f/* a cpus:1; mem:100"])
    }

    @Test("All that is left of an agent goes to one framework, and counts as allocated from then on")
    mutating func whole() throws {
        try test.agent("a", "cpus:4;mem:100;ports:[1-9]")
        test.framework("f", "*")
        test.framework("g", "*")
        try test.allocate("cpus:1;ports:[2-3]", on: "a", to: "g")
        #expect(test.run() == ["f/* a cpus:3; mem:100; ports:[1-1, 4-9]"])
        #expect(test.run().isEmpty)
        #expect(test.allocator.available(on: Mesos.AgentID("a")).isEmpty)
    }

    @Test("The role with the smaller dominant share is served first")
    mutating func roles() throws {
        for name in ["a", "b"] { try test.agent(name, "cpus:10;mem:1000") }
        test.framework("f", "x")
        test.framework("g", "y")
        try test.allocate("cpus:2;mem:10", on: "b", to: "f", role: "x")
        try test.allocate("cpus:1;mem:150", on: "b", to: "g", role: "y")
        try test.allocate("cpus:7;mem:840", on: "b", to: "h", role: "z")
        // x has 2 of 20 CPUs, y 150 of 2000 MB: y is needier.
        #expect(test.run() == ["g/y a cpus:10; mem:1000"])
    }

    @Test("Two needy roles share two agents")
    mutating func alternate() throws {
        for name in ["a", "b", "c", "d"] { try test.agent(name, "cpus:1;mem:100") }
        test.framework("f", "x")
        test.framework("g", "y")
        let offers = test.run()
        #expect(offers.count { $0.hasPrefix("f/x") } == 2)
        #expect(offers.count { $0.hasPrefix("g/y") } == 2)
    }

    @Test("A role of twice the weight gets twice as much")
    mutating func weights() throws {
        for index in 0..<6 { try test.agent("a\(index)", "cpus:1;mem:100") }
        test.allocator.weights = ["x": 2]
        test.framework("f", "x")
        test.framework("g", "y")
        #expect(test.run().count { $0.hasPrefix("f/x") } == 4)
    }

    @Test("Within a role the framework with the smaller share is served first")
    mutating func frameworks() throws {
        for name in ["a", "b"] { try test.agent(name, "cpus:1;mem:100") }
        test.framework("f", "x")
        test.framework("g", "x")
        try test.allocate("cpus:1;mem:100", on: "b", to: "f", role: "x")
        #expect(test.run() == ["g/x a cpus:1; mem:100"])
    }

    @Test("What is reserved for a role goes to it alone")
    mutating func reserved() throws {
        try test.agent("a", "cpus:1;mem:100;cpus(x):2;mem(x):200")
        test.framework("g", "y")
        #expect(test.run() == ["g/y a cpus:1; mem:100"])
        test.framework("f", "x")
        let rest = "cpus(reservations: [(STATIC,x)]):2; mem(reservations: [(STATIC,x)]):200"
        #expect(test.run() == ["f/x a \(rest)"])
    }

    @Test("Remainders below the minimum are not offered; one sufficient set of amounts is enough")
    mutating func minimum() throws {
        try test.agent("a", "cpus:0.009;mem:31;disk:5000")
        try test.agent("b", "cpus:0.01")
        try test.agent("c", "mem:32")
        test.framework("f", "*")
        #expect(test.run() == ["f/* b cpus:0.01", "f/* c mem:32"])
        test.allocator.minimumAllocatable = []
        #expect(test.run() == ["f/* a cpus:0.009; mem:31; disk:5000"])
    }

    @Test("A refusal keeps what it contains away until it expires, from that framework alone")
    mutating func filters() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "*")
        _ = test.run()
        try test.recover("cpus:4;mem:100", on: "a", from: "f", refusedUntil: 5)
        #expect(test.run(now: 4.9).isEmpty)
        test.framework("g", "*")
        #expect(test.run(now: 4.9) == ["g/* a cpus:4; mem:100"])
        try test.recover("cpus:4;mem:100", on: "a", from: "g", refusedUntil: 100)
        #expect(test.run(now: 5) == ["f/* a cpus:4; mem:100"])
    }

    @Test("More than what was refused is offered again")
    mutating func smallerFilter() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "*")
        _ = test.run()
        try test.recover("cpus:1;mem:10", on: "a", from: "f", refusedUntil: 50)
        #expect(test.run(now: 1).isEmpty)
        try test.recover("cpus:1", on: "a", from: "f")
        #expect(test.run(now: 1) == ["f/* a cpus:2; mem:10"])
    }

    @Test("Reviving clears filters of the roles named, or of all")
    mutating func revive() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "x", "y")
        let offered = try #require(test.run().first)
        let role = offered.hasPrefix("f/x") ? "x" : "y"
        let other = role == "x" ? "y" : "x"
        try test.recover("cpus:4;mem:100", on: "a", from: "f", role: role, refusedUntil: 50)
        #expect(test.run() == ["f/\(other) a cpus:4; mem:100"])
        try test.recover("cpus:4;mem:100", on: "a", from: "f", role: other, refusedUntil: 50)
        #expect(test.run().isEmpty)
        test.allocator.revive(Mesos.FrameworkID("f"), roles: [role])
        #expect(test.run() == ["f/\(role) a cpus:4; mem:100"])
        try test.recover("cpus:4;mem:100", on: "a", from: "f", role: role, refusedUntil: 50)
        test.allocator.revive(Mesos.FrameworkID("f"), roles: [])
        #expect(test.run().count == 1)
    }

    @Test("Suppressed roles get no offers until they are revived")
    mutating func suppress() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "x", "y", suppressed: ["x"])
        #expect(test.run() == ["f/y a cpus:4; mem:100"])
        try test.recover("cpus:4;mem:100", on: "a", from: "f", role: "y")
        test.allocator.suppress(Mesos.FrameworkID("f"), roles: [])
        #expect(test.run().isEmpty)
        test.allocator.revive(Mesos.FrameworkID("f"), roles: ["x"])
        #expect(test.run() == ["f/x a cpus:4; mem:100"])
    }

    @Test("Inactive agents are not offered, and are again when they are back")
    mutating func inactiveAgent() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "*")
        test.allocator.setActive(Mesos.AgentID("a"), false)
        #expect(test.run().isEmpty)
        test.allocator.setActive(Mesos.AgentID("a"), true)
        #expect(test.run().count == 1)
    }

    @Test("A deactivated framework gets nothing; its share still counts; adding it again activates it")
    mutating func deactivated() throws {
        for name in ["a", "b"] { try test.agent(name, "cpus:4;mem:100") }
        test.framework("f", "x")
        try test.allocate("cpus:4;mem:100", on: "a", to: "f", role: "x")
        try test.recover("cpus:1", on: "a", from: "f", role: "x", refusedUntil: 99)
        test.allocator.deactivateFramework(Mesos.FrameworkID("f"))
        #expect(test.run().isEmpty)
        #expect(test.allocator.roleShare("x") > 0)
        test.framework("f", "x")
        #expect(test.run() == ["f/x a cpus:1", "f/x b cpus:4; mem:100"])
    }

    @Test("A removed framework frees its share, a removed agent its filters")
    mutating func removal() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "x")
        _ = test.run()
        try test.recover("cpus:4;mem:100", on: "a", from: "f", role: "x", refusedUntil: 99)
        test.allocator.removeAgent(Mesos.AgentID("a"))
        try test.agent("a", "cpus:4;mem:100")
        #expect(test.run() == ["f/x a cpus:4; mem:100"])
        try test.recover("cpus:4;mem:100", on: "a", from: "f", role: "x")
        test.allocator.removeFramework(Mesos.FrameworkID("f"))
        #expect(test.allocator.roleShare("x") == 0)
        #expect(test.run().isEmpty)
    }

    @Test("An agent whose total changes keeps what is used of it")
    mutating func changedTotal() throws {
        try test.agent("a", "cpus:4;mem:100")
        test.framework("f", "*")
        try test.allocate("cpus:1;mem:50", on: "a", to: "f")
        try test.agent("a", "cpus:8;mem:100")
        #expect(test.run() == ["f/* a cpus:7; mem:50"])
    }

    @Test("The same seed repeats a run")
    func seeded() throws {
        func order(_ seed: UInt64) throws -> [String] {
            var allocator = Allocator(seed: seed)
            for index in 0..<20 {
                allocator.addAgent(
                    Mesos.AgentID("a\(index)"), total: Resources(try ResourcesText.parse("cpus:1;mem:100")))
            }
            allocator.addFramework(Mesos.FrameworkID("f"), roles: ["*"], suppressed: [])
            return allocator.run(now: 0).map(\.agent.value)
        }
        #expect(try order(1) == order(1))
        #expect(try order(1) != order(2))
    }
}
