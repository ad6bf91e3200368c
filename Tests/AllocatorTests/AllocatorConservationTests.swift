import MesosProtocol
import Resources
import ServiceKit
import Testing

@testable import Allocator

@Suite("Random offers, refusals and losses")
struct AllocatorConservationTests {
    /// What somebody holds, as the allocator told.
    private struct Holding {
        let agent: Mesos.AgentID
        let framework: Mesos.FrameworkID
        let role: String
        var resources: Resources
    }

    private struct Play {
        var allocator: Allocator
        var generator: SeededGenerator
        var totals: [Mesos.AgentID: Resources] = [:]
        var holdings: [Holding] = []
        var frameworks: Set<Mesos.FrameworkID> = []
        var now = 0.0
    }

    @Test("Nothing is ever given twice, and all of it comes back", arguments: 1...30 as ClosedRange<UInt64>)
    func conservation(seed: UInt64) throws {
        var play = Play(allocator: Allocator(seed: seed), generator: SeededGenerator(seed: seed))
        for step in 0..<150 {
            try act(&play)
            try check(play, "seed \(seed), step \(step)")
        }
        for holding in play.holdings {
            play.allocator.recover(holding.resources, on: holding.agent, from: holding.framework, role: holding.role)
        }
        for (agent, total) in play.totals { #expect(play.allocator.available(on: agent) == total, "seed \(seed)") }
        for role in ["x", "y", "z"] { #expect(play.allocator.roleShare(role) == 0, "seed \(seed)") }
    }

    private func act(_ play: inout Play) throws {
        let agent = Mesos.AgentID("a\(Int.random(in: 0..<4, using: &play.generator))")
        let framework = Mesos.FrameworkID("f\(Int.random(in: 0..<4, using: &play.generator))")
        play.now += 0.5
        switch Int.random(in: 0..<12, using: &play.generator) {
        case 0: try addAgent(agent, &play)
        case 1: removeAgent(agent, &play)
        case 2, 3: addFramework(framework, &play)
        case 4: if play.holdings.isEmpty { removeFramework(framework, &play) }
        case 5: play.allocator.setActive(agent, Bool.random(using: &play.generator))
        case 6: play.allocator.suppress(framework, roles: ["x"])
        case 7: play.allocator.revive(framework, roles: [])
        case 8: play.allocator.deactivateFramework(framework)
        case 9: giveBack(&play)
        default: run(&play)
        }
    }

    private func addAgent(_ id: Mesos.AgentID, _ play: inout Play) throws {
        guard play.totals[id] == nil else { return }
        let cpus = Int.random(in: 1...8, using: &play.generator)
        let total = Resources(try ResourcesText.parse("cpus:\(cpus);mem:\(cpus * 100);cpus(x):1;mem(x):50;ports:[1-9]"))
        play.totals[id] = total
        play.allocator.addAgent(id, total: total)
    }

    private func removeAgent(_ id: Mesos.AgentID, _ play: inout Play) {
        for holding in play.holdings where holding.agent == id {
            play.allocator.recover(holding.resources, on: id, from: holding.framework, role: holding.role)
        }
        play.holdings.removeAll { $0.agent == id }
        play.totals[id] = nil
        play.allocator.removeAgent(id)
    }

    private func addFramework(_ id: Mesos.FrameworkID, _ play: inout Play) {
        let roles = Set(["x", "y", "z"].filter { _ in Bool.random(using: &play.generator) })
        play.frameworks.insert(id)
        play.allocator.addFramework(id, roles: roles, suppressed: [])
    }

    private func removeFramework(_ id: Mesos.FrameworkID, _ play: inout Play) {
        play.frameworks.remove(id)
        play.allocator.removeFramework(id)
    }

    /// Gives back a holding, or a half of its CPUs as when a task is launched on the rest.
    private func giveBack(_ play: inout Play) {
        guard let index = play.holdings.indices.randomElement(using: &play.generator) else { return }
        let holding = play.holdings[index]
        let isWhole = Bool.random(using: &play.generator)
        let part = isWhole ? holding.resources : holding.resources.filter { $0.name == "cpus" }
        let expires = Bool.random(using: &play.generator) ? play.now + 3 : nil
        play.allocator.recover(
            part, on: holding.agent, from: holding.framework, role: holding.role, refusedUntil: expires)
        play.holdings[index].resources -= part
        if play.holdings[index].resources.isEmpty { play.holdings.remove(at: index) }
    }

    private func run(_ play: inout Play) {
        for allocation in play.allocator.run(now: play.now) {
            play.holdings.append(
                Holding(
                    agent: allocation.agent, framework: allocation.framework, role: allocation.role,
                    resources: allocation.resources))
        }
    }

    private func check(_ play: Play, _ note: Comment) throws {
        for (agent, total) in play.totals {
            var held = Resources()
            for holding in play.holdings where holding.agent == agent { held += holding.resources }
            try #require(total.contains(held), note)
            let state = try #require(play.allocator.agents[agent], note)
            try #require(state.allocated.contains(held) && held.contains(state.allocated), note)
            let available = play.allocator.available(on: agent)
            try #require(total.contains(available + held) && (available + held).contains(total), note)
        }
        for framework in play.frameworks {
            for role in ["x", "y", "z"] {
                var held = Resources()
                for holding in play.holdings where holding.framework == framework && holding.role == role {
                    held += holding.resources.filter { $0.value.isScalar }
                }
                let known = play.allocator.frameworks[framework]?.allocated[role] ?? Resources()
                try #require(known.contains(held) && held.contains(known), note)
            }
        }
        for holding in play.holdings {
            let isOwn = holding.resources.entries.allSatisfy { [nil, holding.role].contains($0.reservedRole) }
            try #require(isOwn, note)
        }
    }
}
