import Foundation
import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator

/// A coordinator's log and snapshots on a disk that loses power at any moment. `SEED=n` replays one run, `SEEDS=n` plays
/// as many.
@Suite("A log on a disk that fails")
struct DiskSimulationTests {
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return Array(1...(environment["SEEDS"].flatMap { UInt64($0) } ?? 20))
    }()

    /// What must come back.
    private struct State: Equatable {
        let nodes: [ZNodeName: ZNode]
        let sessions: Set<Int64>

        init(_ core: CoordinatorCore) {
            nodes = core.tree.nodes
            sessions = Set(core.sessions.keys)
        }
    }

    private final class Play {
        let seed: UInt64
        let disk: SimulatedDisk
        var generator: SeededGenerator
        var settings: DiskSettings
        var states: [Int64: State] = [:]
        /// Up to here clients have answers.
        var acknowledged: Int64 = 0
        var server = TestCoordinator()
        var recoveries = 0

        init(seed: UInt64) {
            self.seed = seed
            generator = SeededGenerator(seed: seed)
            disk = SimulatedDisk(seed: seed &+ 1000)
            settings = DiskSettings(logDirectory: "/log", snapshotDirectory: "/snapshots", files: disk)
            settings.reserve = 1 << 10
            settings.segmentSize = 2000
            settings.firstSegmentSize = 4000
            settings.retainedSnapshots = 2
            states[0] = State(server.core)
        }

        func happens(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &generator) == 0 }
    }

    @Test("Whatever was acknowledged is there after any crash, and nothing that never was", arguments: seeds)
    func crashes(seed: UInt64) throws {
        let play = Play(seed: seed)
        for _ in 0..<12 {
            play.disk.stepsToCrash = Int.random(in: 1...120, using: &play.generator)
            // The power may go again while a start reads and mends.
            if let log = try? recover(play) { run(play, log) }
            play.disk.crash()
        }
        _ = try recover(play)
        #expect(play.recoveries > 2, "seed \(seed)")
    }

    /// Starts from the disk, and compares what it brings back with what was there.
    private func recover(_ play: Play) throws -> WriteAheadLog {
        var core = CoordinatorCore(configuration: .init(), startedAt: TestCoordinator.start)
        let log: WriteAheadLog
        do { log = try Recovery.run(into: &core, play.settings) } catch {
            try #require(error.description == "the power went", "seed \(play.seed): \(error)")
            throw error
        }
        core.finishRecovery(at: play.server.now)
        try #require(core.lastZxid >= play.acknowledged, "seed \(play.seed): \(core.lastZxid) of \(play.acknowledged)")
        try #require(State(core) == play.states[core.lastZxid], "seed \(play.seed), zxid \(core.lastZxid)")
        for zxid in play.states.keys where zxid > core.lastZxid { play.states[zxid] = nil }
        play.acknowledged = core.lastZxid
        play.server = TestCoordinator()
        play.server.core = core
        play.recoveries += 1
        return log
    }

    /// Writes until the power goes, or for a while.
    private func run(_ play: Play, _ log: WriteAheadLog) {
        do {
            for _ in 0..<60 {
                var entries = play.server.log.count
                for _ in 0..<Int.random(in: 1...4, using: &play.generator) {
                    try act(play)
                    for entry in play.server.log[entries...] { play.states[entry.zxid] = State(play.server.core) }
                    entries = play.server.log.count
                }
                try write(play, log)
                if !log.hasPrepared, play.happens(oneIn: 3) {
                    let file = try WriteAheadLog.prepare(in: "/log", size: 2000, play.disk)
                    log.use(prepared: file, size: 2000)
                }
                guard play.happens(oneIn: 8) else { continue }
                try Snapshot(play.server.core).write(to: "/snapshots", play.disk)
                play.settings.removeObsolete()
            }
        } catch {
            // The power went: what is not acknowledged may be lost.
        }
    }

    private func write(_ play: Play, _ log: WriteAheadLog) throws {
        let entries = play.server.log.filter { $0.zxid > play.acknowledged }
        guard let first = entries.first, let last = entries.last else { return }
        try log.append(entries.flatMap { WriteAheadLog.frame($0.bytes) }, zxid: first.zxid)
        play.acknowledged = last.zxid
    }

    private func act(_ play: Play) throws {
        let connection = UInt64.random(in: 1...3, using: &play.generator)
        guard play.server.core.sessionOf[ConnectionID(number: connection)] != nil else {
            try play.server.connect(connection)
            return
        }
        let path = ["/a", "/b", "/a/x", "/a/y"].randomElement(using: &play.generator) ?? "/a"
        let data = [UInt8](repeating: 7, count: Int.random(in: 0...300, using: &play.generator))
        do {
            switch Int.random(in: 0..<6, using: &play.generator) {
            case 0, 1: try play.server.create(path, data, by: connection)
            case 2: try play.server.create(path + "-", data, mode: .ephemeralSequential, by: connection)
            case 3: try play.server.delete(path, by: connection)
            case 4: try play.server.request(connection, .closeSession)
            default: try play.server.set(path, data, by: connection)
            }
        } catch is ZooKeeperErrorCode {
            // Refusals are part of the play.
        }
    }

    @Test("A disk without room makes no segment and harms none that is there", arguments: [100, 5000, 70_000])
    func full(capacity: Int) throws {
        let disk = SimulatedDisk(seed: 1)
        var settings = DiskSettings(logDirectory: "/log", snapshotDirectory: "/snapshots", files: disk)
        settings.reserve = 1 << 10
        settings.firstSegmentSize = 64 << 10
        disk.capacity = capacity
        var core = CoordinatorCore(configuration: .init(), startedAt: TestCoordinator.start)
        guard let log = try? Recovery.run(into: &core, settings) else {
            #expect(capacity < 64 << 10)
            return
        }
        let error = try #require(throws: LogError.self) {
            try WriteAheadLog.prepare(in: "/log", size: 64 << 10, disk)
        }
        #expect(error.isDiskFull)
        #expect(disk.names(in: "/log") == [WriteAheadLog.name(zxid: 1)])
        for entry in LogFiles.entries(1...100) { try log.append(WriteAheadLog.frame(entry.bytes), zxid: entry.zxid) }
        let path = "/log/\(WriteAheadLog.name(zxid: 1))"
        #expect(try LogSegment.entries(of: path, isNewest: true, disk).count == 100)
    }
}
