import Libprocess
import MesosProtocol
import ServiceKit

@testable import Master

/// A process of the simulated cluster.
enum Node: Hashable, Sendable {
    case master
    case agent(Int)
    case scheduler

    /// What its messages come from; schedulers have none.
    var pid: UPID {
        switch self {
        case .master: UPID(id: "master", ip: "10.0.0.100", port: 5050)
        case .agent(let number): UPID(id: "slave(1)", ip: "10.0.0.\(number)", port: 5051)
        case .scheduler: UPID(id: "scheduler", ip: "10.0.0.200", port: 1)
        }
    }

    static func at(_ address: String, agents: Int) -> Node? {
        if address == Node.master.pid.address { return .master }
        return (1...agents).map(Node.agent).first { $0.pid.address == address }
    }
}

/// What goes over a connection.
enum Payload: Sendable {
    case message(LibprocessMessage)
    case subscribe(stream: String, SchedulerAPI.Call)
    case call(SchedulerAPI.Call, stream: String)
    case event(stream: String, SchedulerAPI.Event)
    case streamEnd(String)
}

/// What happens at a moment.
enum Occurrence: Sendable {
    case tick(Node)
    case arrival(from: Node, to: Node, epoch: Int)
    /// A process learns that its connection to another one broke.
    case broken(at: Node, to: Node)
    /// The master learns that the reader of an event stream is gone.
    case streamBroken(String)
    case restart(Node)
    case containerStarts(agent: Int, container: String)
    case containerEnds(agent: Int, container: String, status: Int32)
    case fault
    case calm
}

/// Occurrences in the order of their time; at one moment in the order in which they were planned.
struct Agenda {
    private struct Item {
        let moment: Timestamp
        let number: Int
        let occurrence: Occurrence
    }

    /// The next one is last.
    private var items: [Item] = []
    private var planned = 0

    mutating func plan(_ occurrence: Occurrence, at moment: Timestamp) {
        planned += 1
        let item = Item(moment: moment, number: planned, occurrence: occurrence)
        var low = 0
        var high = items.count
        while low < high {
            let middle = (low + high) / 2
            if items[middle].moment > moment { low = middle + 1 } else { high = middle }
        }
        items.insert(item, at: low)
    }

    mutating func next() -> (moment: Timestamp, occurrence: Occurrence)? {
        items.popLast().map { ($0.moment, $0.occurrence) }
    }
}

/// The connection by which one process sends to another: what arrives arrives in order, and all that is under way is
/// lost when it breaks, as with TCP.
struct Connection {
    private(set) var epoch = 0
    private var underWay: [Payload] = []
    /// Nothing arrives before this moment: the network is cut until then, or something earlier takes as long.
    private(set) var earliestArrival: Timestamp

    init(now: Timestamp) { earliestArrival = now }

    /// Takes something to send; returns when it arrives.
    mutating func send(_ payload: Payload, now: Timestamp, latency: Duration) -> Timestamp {
        underWay.append(payload)
        earliestArrival = max(earliestArrival, now + latency)
        return earliestArrival
    }

    mutating func receive() -> Payload? { underWay.isEmpty ? nil : underWay.removeFirst() }

    mutating func stall(until moment: Timestamp) { earliestArrival = max(earliestArrival, moment) }

    mutating func breakOff(now: Timestamp) {
        epoch += 1
        underWay = []
        earliestArrival = now
    }
}
