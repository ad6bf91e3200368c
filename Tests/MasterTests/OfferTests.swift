import MesosProtocol
import ServiceKit
import Testing

@testable import Master

@Suite("Offers (Mesos reference, 4.1 and 9)")
struct OfferTests {
    private var master = TestMaster()

    @Test("A framework and an agent make an offer at once, whoever comes first")
    mutating func offer() throws {
        try master.registerAgent(1)
        try master.subscribe()
        let offer = try #require(master.offers().first)
        #expect(offer.id.value == "m-O0")
        #expect(offer.frameworkID.value == "m-0000")
        #expect(offer.agentID.value == "m-S0")
        #expect(offer.hostname == "host1")
        #expect(
            offer.url?.jsonText
                == #"{"scheme":"http","address":{"hostname":"host1","ip":"10.0.0.1","port":5051},"path":"/slave(1)"}"#)
        #expect(offer.allocationInfo?.role == "dev")
        #expect(offer.resources.map(\.name) == ["cpus", "mem", "ports"])
        #expect(offer.resources.allSatisfy { $0.allocationInfo?.role == "dev" && $0.role == nil })
        try master.registerAgent(2)
        #expect(master.offers().map(\.id.value) == ["m-O1"])
        #expect(master.offers().map(\.agentID.value) == ["m-S1"])
    }

    @Test("Without MULTI_ROLE an offer has no allocation, without refinement the resources have a role")
    mutating func oldForm() throws {
        try master.registerAgent(1, resources: "cpus:1;mem:100;cpus(ops):2;mem(ops):200")
        let info = Mesos.FrameworkInfo.with {
            $0.user = "root"
            $0.name = "old"
            $0.role = "ops"
        }
        try master.subscribe("s", info)
        let offer = try #require(master.offers().first)
        #expect(offer.allocationInfo == nil)
        #expect(offer.resources.map(\.role) == ["*", "*", "ops", "ops"])
        #expect(offer.resources.allSatisfy { $0.allocationInfo == nil && $0.reservations.isEmpty })
    }

    @Test("All offers of a framework come in one event")
    mutating func oneEvent() throws {
        try master.registerAgent(1)
        try master.registerAgent(2)
        try master.subscribe()
        #expect(master.events().map(\.type) == [.subscribed, .heartbeat, .offers])
        #expect(master.offers().count == 2)
    }

    @Test("What is declined comes back after the filter, at the next allocation")
    mutating func decline() throws {
        try master.registerAgent(1)
        try master.subscribe()
        try decline("m-O0", refuse: 10)
        #expect(master.answer == "202 ")
        #expect(master.offers().isEmpty)
        for second in 1...9 {
            try master.tick(at: Double(second))
            #expect(master.offers().isEmpty)
        }
        try master.tick(at: 10)
        #expect(master.offers().map(\.id.value) == ["m-O1"])
    }

    private mutating func decline(_ id: String, refuse: Double?) throws {
        try master.call(.decline) { call in
            call.decline = .with { decline in
                decline.offerIDs = [Mesos.OfferID(id), Mesos.OfferID("unknown")]
                if let refuse { decline.filters = .with { $0.refuseSeconds = refuse } }
            }
        }
    }

    @Test(
        "A refusal lasts 5 seconds if it does not say sensibly how long, at least one allocation interval, at most a year",
        arguments: [
            (nil, 5), (-1, 5), (.nan, 5), (0.1, 1), (7, 7), (1e12, 365 * 86_400), (.infinity, 365 * 86_400), (0, nil),
        ] as [(Double?, Double?)])
    func refusalEnd(asked: Double?, expected: Double?) {
        let filters = asked.map { seconds in Mesos.Filters.with { $0.refuseSeconds = seconds } }
        let now = TestMaster.start
        #expect(master.core.refusalEnd(filters, now) == expected.map { now.seconds + $0 })
    }

    @Test("Reviving clears refusals and brings offers at once")
    mutating func revive() throws {
        try master.registerAgent(1)
        try master.subscribe()
        try decline("m-O0", refuse: 1000)
        try master.tick(at: 1)
        #expect(master.offers().isEmpty)
        try master.call(.revive)
        #expect(master.offers().map(\.id.value) == ["m-O1"])
    }

    @Test("Suppressed roles get no offers until they are revived")
    mutating func suppress() throws {
        try master.subscribe()
        try master.call(.suppress)
        try master.registerAgent(1)
        #expect(master.offers().isEmpty)
        #expect(master.core.frameworks.values.first?.suppressedRoles == ["dev"])
        try master.call(.revive) { call in call.revive = .with { $0.roles = ["dev"] } }
        #expect(master.offers().count == 1)
        #expect(master.core.frameworks.values.first?.suppressedRoles.isEmpty == true)
    }

    @Test("Roles may be suppressed from the start")
    mutating func suppressedAtSubscription() throws {
        try master.registerAgent(1)
        try master.subscribe("s", TestMaster.framework(roles: ["dev", "ops"]), suppressed: ["dev"])
        #expect(master.offers().map(\.allocationInfo?.role) == ["ops"])
    }

    @Test("Two frameworks share the agents")
    mutating func fairness() throws {
        try master.subscribe("s")
        try master.subscribe("u", TestMaster.framework(roles: ["ops"]))
        for number in 1...4 { try master.registerAgent(number) }
        let owners = master.core.offers.values.map(\.message.frameworkID.value).sorted()
        #expect(owners == ["m-0000", "m-0000", "m-0001", "m-0001"])
    }

    @Test("An offer that is not answered in time is taken back")
    func offerTimeout() throws {
        var master = TestMaster { $0.offerTimeout = .seconds(30) }
        try master.registerAgent(1)
        try master.subscribe()
        try master.tick(at: 29)
        #expect(master.events().filter { $0.type == .rescind }.isEmpty)
        try master.tick(at: 30)
        #expect(master.events().compactMap(\.rescind?.offerID.value) == ["m-O0"])
        #expect(master.offers().map(\.id.value) == ["m-O1"])
    }

    @Test("A call that launches nothing declines")
    mutating func acceptNothing() throws {
        try master.registerAgent(1)
        try master.subscribe()
        try master.accept(["m-O0"], [], refuse: 3)
        #expect(master.core.offers.isEmpty)
        try master.tick(at: 2)
        #expect(master.offers().isEmpty)
        try master.tick(at: 3)
        #expect(master.offers().count == 1)
    }
}
