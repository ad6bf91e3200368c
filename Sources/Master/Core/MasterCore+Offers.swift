import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    /// Runs the allocator and sends what it found, all offers of a framework in one event.
    mutating func allocate(_ now: Timestamp) {
        isAllocationDue = false
        metrics.count("allocation_runs")
        var made: [Mesos.FrameworkID: [Mesos.Offer]] = [:]
        var order: [Mesos.FrameworkID] = []
        for allocation in allocator.run(now: now.seconds) {
            guard let agent = agents[allocation.agent], let framework = frameworks[allocation.framework] else {
                continue
            }
            let id = Mesos.OfferID("\(info.id)-O\(nextOffer)")
            nextOffer += 1
            let message = offer(id, framework, agent, allocation.role, allocation.resources)
            offers[id] = Offer(
                message: message, role: allocation.role, resources: allocation.resources, madeAt: now)
            frameworks[allocation.framework]?.offers.insert(id)
            if made[allocation.framework] == nil { order.append(allocation.framework) }
            made[allocation.framework, default: []].append(message)
        }
        for framework in order {
            send(.offers, to: framework) { event in
                event.offers = .with { $0.offers = made[framework] ?? [] }
            }
        }
    }

    private func offer(
        _ id: Mesos.OfferID, _ framework: Framework, _ agent: Agent, _ role: String, _ resources: Resources
    ) -> Mesos.Offer {
        let isMultiRole = framework.has(.multiRole)
        let form: Resources.Form = framework.has(.reservationRefinement) ? .refined : .plain
        return .with { offer in
            offer.id = id
            offer.frameworkID = framework.id
            offer.agentID = agent.id
            offer.hostname = agent.info.hostname
            offer.url = .with { url in
                url.scheme = "http"
                url.path = "/\(agent.pid.id)"
                url.address = .with {
                    $0.hostname = agent.info.hostname
                    $0.ip = agent.pid.ip
                    $0.port = Int32(agent.pid.port)
                }
            }
            offer.domain = agent.info.domain
            offer.resources = resources.messages(allocatedTo: isMultiRole ? role : nil, form: form)
            offer.attributes = agent.info.attributes
            offer.executorIDs = (agent.executors[framework.id] ?? [:]).keys.sorted { $0.value < $1.value }
            if isMultiRole { offer.allocationInfo = .with { $0.role = role } }
        }
    }

    /// Takes an offer away and gives its resources back.
    mutating func removeOffer(_ id: Mesos.OfferID, refusedUntil expires: Double? = nil) {
        guard let offer = takeOffer(id) else { return }
        allocator.recover(
            offer.resources, on: offer.message.agentID, from: offer.message.frameworkID, role: offer.role,
            refusedUntil: expires)
    }

    /// Takes an offer whose resources stay with the framework for now.
    mutating func takeOffer(_ id: Mesos.OfferID) -> Offer? {
        guard let offer = offers.removeValue(forKey: id) else { return nil }
        frameworks[offer.message.frameworkID]?.offers.remove(id)
        return offer
    }

    mutating func rescindOffers(ofFramework id: Mesos.FrameworkID, tell: Bool) {
        for offer in (frameworks[id]?.offers ?? []).sorted(by: { $0.value < $1.value }) { rescind(offer, tell: tell) }
    }

    mutating func rescindOffers(onAgent id: Mesos.AgentID) {
        let mine = offers.filter { $0.value.message.agentID == id }.keys
        for offer in mine.sorted(by: { $0.value < $1.value }) { rescind(offer, tell: true) }
    }

    private mutating func rescind(_ id: Mesos.OfferID, tell: Bool) {
        guard let framework = offers[id]?.message.frameworkID else { return }
        removeOffer(id)
        if tell { send(.rescind, to: framework) { $0.rescind = .with { $0.offerID = id } } }
    }

    mutating func expireOffers(_ now: Timestamp) {
        guard let timeout = configuration.offerTimeout else { return }
        let old = offers.filter { now - $0.value.madeAt >= timeout }.keys
        for offer in old.sorted(by: { $0.value < $1.value }) { rescind(offer, tell: true) }
    }

    /// When a refusal ends, in seconds: the default is 5, nonsense is the default, a year is the most, and it lasts
    /// at least until the next allocation.
    func refusalEnd(_ filters: Mesos.Filters?, _ now: Timestamp) -> Double? {
        var seconds = filters?.refuseSecondsOrDefault ?? 5
        if seconds.isNaN || seconds < 0 { seconds = 5 }
        guard seconds > 0 else { return nil }
        return now.seconds + max(min(seconds, 365 * 86_400), configuration.allocationInterval.inSeconds)
    }
}
