import MesosProtocol

/// Amounts of resources with an exact arithmetic. What may be added is what differs in amount alone: name, role,
/// reservations, disk and so on must be the same. Whom it is allocated to is no part of it.
public struct Resources: Sendable, Equatable {
    /// One kind of resource and how much of it.
    public struct Entry: Sendable, Equatable {
        /// The resource without value and allocation, in the form with `reservations`.
        public let kind: Mesos.Resource
        public var value: ResourceValue

        public var name: String { kind.name }
        /// The role it is reserved for; nil when anybody may have it.
        public var reservedRole: String? { kind.reservations.last?.role }
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    /// The sum of resources in either form; those without an amount are left out.
    public init(_ resources: [Mesos.Resource]) {
        for resource in resources {
            if let entry = Self.entry(resource) { add(entry) }
        }
    }

    init(entries: [Entry]) { self.entries = entries.filter { !$0.value.isEmpty } }

    private static func entry(_ resource: Mesos.Resource) -> Entry? {
        let value: ResourceValue
        switch resource.type {
        case .scalar: value = .scalar(resource.scalar?.value ?? 0)
        case .ranges:
            let ranges = (resource.ranges?.range ?? []).filter { $0.begin <= $0.end }
            value = .ranges(ResourceValue.normalized(ranges.map { $0.begin...$0.end }))
        case .set: value = .set(Set(resource.set?.item ?? []))
        case .text: return nil
        }
        return value.isEmpty ? nil : Entry(kind: normalizedKind(resource), value: value)
    }

    /// Old messages have `role` and `reservation`, new ones `reservations`; both come to the latter.
    private static func normalizedKind(_ resource: Mesos.Resource) -> Mesos.Resource {
        var kind = resource
        if kind.reservations.isEmpty, let role = kind.role, role != "*" {
            kind.reservations = [
                .with {
                    $0.type = resource.reservation == nil ? .static : .dynamic
                    $0.role = role
                    $0.principal = resource.reservation?.principal
                    $0.labels = resource.reservation?.labels
                }
            ]
        }
        kind.role = nil
        kind.reservation = nil
        kind.allocationInfo = nil
        kind.scalar = nil
        kind.ranges = nil
        kind.set = nil
        return kind
    }

    public var isEmpty: Bool { entries.isEmpty }

    private mutating func add(_ entry: Entry) {
        if let index = entries.firstIndex(where: { $0.kind == entry.kind }) {
            entries[index].value = entries[index].value + entry.value
        } else {
            entries.append(entry)
        }
    }

    public static func += (left: inout Resources, right: Resources) {
        for entry in right.entries { left.add(entry) }
    }

    /// Takes away; less than nothing is nothing.
    public static func -= (left: inout Resources, right: Resources) {
        for entry in right.entries {
            guard let index = left.entries.firstIndex(where: { $0.kind == entry.kind }) else { continue }
            left.entries[index].value = left.entries[index].value - entry.value
            if left.entries[index].value.isEmpty { left.entries.remove(at: index) }
        }
    }

    public static func + (left: Resources, right: Resources) -> Resources {
        var sum = left
        sum += right
        return sum
    }

    public static func - (left: Resources, right: Resources) -> Resources {
        var difference = left
        difference -= right
        return difference
    }

    public func contains(_ other: Resources) -> Bool {
        other.entries.allSatisfy { wanted in
            entries.contains { $0.kind == wanted.kind && $0.value.contains(wanted.value) }
        }
    }

    public func filter(_ isIncluded: (Entry) -> Bool) -> Resources {
        Resources(entries: entries.filter(isIncluded))
    }

    /// What frameworks of a role may have: unreserved, or reserved for it.
    public func available(to role: String) -> Resources {
        filter { $0.reservedRole == nil || $0.reservedRole == role }
    }

    /// The sum of a scalar over all roles.
    public func scalar(_ name: String) -> Double {
        var sum: Int64 = 0
        for entry in entries where entry.name == name {
            if case .scalar(let amount) = entry.value { sum &+= amount }
        }
        return Double(sum) / 1000
    }

    /// The names and sums of all scalars.
    public var scalars: [String: Double] {
        var sums: [String: Double] = [:]
        for entry in entries {
            if case .scalar(let amount) = entry.value { sums[entry.name, default: 0] += Double(amount) / 1000 }
        }
        return sums
    }

    /// The ranges of a resource over all roles.
    public func ranges(_ name: String) -> [ClosedRange<UInt64>] {
        ResourceValue.normalized(
            entries.flatMap { entry -> [ClosedRange<UInt64>] in
                guard entry.name == name, case .ranges(let ranges) = entry.value else { return [] }
                return ranges
            })
    }
}

extension Resources {
    /// Another amount of the same kind as an entry.
    public func part(of entry: Entry, _ value: ResourceValue) -> Resources {
        Resources(entries: [Entry(kind: entry.kind, value: value)])
    }
}
