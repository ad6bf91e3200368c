import MesosProtocol

/// How much there is of a resource. Scalars are counted in thousandths, as Mesos does, so that sums are exact.
public enum ResourceValue: Sendable, Hashable {
    case scalar(thousandths: Int64)
    /// Closed ranges, ascending, neither overlapping nor touching.
    case ranges([ClosedRange<UInt64>])
    case set(Set<String>)

    public static func scalar(_ amount: Double) -> ResourceValue {
        let scaled = (amount * 1000).rounded()
        return .scalar(thousandths: abs(scaled) < 9e18 ? Int64(scaled) : 0)
    }

    public var isScalar: Bool {
        if case .scalar = self { true } else { false }
    }

    public var isEmpty: Bool {
        switch self {
        case .scalar(let amount): amount <= 0
        case .ranges(let ranges): ranges.isEmpty
        case .set(let items): items.isEmpty
        }
    }

    static func + (left: ResourceValue, right: ResourceValue) -> ResourceValue {
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)): saturated(a.addingReportingOverflow(b))
        case (.ranges(let a), .ranges(let b)): .ranges(normalized(a + b))
        case (.set(let a), .set(let b)): .set(a.union(b))
        default: left
        }
    }

    /// An amount beyond what can be counted is the largest there is.
    private static func saturated(_ sum: (partialValue: Int64, overflow: Bool)) -> ResourceValue {
        .scalar(thousandths: sum.overflow ? .max : sum.partialValue)
    }

    static func - (left: ResourceValue, right: ResourceValue) -> ResourceValue {
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)): .scalar(thousandths: a &- b)
        case (.ranges(let a), .ranges(let b)): .ranges(b.reduce(a) { subtract($1, from: $0) })
        case (.set(let a), .set(let b)): .set(a.subtracting(b))
        default: left
        }
    }

    func contains(_ other: ResourceValue) -> Bool {
        switch (self, other) {
        case (.scalar(let a), .scalar(let b)): a >= b
        case (.ranges(let a), .ranges(let b)): b.allSatisfy { inner in a.contains { $0.contains(inner) } }
        case (.set(let a), .set(let b)): a.isSuperset(of: b)
        default: false
        }
    }

    /// Ranges in order, with those that overlap or touch joined.
    static func normalized(_ ranges: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
        var joined: [ClosedRange<UInt64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        return joined
    }

    private static func subtract(
        _ gone: ClosedRange<UInt64>, from ranges: [ClosedRange<UInt64>]
    ) -> [ClosedRange<UInt64>] {
        ranges.flatMap { range -> [ClosedRange<UInt64>] in
            guard range.overlaps(gone) else { return [range] }
            var left: [ClosedRange<UInt64>] = []
            if range.lowerBound < gone.lowerBound { left.append(range.lowerBound...gone.lowerBound - 1) }
            if range.upperBound > gone.upperBound { left.append(gone.upperBound + 1...range.upperBound) }
            return left
        }
    }

    /// The value as Mesos prints it: `0.1`, `[31000-32000]`, `{a, b}`.
    public var text: String {
        switch self {
        case .scalar(let amount):
            amount % 1000 == 0 ? String(amount / 1000) : String(Double(amount) / 1000)
        case .ranges(let ranges):
            "[" + ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ", ") + "]"
        case .set(let items): "{" + items.sorted().joined(separator: ", ") + "}"
        }
    }
}

extension ClosedRange {
    func contains(_ other: ClosedRange<Bound>) -> Bool {
        lowerBound <= other.lowerBound && other.upperBound <= upperBound
    }
}
