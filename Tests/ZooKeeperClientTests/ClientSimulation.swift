import ServiceKit
import Testing
import ZooKeeperProtocol

@testable import Coordinator
@testable import ZooKeeperClient

/// Some clients and a coordinator, cores all of them, and between them wires that are slow, break, or go dead.
struct ClientSimulation {
    static let paths = ["/a", "/b", "/c"]

    private enum Delivery {
        case opened
        case refused
        case toServer([UInt8])
        case toClient([UInt8])
        case lostByClient
        case lostByServer
    }

    /// A connection of a client: an own number, and the client's.
    private struct Wire {
        let client: Int
        let number: UInt64
        var isGreeted = false
        /// Nothing comes through any more, and nobody is told.
        var isDead = false
        /// When the last thing arrives that is on its way, for each direction: wires keep the order.
        var busy: [Bool: Timestamp] = [:]
    }

    private(set) var clients: [SimulatedClient] = []
    private var server = CoordinatorCore(configuration: .init(tickTime: 1000), startedAt: Timestamp(seconds: 1_000_000))
    private var now = Timestamp(seconds: 1_000_000)
    private var generator: SeededGenerator
    private var wires: [UInt64: Wire] = [:]
    private var deliveries: [(at: Timestamp, order: UInt64, wire: UInt64, what: Delivery)] = []
    private var counter: UInt64 = 0
    /// Until when clients reach no server.
    private var cutOff: [Int: Timestamp] = [:]

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        for (index, kind) in [SimulatedClient.Kind.data, .data, .children, .recursive].enumerated() {
            clients.append(SimulatedClient(kind: kind, seed: seed &* 31 &+ UInt64(index)))
        }
        for index in clients.indices {
            clients[index].begin()
            give(.start, to: index)
            for request in clients[index].wanted() { give(.request(request), to: index) }
        }
    }

    /// What a client of a kind should see.
    func truth(for kind: SimulatedClient.Kind) -> [String: Int64] {
        var truth: [String: Int64] = [:]
        for path in Self.paths {
            guard let page = server.tree.find(path) else { continue }
            truth[path] = kind == .children ? 1 : server.tree[page].mzxid
        }
        return truth
    }

    mutating func run(_ duration: Duration, hasFaults: Bool) throws {
        let end = now + duration
        if !hasFaults { cutOff = [:] }
        var nextTick = now
        while now < end {
            let due = deliveries.indices.min {
                (deliveries[$0].at, deliveries[$0].order) < (deliveries[$1].at, deliveries[$1].order)
            }
            let deadlines = clients.compactMap(\.core.nextDeadline)
            now = max(now, min(nextTick, end, due.map { deliveries[$0].at } ?? end, deadlines.min() ?? end))
            for index in clients.indices where clients[index].core.nextDeadline.map({ $0 <= now }) ?? false {
                give(.tick, to: index)
            }
            if let due, deliveries[due].at <= now {
                let delivery = deliveries.remove(at: due)
                try deliver(delivery.what, delivery.wire)
            }
            if nextTick <= now {
                nextTick = now + .milliseconds(100)
                try tick(hasFaults)
            }
        }
    }

    private mutating func tick(_ hasFaults: Bool) throws {
        let before = Set(server.sessions.keys)
        serve(.tick)
        for (index, client) in clients.enumerated() where client.core.session.sessionID != 0 {
            let session = client.core.session.sessionID
            // The ensemble may give a leader's office away now.
            try #require(
                !before.contains(session) || server.sessions[session] != nil,
                "client \(index) believes in a session that is over")
        }
        guard hasFaults else { return }
        if chance(2) { write() }
        if chance(20), let number = wires.keys.sorted().randomElement(using: &generator) { cut(number) }
        if chance(60), let number = wires.keys.sorted().randomElement(using: &generator) {
            wires[number]?.isDead = true
        }
        if chance(100) {
            let index = Int.random(in: clients.indices, using: &generator)
            cutOff[index] = now + .milliseconds(Int64.random(in: 0...12_000, using: &generator))
            for (number, wire) in wires where wire.client == index { wires[number]?.isDead = true }
        }
    }

    private mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &generator) == 0 }

    /// A random change by a random client.
    private mutating func write() {
        let index = Int.random(in: clients.indices, using: &generator)
        let path = Self.paths.randomElement(using: &generator) ?? "/a"
        let request = clients[index].change(path, Int.random(in: 0..<3, using: &generator))
        give(.request(request), to: index)
    }

    private mutating func deliver(_ what: Delivery, _ number: UInt64) throws {
        guard let wire = wires[number] else { return }
        let connection = ConnectionID(number: number)
        switch what {
        case .opened: give(.opened(wire.number), to: wire.client)
        case .refused:
            wires[number] = nil
            give(.openingFailed(wire.number, reason: "refused"), to: wire.client)
        case .lostByClient:
            wires[number] = nil
            give(.lost(wire.number), to: wire.client)
        case .lostByServer:
            wires[number] = nil
            serve(.disconnected(connection))
        case .toClient(let frame): if !wire.isDead { give(.received(wire.number, frame), to: wire.client) }
        case .toServer where wire.isDead: break
        case .toServer(let frame) where wire.isGreeted: serve(.request(connection, frame))
        case .toServer(let frame):
            wires[number]?.isGreeted = true
            var reader = JuteReader(frame)
            counter += 1
            let password = (0..<16).map { UInt8(truncatingIfNeeded: counter >> ($0 % 8 * 8)) }
            serve(.connect(connection, try ConnectRequest(from: &reader), password: password, identities: []))
        }
    }

    private mutating func cut(_ number: UInt64) {
        deliveries.removeAll { $0.wire == number }
        guard let wire = wires.removeValue(forKey: number) else { return }
        serve(.disconnected(ConnectionID(number: number)))
        give(.lost(wire.number), to: wire.client)
    }

    private mutating func send(_ what: Delivery, _ number: UInt64, toServer: Bool) {
        guard let wire = wires[number] else { return }
        counter += 1
        let delay = Duration.milliseconds(Int64.random(in: 0...40, using: &generator))
        let at = max(now + delay, wire.busy[toServer] ?? now)
        wires[number]?.busy[toServer] = at
        deliveries.append((at, counter, number, what))
    }

    private mutating func serve(_ event: CoordinatorEvent) {
        for effect in server.handle(event, at: now) {
            switch effect {
            case .append, .overQuota, .authenticationFailed: break
            case .send(let connection, let frame):
                send(.toClient(Array(frame.dropFirst(4))), connection.number, toServer: false)
            case .notify(let connections, let frame):
                for connection in connections {
                    send(.toClient(Array(frame.dropFirst(4))), connection.number, toServer: false)
                }
            case .close(let connection): send(.lostByClient, connection.number, toServer: false)
            }
        }
    }

    private mutating func give(_ event: ClientEvent, to index: Int) {
        let effects = clients[index].handle(event, at: now)
        for effect in effects {
            switch effect {
            case .open(let number, _, _):
                counter += 1
                wires[counter] = Wire(client: index, number: number)
                let isCutOff = cutOff[index].map { $0 > now } ?? false
                send(isCutOff ? .refused : .opened, counter, toServer: false)
            case .send(let number, let frame):
                if let wire = wire(index, number) { send(.toServer(Array(frame.dropFirst(4))), wire, toServer: true) }
            case .disconnect(let number):
                if let wire = wire(index, number) { send(.lostByServer, wire, toServer: true) }
            default: break
            }
        }
        for request in clients[index].wanted() { give(.request(request), to: index) }
    }

    private func wire(_ client: Int, _ number: UInt64) -> UInt64? {
        wires.first { $0.value.client == client && $0.value.number == number }?.key
    }
}
