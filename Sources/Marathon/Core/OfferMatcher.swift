import MesosProtocol
import Resources
import ServiceKit

/// What is left of one offer while apps are matched to it.
struct OfferMatcher {
    /// What an instance gets of an offer.
    struct Match {
        let resources: [Mesos.Resource]
        /// The host ports, one for each port of the app; 0 where none is mapped.
        let hostPorts: [Int]
    }

    let offer: Mesos.Offer
    private var left: Resources

    init(_ offer: Mesos.Offer) {
        self.offer = offer
        left = Resources(offer.resources)
    }

    /// Takes what an instance of an app needs; nil when the offer has not enough.
    mutating func take(_ app: AppDefinition, using generator: inout SeededGenerator) -> Match? {
        guard offer.allocationInfo?.role ?? app.role == app.role else { return nil }
        var rest = left
        var taken = Resources()
        for (name, amount) in [("cpus", app.cpus), ("mem", app.mem), ("disk", app.disk)] where amount > 0 {
            guard let part = Self.scalar(name, amount, accepted(app), from: rest) else { return nil }
            rest -= part
            taken += part
        }
        guard let ports = hostPorts(app, from: rest, using: &generator) else { return nil }
        for port in ports where port != 0 {
            guard let part = Self.port(port, accepted(app), from: rest) else { return nil }
            rest -= part
            taken += part
        }
        left = rest
        return Match(resources: taken.messages(allocatedTo: app.role), hostPorts: ports)
    }

    private func accepted(_ app: AppDefinition) -> (String?) -> Bool {
        { role in
            guard !app.acceptedResourceRoles.isEmpty else { return true }
            return app.acceptedResourceRoles.contains(role ?? "*")
        }
    }

    /// An amount of a scalar, from as many kinds of it as it takes.
    private static func scalar(
        _ name: String, _ amount: Double, _ isAccepted: (String?) -> Bool, from resources: Resources
    ) -> Resources? {
        guard case .scalar(var missing) = ResourceValue.scalar(amount) else { return nil }
        var taken = Resources()
        for entry in resources.entries where entry.name == name && isAccepted(entry.reservedRole) {
            guard case .scalar(let available) = entry.value, missing > 0 else { continue }
            let part = min(available, missing)
            missing -= part
            taken += resources.part(of: entry, .scalar(thousandths: part))
        }
        return missing <= 0 ? taken : nil
    }

    private static func port(_ port: Int, _ isAccepted: (String?) -> Bool, from resources: Resources) -> Resources? {
        let wanted = UInt64(port)
        for entry in resources.entries where entry.name == "ports" && isAccepted(entry.reservedRole) {
            guard case .ranges(let ranges) = entry.value, ranges.contains(where: { $0.contains(wanted) }) else {
                continue
            }
            return resources.part(of: entry, .ranges([wanted...wanted]))
        }
        return nil
    }

    /// Host ports as the app asks for them: given ones, and random ones for the rest.
    private func hostPorts(_ app: AppDefinition, from resources: Resources, using generator: inout SeededGenerator)
        -> [Int]?
    {
        let asked: [Int?] =
            app.isOnHostNetwork
            ? app.portDefinitions.map { app.requirePorts ? $0.port : 0 }
            : (app.container?.portMappings ?? []).map(\.hostPort)
        let free = resources.ranges("ports").flatMap { Array($0.clamped(to: 1...65535)) }.map { Int($0) }
        let given = Set(asked.compactMap { $0 }.filter { $0 != 0 })
        guard given.isSubset(of: free) else { return nil }
        let count = asked.count { $0 == 0 }
        var random = free.filter { !given.contains($0) }.shuffled(using: &generator).prefix(count)[...]
        guard random.count == count else { return nil }
        return asked.map { port in
            guard let port else { return 0 }
            return port == 0 ? random.popFirst() ?? 0 : port
        }
    }
}
