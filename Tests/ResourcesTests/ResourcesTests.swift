import MesosProtocol
import Testing

@testable import Resources

/// Resources from the text that flags take.
func resources(_ text: String, role: String = "*") throws -> Resources {
    Resources(try ResourcesText.parse(text, defaultRole: role))
}

@Suite("Arithmetic of resources")
struct ResourcesTests {
    @Test(
        "Sums and differences",
        arguments: [
            ("cpus:1;mem:512", "cpus:0.5;disk:10", "cpus:1.5; mem:512; disk:10", "cpus:0.5; mem:512"),
            ("ports:[1-5]", "ports:[3-9]", "ports:[1-9]", "ports:[1-2]"),
            ("ports:[1-3,7-9]", "ports:[4-6]", "ports:[1-9]", "ports:[1-3, 7-9]"),
            ("ports:[1-9]", "ports:[4-6]", "ports:[1-9]", "ports:[1-3, 7-9]"),
            ("gpus:{a,b}", "gpus:{b,c}", "gpus:{a, b, c}", "gpus:{a}"), ("cpus:1", "cpus:2", "cpus:3", ""),
            ("cpus:1", "", "cpus:1", "cpus:1"), ("", "cpus:1", "cpus:1", ""), ("cpus:1", "cpus:1", "cpus:2", ""),
        ])
    func arithmetic(left: String, right: String, sum: String, difference: String) throws {
        let (left, right) = (try resources(left), try resources(right))
        #expect((left + right).text() == sum)
        #expect((left - right).text() == difference)
    }

    @Test("Scalars are counted in thousandths, so that sums are exact")
    func exact() throws {
        var sum = Resources()
        for _ in 0..<1000 { sum += try resources("cpus:0.1") }
        #expect(sum.text() == "cpus:100")
        for _ in 0..<1000 { sum -= try resources("cpus:0.1") }
        #expect(sum.isEmpty)
        #expect(try resources("cpus:0.0004").isEmpty)
        #expect(try resources("cpus:0.0006").scalar("cpus") == 0.001)
    }

    @Test("What differs in more than the amount is kept apart")
    func kinds() throws {
        let free = try resources("cpus:1")
        let reserved = try resources("cpus(web):2")
        let both = free + reserved
        #expect(both.entries.count == 2)
        #expect(both.scalar("cpus") == 3)
        #expect(both - reserved == free)
        #expect(!free.contains(reserved))
        #expect(both.contains(free) && both.contains(reserved))
        #expect((free - reserved) == free)
    }

    @Test(
        "Containment",
        arguments: [
            ("cpus:1;mem:2", "cpus:1", true), ("cpus:1", "cpus:1.001", false), ("cpus:1", "mem:1", false),
            ("cpus:1", "", true), ("", "cpus:1", false), ("ports:[1-9]", "ports:[2-3,5-9]", true),
            ("ports:[1-3,5-9]", "ports:[2-5]", false), ("s:{a,b}", "s:{a}", true), ("s:{a,b}", "s:{c}", false),
            ("x:1", "x:[1-2]", false),
        ])
    func contains(whole: String, part: String, expected: Bool) throws {
        #expect(try resources(whole).contains(try resources(part)) == expected)
    }

    @Test("Ranges are joined where they overlap or touch, in order")
    func ranges() throws {
        #expect(try resources("ports:[5-9,1-2,3-3,8-12,20-20]").text() == "ports:[1-3, 5-12, 20-20]")
        #expect(ResourceValue.normalized([3...UInt64.max, 0...0, 5...6]) == [0...0, 3...UInt64.max])
        let all = ResourceValue.ranges([0...UInt64.max])
        #expect(all - .ranges([0...0]) == .ranges([1...UInt64.max]))
        #expect(all - .ranges([UInt64.max...UInt64.max]) == .ranges([0...UInt64.max - 1]))
        #expect(all - all == .ranges([]))
    }

    @Test("Ranges that run backwards and resources without an amount are left out")
    func nothing() {
        let backwards = Mesos.Resource.with {
            $0.name = "ports"
            $0.type = .ranges
            $0.ranges = .with { $0.range = [.with { $0.begin = 5 }] }
        }
        let zero = Mesos.Resource.with {
            $0.name = "cpus"
            $0.scalar = .with { $0.value = 0 }
        }
        let strange = [Double.nan, .infinity, -1].map { value in
            Mesos.Resource.with {
                $0.name = "cpus"
                $0.scalar = .with { $0.value = value }
            }
        }
        #expect(Resources([backwards, zero] + strange).isEmpty)
    }

    @Test("Sums by name and what a role may have")
    func views() throws {
        let all = try resources("cpus:1;cpus(web):2;mem(dev):64;ports(web):[1-2];ports:[3-4]")
        #expect(all.scalars == ["cpus": 3, "mem": 64])
        #expect(all.ranges("ports") == [1...4])
        #expect(
            all.available(to: "web").text() == "cpus:1; cpus(reservations: [(STATIC,web)]):2; "
                + "ports(reservations: [(STATIC,web)]):[1-2]; ports:[3-4]")
        #expect(all.available(to: "other").scalars == ["cpus": 1])
        #expect(all.filter { $0.reservedRole == "dev" }.scalars == ["mem": 64])
    }

    @Test(
        "Adding and taking away again changes nothing", arguments: ["cpus:0.3;mem:5;ports:[2-4]", "s:{x};cpus(web):1"])
    func inverse(text: String) throws {
        let whole = try resources("cpus:4;mem:100;ports:[1-1000];s:{a};cpus(web):3")
        let part = try resources(text)
        #expect((whole + part).contains(part))
        #expect((whole - part).contains(part) == false)
        let back = whole - part + part
        #expect(whole.contains(whole - part))
        #expect(back.contains(part))
    }
}
