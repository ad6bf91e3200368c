import MesosProtocol
import Resources
import ServiceKit

/// Decides who is offered what: weighted dominant resource fairness over roles, and over the frameworks of a role
/// (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011). The whole of what is left of an agent for a role goes to
/// one framework.
public struct Allocator: Sendable {
    /// What one framework is to be offered on one agent for one role.
    public struct Allocation: Sendable, Equatable {
        public let framework: Mesos.FrameworkID
        public let role: String
        public let agent: Mesos.AgentID
        public let resources: Resources
    }

    struct AgentState: Sendable {
        var total: Resources
        var allocated = Resources()
        var isActive = true
    }

    struct Filter: Sendable {
        let resources: Resources
        /// In seconds of the caller's clock.
        let expires: Double
    }

    struct FrameworkState: Sendable {
        var roles: Set<String>
        var suppressed: Set<String>
        var isActive = true
        var allocated: [String: Resources] = [:]
        var filters: [String: [Mesos.AgentID: [Filter]]] = [:]
    }

    /// Smaller remainders are not offered: any one set of minimal amounts must be there.
    public var minimumAllocatable: [[String: Double]] = [["cpus": 0.01], ["mem": 32]]
    public var weights: [String: Double] = [:]
    private(set) var agents: [Mesos.AgentID: AgentState] = [:]
    private(set) var frameworks: [Mesos.FrameworkID: FrameworkState] = [:]
    /// The pool, by resource name.
    private var totals: [String: Double] = [:]
    private var roleAllocated: [String: Resources] = [:]
    private var generator: SeededGenerator

    /// The seed decides the order in which agents are looked at, so that a run can be repeated.
    public init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    public mutating func addAgent(_ id: Mesos.AgentID, total: Resources, isActive: Bool = true) {
        agents[id] = AgentState(total: total, allocated: agents[id]?.allocated ?? Resources(), isActive: isActive)
        sumTotals()
    }

    public mutating func removeAgent(_ id: Mesos.AgentID) {
        agents[id] = nil
        for framework in frameworks.keys {
            for (role, _) in frameworks[framework]?.filters ?? [:] { frameworks[framework]?.filters[role]?[id] = nil }
        }
        sumTotals()
    }

    public mutating func setActive(_ id: Mesos.AgentID, _ isActive: Bool) { agents[id]?.isActive = isActive }

    private mutating func sumTotals() {
        totals = [:]
        for agent in agents.values { totals.merge(agent.total.scalars, uniquingKeysWith: +) }
    }

    public mutating func addFramework(_ id: Mesos.FrameworkID, roles: Set<String>, suppressed: Set<String>) {
        var state = frameworks[id] ?? FrameworkState(roles: roles, suppressed: suppressed)
        state.roles = roles
        state.suppressed = suppressed
        state.isActive = true
        frameworks[id] = state
    }

    /// A framework that is gone gets no offers; what it runs still counts as its share.
    public mutating func deactivateFramework(_ id: Mesos.FrameworkID) {
        frameworks[id]?.isActive = false
        frameworks[id]?.filters = [:]
    }

    public mutating func removeFramework(_ id: Mesos.FrameworkID) {
        for (role, resources) in frameworks[id]?.allocated ?? [:] { subtract(resources, fromRole: role) }
        frameworks[id] = nil
    }

    /// Clears filters and suppression of roles; no roles are all of them.
    public mutating func revive(_ id: Mesos.FrameworkID, roles: [String]) {
        guard let framework = frameworks[id] else { return }
        for role in roles.isEmpty ? Array(framework.roles) : roles {
            frameworks[id]?.filters[role] = nil
            frameworks[id]?.suppressed.remove(role)
        }
    }

    public mutating func suppress(_ id: Mesos.FrameworkID, roles: [String]) {
        guard let framework = frameworks[id] else { return }
        frameworks[id]?.suppressed.formUnion(roles.isEmpty ? Array(framework.roles) : roles)
    }

    /// Counts resources as a framework's, offered or used.
    public mutating func allocate(
        _ resources: Resources, on agent: Mesos.AgentID, to framework: Mesos.FrameworkID, role: String
    ) {
        agents[agent]?.allocated += resources
        // Shares are of scalars; ranges and sets of several agents could not be told apart in a sum.
        let amounts = resources.filter { $0.value.isScalar }
        frameworks[framework]?.allocated[role, default: Resources()] += amounts
        roleAllocated[role, default: Resources()] += amounts
    }

    /// Gives resources back; with a filter they are not offered to that framework again before it expires.
    public mutating func recover(
        _ resources: Resources, on agent: Mesos.AgentID, from framework: Mesos.FrameworkID, role: String,
        refusedUntil expires: Double? = nil
    ) {
        agents[agent]?.allocated -= resources
        let amounts = resources.filter { $0.value.isScalar }
        frameworks[framework]?.allocated[role, default: Resources()] -= amounts
        subtract(amounts, fromRole: role)
        guard let expires, !resources.isEmpty, frameworks[framework]?.isActive == true else { return }
        let filter = Filter(resources: resources, expires: expires)
        frameworks[framework]?.filters[role, default: [:]][agent, default: []].append(filter)
    }

    private mutating func subtract(_ resources: Resources, fromRole role: String) {
        roleAllocated[role, default: Resources()] -= resources
        if roleAllocated[role]?.isEmpty == true { roleAllocated[role] = nil }
    }

    /// What is neither offered nor used on an agent.
    public func available(on agent: Mesos.AgentID) -> Resources {
        guard let state = agents[agent] else { return Resources() }
        return state.total - state.allocated
    }

    /// One pass over all agents. What is returned counts as allocated from now on.
    public mutating func run(now: Double) -> [Allocation] {
        expireFilters(now: now)
        var candidates = Candidates(self)
        guard !candidates.isEmpty else { return [] }
        var allocations: [Allocation] = []
        let order = agents.keys.sorted { $0.value < $1.value }.shuffled(using: &generator)
        for agent in order where agents[agent]?.isActive == true {
            var left = available(on: agent)
            while let allocation = candidates.choose(agent: agent, left: left, in: self) {
                left -= allocation.resources
                allocate(allocation.resources, on: agent, to: allocation.framework, role: allocation.role)
                candidates.update(allocation, in: self)
                allocations.append(allocation)
            }
        }
        return allocations
    }

    private mutating func expireFilters(now: Double) {
        for framework in frameworks.keys {
            for (role, byAgent) in frameworks[framework]?.filters ?? [:] {
                let kept = byAgent.mapValues { $0.filter { $0.expires > now } }.filter { !$0.value.isEmpty }
                frameworks[framework]?.filters[role] = kept.isEmpty ? nil : kept
            }
        }
    }

    func isAllocatable(_ resources: Resources) -> Bool {
        guard !resources.isEmpty else { return false }
        let amounts = resources.scalars
        return minimumAllocatable.isEmpty
            || minimumAllocatable.contains { $0.allSatisfy { amounts[$0.key, default: 0] >= $0.value } }
    }

    func isFiltered(_ framework: Mesos.FrameworkID, _ role: String, _ agent: Mesos.AgentID, _ resources: Resources)
        -> Bool
    {
        frameworks[framework]?.filters[role]?[agent]?.contains { $0.resources.contains(resources) } ?? false
    }

    /// The largest part of the pool that somebody has of any resource.
    func dominantShare(_ resources: Resources?) -> Double {
        var share = 0.0
        for (name, amount) in resources?.scalars ?? [:] {
            if let total = totals[name], total > 0 { share = max(share, amount / total) }
        }
        return share
    }

    func roleShare(_ role: String) -> Double { dominantShare(roleAllocated[role]) / weights[role, default: 1] }
}

/// Who may get something in this pass, with their shares kept up to date.
private struct Candidates {
    private struct Role {
        let name: String
        var share: Double
        var allocations = 0
        var frameworks: [Framework]
    }

    private struct Framework {
        let id: Mesos.FrameworkID
        var share: Double
        var allocations = 0
    }

    private var roles: [Role] = []

    init(_ allocator: Allocator) {
        var byRole: [String: [Framework]] = [:]
        for (id, framework) in allocator.frameworks where framework.isActive {
            for role in framework.roles.subtracting(framework.suppressed) {
                let share = allocator.dominantShare(framework.allocated[role])
                byRole[role, default: []].append(Framework(id: id, share: share))
            }
        }
        roles = byRole.map { Role(name: $0.key, share: allocator.roleShare($0.key), frameworks: $0.value) }
    }

    var isEmpty: Bool { roles.isEmpty }

    /// The neediest framework of the neediest role that can use what is left of the agent.
    func choose(agent: Mesos.AgentID, left: Resources, in allocator: Allocator) -> Allocator.Allocation? {
        guard !left.isEmpty else { return nil }
        for role in roles.sorted(by: { ($0.share, $0.allocations, $0.name) < ($1.share, $1.allocations, $1.name) }) {
            let part = left.available(to: role.name)
            guard allocator.isAllocatable(part) else { continue }
            let chosen = role.frameworks.filter { !allocator.isFiltered($0.id, role.name, agent, part) }
                .min { ($0.share, $0.allocations, $0.id.value) < ($1.share, $1.allocations, $1.id.value) }
            if let chosen {
                return Allocator.Allocation(framework: chosen.id, role: role.name, agent: agent, resources: part)
            }
        }
        return nil
    }

    mutating func update(_ allocation: Allocator.Allocation, in allocator: Allocator) {
        guard let role = roles.firstIndex(where: { $0.name == allocation.role }),
            let framework = roles[role].frameworks.firstIndex(where: { $0.id == allocation.framework })
        else { return }
        roles[role].share = allocator.roleShare(allocation.role)
        roles[role].allocations += 1
        let allocated = allocator.frameworks[allocation.framework]?.allocated[allocation.role]
        roles[role].frameworks[framework].share = allocator.dominantShare(allocated)
        roles[role].frameworks[framework].allocations += 1
    }
}
