import HTTPKit
import Libprocess
import MesosProtocol
import NIOHTTP1
import Resources
import ServiceKit

@testable import Agent
@testable import Allocator
@testable import Master

/// A master, some agents and a scheduler, with a network and disks between them, in a time of their own. Everything
/// that happens follows from the seed.
final class SimulatedCluster {
    static let agentCount = 3
    /// Faults happen until then; afterwards everything must come to rest.
    static let calmAfter = Duration.seconds(150)
    static let tick = Duration.milliseconds(500)

    var generator: SeededGenerator
    var now = Timestamp(seconds: 1_000_000)
    let start: Timestamp
    var agenda = Agenda()
    var connections: [Node: [Node: Connection]] = [:]
    var master: MasterCore?
    var registry = RegistryRecord.Registry()
    var elections = 0
    var agents: [Int: SimulatedAgent] = [:]
    var scheduler: SimulatedScheduler
    var isCalm = false
    /// Whether the framework is torn down when the calm comes, whatever of it still runs.
    let endsWithTeardown: Bool
    /// Which containers each task was started in, on all agents.
    var starts: [String: [String]] = [:]
    var violations: [String] = []
    /// What happened, for a failure's report.
    private(set) var journal: [String] = []

    init(seed: UInt64, endsWithTeardown: Bool = false) throws {
        self.endsWithTeardown = endsWithTeardown
        generator = SeededGenerator(seed: seed)
        start = now
        scheduler = SimulatedScheduler(now: now)
        for number in 1...Self.agentCount { agents[number] = try SimulatedAgent(number: number) }
        plan(.restart(.master), after: .zero)
        for number in 1...Self.agentCount { plan(.restart(.agent(number)), after: .seconds(number)) }
        plan(.tick(.scheduler), after: Self.tick)
        plan(.fault, after: .seconds(10))
        plan(.calm, after: Self.calmAfter)
    }

    func plan(_ occurrence: Occurrence, after delay: Duration) { agenda.plan(occurrence, at: now + delay) }

    func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &generator)) }
    func happens(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &generator) == 0 }

    func note(_ text: @autoclosure () -> String) { journal.append("\((now - start).inSeconds) \(text())") }

    /// What happened to the tasks that a complaint names, and the great events around it.
    func report(_ complaint: [String]) -> String {
        let names = Set(complaint.joined(separator: " ").matches(of: #/\bt\d+\b/#).map { String($0.output) })
        let lines = journal.filter { line in
            ["crashes", "starts", "calm", "Reregister", "learns"].contains { line.contains($0) }
                || names.contains { line.contains("\"\($0)\"") || line.hasSuffix(" \($0)") }
        }
        // Questions about tasks that never end come again and again.
        let questions = lines.filter { $0.contains("RECONCIL") }
        let others = lines.filter { !$0.contains("RECONCIL") }
        return (complaint + others.suffix(150) + questions.suffix(4)).joined(separator: "\n")
    }

    /// Plays until everything is at rest, or a moment when it should have been for long.
    func play(limit: Duration = .seconds(2500)) throws {
        while let (moment, occurrence) = agenda.next(), moment - start < limit, !isAtRest, violations.isEmpty {
            now = moment
            try happen(occurrence)
            violations += scheduler.violations
        }
    }

    private var openTasks: [String] { scheduler.openTasks(on: Set(agents.values.compactMap(\.info.id))) }

    /// Nothing is left to do anywhere.
    var isAtRest: Bool {
        guard isCalm, let master, master.agents.count == Self.agentCount else { return false }
        let isDone = endsWithTeardown ? master.frameworks.isEmpty : openTasks.isEmpty
        return isDone && master.frameworks.values.allSatisfy(\.tasks.isEmpty)
            && agents.values.allSatisfy { $0.core?.tasks.isEmpty == true && $0.containers.isEmpty }
    }

    /// Why it is not.
    var unrest: [String] {
        var reasons = openTasks.map { "\($0) is \(scheduler.tasks[$0]?.state.name ?? "")" }
        for (number, agent) in agents.sorted(by: { $0.key < $1.key }) {
            for task in agent.core?.tasks.values.map({ $0 }) ?? [] {
                reasons.append(
                    "agent \(number) has \(task.key.task.value), \(task.state.name), \(task.updates.count) updates")
            }
            for container in agent.containers { reasons.append("agent \(number) has container \(container)") }
        }
        for task in master?.frameworks.values.flatMap(\.tasks.values) ?? [] {
            reasons.append("the master has \(task.record.taskID.value), \(task.record.state.name)")
        }
        return reasons + ["\(master?.agents.count ?? 0) agents are registered"]
    }

    private func happen(_ occurrence: Occurrence) throws {
        switch occurrence {
        case .tick(let node): try tick(node)
        case .arrival(let from, let to, let epoch): try arrive(from, to, epoch)
        case .broken(let node, let peer): try broken(at: node, to: peer)
        case .streamBroken(let stream): masterHandles(.streamClosed(stream))
        case .restart(let node): try restart(node)
        case .containerStarts(let agent, let container): try containerStarts(agent, container)
        case .containerEnds(let agent, let container, let status): try containerEnds(agent, container, status)
        case .fault: fault()
        case .calm: calm()
        }
    }

    private func calm() {
        let isKnown = scheduler.framework.map { master?.frameworks[$0]?.isConnected == true } ?? false
        guard isKnown || !endsWithTeardown else { return plan(.calm, after: .seconds(1)) }
        note("calm")
        isCalm = true
        scheduler.isClosing = true
        guard endsWithTeardown, let framework = scheduler.framework else { return }
        scheduler.leave()
        masterHandles(.teardown(framework))
    }

    private func tick(_ node: Node) throws {
        switch node {
        case .master:
            guard master != nil else { return }
            masterHandles(.tick)
        case .agent(let number):
            guard agents[number]?.core != nil else { return }
            try agentHandles(number, .tick)
        case .scheduler:
            for payload in scheduler.tick(now, &generator) { send(payload, from: .scheduler, to: .master) }
        }
        plan(.tick(node), after: Self.tick)
    }

    func isUp(_ node: Node) -> Bool {
        switch node {
        case .master: master != nil
        case .agent(let number): agents[number]?.core != nil
        case .scheduler: true
        }
    }
}
