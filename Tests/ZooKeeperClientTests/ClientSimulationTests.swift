import Foundation
import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import ZooKeeperClient

@Suite("Simulation of clients behind a bad network")
struct ClientSimulationTests {
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["SEED"].flatMap(UInt64.init) { return [seed] }
        return Array(1...(environment["SEEDS"].flatMap(UInt64.init) ?? 20))
    }()

    @Test(
        "No change is missed, every request is answered once, no session is believed in too long", arguments: seeds)
    func simulate(seed: UInt64) throws {
        var simulation = ClientSimulation(seed: seed)
        try simulation.run(.seconds(60), hasFaults: true)
        try simulation.run(.seconds(20), hasFaults: false)
        for (index, client) in simulation.clients.enumerated() {
            #expect(client.core.phase == .established, "seed \(seed), client \(index)")
            #expect(client.pending.isEmpty, "seed \(seed), client \(index)")
            #expect(client.view == simulation.truth(for: client.kind), "seed \(seed), client \(index)")
        }
    }

    @Test("The faults are there: sessions end and go on, connections break, watches fire")
    func isThorough() throws {
        var expired = 0
        var renewed = 0
        var interrupted = 0
        for seed in 1...5 as ClosedRange<UInt64> {
            var simulation = ClientSimulation(seed: seed)
            try simulation.run(.seconds(60), hasFaults: true)
            expired += simulation.clients.map(\.expirations).reduce(0, +)
            renewed += simulation.clients.map(\.renewals).reduce(0, +)
            interrupted += simulation.clients.map(\.interruptions).reduce(0, +)
        }
        #expect(expired > 5 && renewed > 50 && interrupted > 5, "\(expired) \(renewed) \(interrupted)")
    }
}
