import HTTPKit
import Libprocess
import MesosProtocol
import NIOHTTP1
import ServiceKit

@testable import Agent
@testable import Master

extension SimulatedCluster {
    func send(_ payload: Payload, from: Node, to: Node) {
        guard isUp(to) else { return plan(.broken(at: from, to: to), after: milliseconds(1...50)) }
        var connection = connections[from]?[to] ?? Connection(now: now)
        var arrivals = [connection.send(payload, now: now, latency: milliseconds(1...100))]
        // Some messages between master and agents come twice; the protocol between them must not mind.
        if case .message = payload, happens(oneIn: 50) {
            arrivals.append(connection.send(payload, now: now, latency: .zero))
        }
        connections[from, default: [:]][to] = connection
        for arrival in arrivals { agenda.plan(.arrival(from: from, to: to, epoch: connection.epoch), at: arrival) }
    }

    /// A message of an actor, as the receiver's server would read it.
    func message(_ message: any ProtoMessage, from: UPID, to: UPID) -> Payload? {
        let request = HTTPRequest(
            method: .POST, uri: "/\(to.id)/\(type(of: message).messageName)",
            headers: ["Libprocess-From": from.description], body: message.protobuf)
        return LibprocessMessage(request).map(Payload.message)
    }

    func arrive(_ from: Node, _ to: Node, _ epoch: Int) throws {
        guard var connection = connections[from]?[to], connection.epoch == epoch, let payload = connection.receive()
        else {
            return
        }
        connections[from]?[to] = connection
        switch (to, payload) {
        case (.agent(let number), .message(let message)):
            note("agent \(number) gets \(message.name)")
            try agentHandles(number, .message(message))
        case (.master, .message(let message)):
            note("master gets \(message.name) from \(from)")
            masterHandles(.message(message))
        case (.master, .subscribe(let stream, let call)): masterHandles(.subscribe(stream: stream, call))
        case (.master, .call(let call, let stream)):
            note("master gets \(call.jsonText)")
            masterHandles(.call(call, stream: stream))
        case (.scheduler, .event(let stream, let event)): schedulerGets(event, stream)
        case (.scheduler, .streamEnd(let stream)):
            if scheduler.stream == stream { scheduler.disconnected(now, after: milliseconds(100...3000)) }
        default: violations.append("\(payload) arrived at \(to)")
        }
    }

    private func schedulerGets(_ event: SchedulerAPI.Event, _ stream: String) {
        guard scheduler.stream == stream else { return }
        if event.type == .update { note("scheduler gets \(event.jsonText)") }
        for payload in scheduler.receive(event, now, &generator) { send(payload, from: .scheduler, to: .master) }
    }

    /// Breaks the connection by which one sends to the other; the sender learns of it a little later.
    func breakConnection(_ from: Node, _ to: Node) {
        guard var connection = connections[from]?[to] else { return }
        connection.breakOff(now: now)
        connections[from]?[to] = connection
        let notice = milliseconds(1...500)
        guard from == .master, to == .scheduler else { return plan(.broken(at: from, to: to), after: notice) }
        for stream in (master?.streams ?? [:]).keys.sorted() { plan(.streamBroken(stream), after: notice) }
    }

    /// A scheduler's stream and its calls end together.
    func breakStream() {
        breakConnection(.scheduler, .master)
        breakConnection(.master, .scheduler)
    }

    func broken(at node: Node, to peer: Node) throws {
        note("\(node) learns that its connection to \(peer) broke")
        switch (node, peer) {
        case (.scheduler, _):
            if scheduler.stream != nil { scheduler.disconnected(now, after: milliseconds(100...3000)) }
        case (.master, _):
            if master != nil { masterHandles(.exited(peer.pid.address)) }
        case (.agent(let number), _):
            if agents[number]?.core != nil { try agentHandles(number, .exited(peer.pid.address)) }
        }
    }
}
