/// One configuration option of a program, as its original spells it.
public struct Flag: Sendable {
    /// What values a flag takes; anything else stops the start.
    public enum Kind: Sendable, Equatable {
        case text
        case bool
        case integer(ClosedRange<Int>)
        case number
        case duration
        case bytes
        case oneOf([String])
    }

    public let name: String
    public let kind: Kind
    public let defaultValue: String?
    /// Older names that are still taken.
    public let aliases: [String]
    /// False for a flag that is taken so that old files keep working, and does nothing yet: its use is warned of.
    public let isImplemented: Bool
    public let help: String

    public init(
        _ name: String, _ kind: Kind = .text, default value: String? = nil, aliases: [String] = [],
        implemented: Bool = true, _ help: String = ""
    ) {
        self.name = name
        self.kind = kind
        defaultValue = value
        self.aliases = aliases
        isImplemented = implemented
        self.help = help
    }

    /// What is wrong with a value, or nil.
    func complaint(about value: String) -> String? {
        switch kind {
        case .text: nil
        case .bool: Self.bool(value) == nil ? "expected true, false, 1 or 0" : nil
        case .integer(let range):
            Int(value).map(range.contains) == true
                ? nil : "expected a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number: Double(value) == nil ? "expected a number" : nil
        case .duration: DurationText.parse(value) == nil ? "expected a duration such as 15secs or 1.5mins" : nil
        case .bytes: BytesText.parse(value) == nil ? "expected an amount such as 64MB" : nil
        case .oneOf(let names): names.contains(value) ? nil : "expected one of \(names.joined(separator: ", "))"
        }
    }

    static func bool(_ value: String) -> Bool? {
        switch value {
        case "true", "1": true
        case "false", "0": false
        default: nil
        }
    }
}

/// Why the flags cannot be used: one line for the person who must mend them.
public struct FlagError: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The values of a program's flags after all sources were read; every value is of its flag's kind.
public struct FlagValues: Sendable {
    private let flags: [String: Flag]
    private let order: [String]
    private var given: [String: String]

    init(flags: [Flag], given: [String: String]) {
        self.flags = Dictionary(flags.map { ($0.name, $0) }) { first, _ in first }
        order = flags.map(\.name)
        self.given = given
    }

    /// The value given, or the flag's default.
    public func text(_ name: String) -> String? { given[name] ?? flags[name]?.defaultValue }
    public func bool(_ name: String) -> Bool { text(name).flatMap(Flag.bool) ?? false }
    public func integer(_ name: String) -> Int? { text(name).flatMap { Int($0) } }
    public func number(_ name: String) -> Double? { text(name).flatMap { Double($0) } }
    public func duration(_ name: String) -> Duration? { text(name).flatMap(DurationText.parse) }
    public func bytes(_ name: String) -> Int64? { text(name).flatMap(BytesText.parse) }
    public func isGiven(_ name: String) -> Bool { given[name] != nil }

    /// Gives a flag that no source gave a value, such as one found out from the machine.
    public mutating func provide(_ name: String, _ value: String) {
        if given[name] == nil { given[name] = value }
    }

    /// Every flag that has a value, as `/flags` prints them: durations in their largest unit, no passwords.
    public var all: [(name: String, value: String)] {
        order.sorted().compactMap { name in
            guard let value = text(name), let flag = flags[name] else { return nil }
            if flag.kind == .duration, let duration = DurationText.parse(value) {
                return (name, DurationText.print(duration))
            }
            if flag.kind == .bool { return (name, bool(name) ? "true" : "false") }
            return (name, Redaction.credentials(in: value))
        }
    }

    /// The flags whose values are not those of others of the same program.
    public func names(differingFrom others: FlagValues) -> [String] {
        order.filter { text($0) != others.text($0) }.sorted()
    }

    /// The flags given that do nothing yet.
    public var withoutEffect: [String] { given.keys.filter { flags[$0]?.isImplemented == false }.sorted() }
}

extension FlagValues {
    /// No flags at all.
    public static let none = FlagValues(flags: [], given: [:])
}
