import Foundation
import MesosProtocol
import Resources
import ServiceKit
import Testing

@testable import Allocator
@testable import Master

@Suite("A cluster from a seed, with crashes, lost connections and stalls")
struct ClusterSimulationTests {
    /// `SEED=7 swift test --filter Simulation` replays one run.
    static let seeds: [UInt64] =
        ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) }.map { [$0] } ?? Array(1...48)

    @Test("Every task comes to exactly one end, runs once at most, and all resources come back", arguments: seeds)
    func noTaskLostOrDoubled(seed: UInt64) throws {
        let cluster = try SimulatedCluster(seed: seed)
        try cluster.play()
        let complaint = cluster.violations + (cluster.isAtRest ? [] : cluster.unrest)
        try #require(complaint.isEmpty, "SEED=\(seed)\n\(cluster.report(complaint))")
        try #require(cluster.scheduler.tasks.count > 10)
        let master = try #require(cluster.master)
        for agent in master.agents.values {
            var back = master.allocator.available(on: agent.id)
            for offer in master.offers.values where offer.message.agentID == agent.id { back += offer.resources }
            try #require(
                back.contains(agent.total) && agent.total.contains(back),
                "SEED=\(seed): \(back.text()) of \(agent.total.text())")
        }
    }

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
