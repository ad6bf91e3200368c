import Foundation
import MesosProtocol
import Resources
import ServiceKit
import Testing

@testable import Allocator
@testable import Master

@Suite("A cluster from a seed, with crashes, lost connections and stalls")
struct ClusterSimulationTests {
    /// `SEED=7 swift test --filter Simulation` replays one run, `SEEDS=1000` plays as many.
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return Array(1...(environment["SEEDS"].flatMap { UInt64($0) } ?? 24))
    }()

    private func play(seed: UInt64, endsWithTeardown: Bool) throws -> SimulatedCluster {
        let cluster = try SimulatedCluster(seed: seed, endsWithTeardown: endsWithTeardown)
        try cluster.play()
        if Self.seeds.count == 1 {
            print(
                "SEED=\(seed): \(cluster.journal.count) notes, \(cluster.scheduler.tasks.count) tasks, \(cluster.now)")
        }
        let complaint = cluster.violations + (cluster.isAtRest ? [] : cluster.unrest)
        try #require(complaint.isEmpty, "SEED=\(seed)\n\(cluster.report(complaint))")
        try #require(!cluster.scheduler.tasks.isEmpty, "SEED=\(seed)")
        let master = try #require(cluster.master)
        for agent in master.agents.values {
            var back = master.allocator.available(on: agent.id)
            for offer in master.offers.values where offer.message.agentID == agent.id { back += offer.resources }
            let isWhole = back.contains(agent.total) && agent.total.contains(back)
            try #require(isWhole, "SEED=\(seed): \(back.text()) of \(agent.total.text())")
        }
        return cluster
    }

    @Test("Every task comes to exactly one end, runs once at most, and all resources come back", arguments: seeds)
    func noTaskLostOrDoubled(seed: UInt64) throws { _ = try play(seed: seed, endsWithTeardown: false) }

    @Test("A framework that is torn down leaves nothing behind on any agent", arguments: seeds)
    func teardown(seed: UInt64) throws { _ = try play(seed: seed, endsWithTeardown: true) }

    @Test("A seed repeats its run")
    func repeatable() throws {
        let first = try SimulatedCluster(seed: 5)
        let second = try SimulatedCluster(seed: 5)
        try first.play()
        try second.play()
        #expect(first.now == second.now)
        #expect(first.scheduler.tasks.mapValues(\.state) == second.scheduler.tasks.mapValues(\.state))
        #expect(first.journal == second.journal)
    }
}
