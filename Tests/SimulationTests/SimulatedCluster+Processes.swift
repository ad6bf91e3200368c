import Containerizer
import Libprocess
import MesosProtocol
import ServiceKit

@testable import Agent
@testable import Master

/// What master and agents do with what their cores want. A crash may come between any two effects.
extension SimulatedCluster {
    private func crashes() -> Bool { !isCalm && happens(oneIn: 4000) }

    func masterHandles(_ event: MasterEvent) {
        guard let effects = master?.handle(event, at: now) else { return }
        for effect in effects {
            if crashes() { return crash(.master) }
            perform(effect)
        }
    }

    private func perform(_ effect: MasterEffect) {
        switch effect {
        case .event(let stream, let event): send(.event(stream: stream, event), from: .master, to: .scheduler)
        case .closeStream(let stream): send(.streamEnd(stream), from: .master, to: .scheduler)
        case .send(let receiver, let actor, let content):
            let sender = UPID(id: actor, ip: Node.master.pid.ip, port: Node.master.pid.port)
            guard let node = Node.at(receiver.address, agents: Self.agentCount),
                let payload = message(content, from: sender, to: receiver)
            else { return violations.append("a message to \(receiver)") }
            send(payload, from: .master, to: node)
        case .persist(let content): registry = content
        case .answer(let status, let text):
            // A call that crossed a lost stream is refused; its sender hears of the loss soon.
            if status != 202 { note("master answers \(status) \(text)") }
        case .link, .log: break
        }
    }

    func agentHandles(_ number: Int, _ event: AgentEvent) throws {
        guard let effects = agents[number]?.core?.handle(event, at: now) else { return }
        for effect in effects {
            if crashes() { return crash(.agent(number)) }
            if agents[number]?.keep(effect) == true { continue }
            perform(effect, number)
        }
    }

    private func perform(_ effect: AgentEffect, _ number: Int) {
        switch effect {
        case .send(let receiver, let content):
            guard let payload = message(content, from: Node.agent(number).pid, to: receiver) else { return }
            send(payload, from: .agent(number), to: .master)
        case .launch(let container):
            agents[number]?.containers[container.id] = .starting
            plan(.containerStarts(agent: number, container: container.id), after: milliseconds(10...3000))
        case .stop(let container, let grace):
            plan(.containerEnds(agent: number, container: container, status: 15), after: grace)
        case .destroy(let container): destroy(container, number)
        case .exit(let reason): violations.append("agent \(number) gave up: \(reason)")
        case .log(let text, let task, _): note("agent \(number): \(text) \(task ?? "")")
        case .link, .persistAgent, .persist, .forget: break
        }
    }

    private func destroy(_ container: String, _ number: Int) {
        let known = agents[number]?.containers.removeValue(forKey: container)
        switch known {
        case .running?:
            plan(.containerEnds(agent: number, container: container, status: 9), after: milliseconds(1...100))
        case .starting?: plan(.containerStarts(agent: number, container: container), after: milliseconds(1...100))
        case .ended?, nil: break
        }
    }

    /// A launch comes to its end: well, badly, or as that of a container that was destroyed meanwhile.
    func containerStarts(_ number: Int, _ container: String) throws {
        guard let core = agents[number]?.core,
            let task = core.tasks.values.first(where: { $0.containerID == container })
        else { return }
        guard case .starting? = agents[number]?.containers[container], !happens(oneIn: 20) else {
            if case .running? = agents[number]?.containers[container] { return }
            agents[number]?.containers[container] = nil
            return try agentHandles(number, .launched(container: container, .failure(ContainerError("bad luck"))))
        }
        agents[number]?.containers[container] = .running
        started(task.key.task.value, container, on: number)
        let status: Int32 = happens(oneIn: 4) ? 256 : 0
        plan(.containerEnds(agent: number, container: container, status: status), after: milliseconds(100...40_000))
        try agentHandles(number, .launched(container: container, .success(Mesos.ContainerStatus())))
    }

    private func started(_ task: String, _ container: String, on number: Int) {
        starts[task, default: []].append(container)
        if starts[task, default: []].count > 1 { violations.append("\(task) was started twice") }
        // Each task has one of the four CPUs.
        let count = agents[number]?.running.count ?? 0
        if count > 4 { violations.append("agent \(number) runs \(count) tasks, the last one \(task)") }
    }

    func containerEnds(_ number: Int, _ container: String, _ status: Int32) throws {
        if case .running? = agents[number]?.containers[container] {
            agents[number]?.containers[container] = .ended(status: status)
        } else if agents[number]?.containers[container] != nil {
            return
        }
        guard agents[number]?.core?.tasks.values.contains(where: { $0.containerID == container }) == true else {
            return
        }
        try agentHandles(number, .terminated(container: container, ContainerTermination(status: status)))
    }

    func crash(_ node: Node) {
        note("\(node) crashes")
        switch node {
        case .master: master = nil
        case .agent(let number): agents[number]?.core = nil
        case .scheduler: return
        }
        for peer in [Node.master, .scheduler] + (1...Self.agentCount).map(Node.agent) {
            breakConnection(node, peer)
            breakConnection(peer, node)
        }
        plan(.restart(node), after: milliseconds(happens(oneIn: 4) ? 60_000...140_000 : 100...20_000))
    }

    func restart(_ node: Node) throws {
        note("\(node) starts")
        switch node {
        case .master: elect()
        case .agent(let number): try startAgent(number)
        case .scheduler: return
        }
        plan(.tick(node), after: milliseconds(1...500))
    }

    private func elect() {
        elections += 1
        var configuration = MasterCore.Configuration()
        configuration.agentReregisterTimeout = .seconds(90)
        configuration.seed = generator.next()
        master = MasterCore(
            configuration: configuration, info: .with { $0.id = "m\(elections)" }, registry: registry, electedAt: now)
    }

    private func startAgent(_ number: Int) throws {
        guard var agent = agents[number] else { return }
        let events = agent.start(seed: generator.next(), now: now, &generator)
        agents[number] = agent
        for container in agent.running {
            plan(.containerEnds(agent: number, container: container, status: 0), after: milliseconds(100...40_000))
            guard let task = agent.core?.tasks.values.first(where: { $0.containerID == container })?.key.task.value
            else {
                continue
            }
            if starts[task]?.contains(container) != true { started(task, container, on: number) }
        }
        for event in events { try agentHandles(number, event) }
        try agentHandles(number, .detected(Node.master.pid))
    }

    /// Something goes wrong somewhere.
    func fault() {
        guard !isCalm else { return }
        let agent = Node.agent(Int.random(in: 1...Self.agentCount, using: &generator))
        switch Int.random(in: 0..<10, using: &generator) {
        case 0, 1: breakConnection(.master, agent)
        case 2, 3: breakConnection(agent, .master)
        case 4: breakStream()
        case 5: if isUp(agent) { crash(agent) }
        case 6: if isUp(.master) { crash(.master) }
        default: stall(agent)
        }
        plan(.fault, after: milliseconds(500...12_000))
    }

    /// The network to an agent, or to the scheduler, stands still for a while.
    private func stall(_ agent: Node) {
        let peer = happens(oneIn: 4) ? Node.scheduler : agent
        let end = now + milliseconds(1000...(happens(oneIn: 5) ? 100_000 : 15_000))
        note("the network between master and \(peer) stands still until \((end - start).inSeconds)")
        if happens(oneIn: 3) { connections[.master]?[peer]?.stall(until: end) }
        connections[peer]?[.master]?.stall(until: end)
    }
}
