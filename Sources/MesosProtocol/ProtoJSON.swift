import JSONText

/// A value that Mesos's JSON mapping can hold.
public protocol ProtoJSONValue: Sendable {
    init(json: JSON, field: String) throws(ProtoError)
    func writeValue(to writer: inout JSONWriter)
}

/// One JSON object being read into a message. Field errors have the words that Mesos answers with.
public struct ProtoJSON {
    private let object: JSON
    private let missing = Missing()

    private final class Missing { var fields: [String] = [] }

    /// The reader of an object; anything else is refused.
    public static func object(_ json: JSON) throws(ProtoError) -> ProtoJSON {
        guard case .object = json else { throw .json("Expecting a JSON object") }
        return ProtoJSON(object: json)
    }

    private init(object: JSON) { self.object = object }

    public func optional<V: ProtoJSONValue>(_ name: String) throws(ProtoError) -> V? {
        guard let value = object.value(name) else { return nil }
        return try V(json: value, field: name)
    }

    /// A name that the enum does not have leaves an optional field unset.
    public func optional<E: ProtoEnum>(_ name: String) throws(ProtoError) -> E? {
        guard let value = object.value(name) else { return nil }
        return try Self.enumValue(value, name)
    }

    public func optional<M: ProtoMessage>(_ name: String) throws(ProtoError) -> M? {
        guard let value = object.value(name) else { return nil }
        return try Self.message(value, name)
    }

    public func required<V: ProtoJSONValue & ExpressibleByDefault>(_ name: String) throws(ProtoError) -> V {
        if let value: V = try optional(name) { return value }
        missing.fields.append(name)
        return V.zero
    }

    public func required<E: ProtoEnum>(_ name: String) throws(ProtoError) -> E {
        if let value = object.value(name) {
            if let known: E = try Self.enumValue(value, name) { return known }
            throw .json("Failed to find enum value for '\(value.string ?? value.text)' for field '\(name)'")
        }
        missing.fields.append(name)
        guard let first = E.allCases.first else { throw .missingRequired([name], message: "") }
        return first
    }

    public func required<M: ProtoMessage>(_ name: String) throws(ProtoError) -> M {
        if let value: M = try optional(name) { return value }
        missing.fields.append(name)
        return M()
    }

    public func repeated<V: ProtoJSONValue>(_ name: String) throws(ProtoError) -> [V] {
        var values: [V] = []
        for item in try list(name) { values.append(try V(json: item, field: name)) }
        return values
    }

    public func repeated<E: ProtoEnum>(_ name: String) throws(ProtoError) -> [E] {
        var values: [E] = []
        for item in try list(name) {
            if let value: E = try Self.enumValue(item, name) { values.append(value) }
        }
        return values
    }

    public func repeated<M: ProtoMessage>(_ name: String) throws(ProtoError) -> [M] {
        var values: [M] = []
        for item in try list(name) { values.append(try Self.message(item, name)) }
        return values
    }

    public func map<M: ProtoMessage>(_ name: String) throws(ProtoError) -> [String: M] {
        var values: [String: M] = [:]
        for member in try entries(name) { values[member.name] = try Self.message(member.value, name) }
        return values
    }

    public func map(_ name: String) throws(ProtoError) -> [String: String] {
        var values: [String: String] = [:]
        for member in try entries(name) { values[member.name] = try String(json: member.value, field: name) }
        return values
    }

    /// Call after the last field: refuses the object when required fields were missing.
    public func finish() throws(ProtoError) {
        guard missing.fields.isEmpty else {
            throw .missingRequired(missing.fields, message: "")
        }
    }

    private func list(_ name: String) throws(ProtoError) -> [JSON] {
        guard let value = object.value(name) else { return [] }
        guard let items = value.array else { throw Self.unexpected(value, name) }
        return items
    }

    private func entries(_ name: String) throws(ProtoError) -> [JSON.Member] {
        guard let value = object.value(name) else { return [] }
        guard let members = value.members else { throw Self.unexpected(value, name) }
        return members
    }

    private static func message<M: ProtoMessage>(_ value: JSON, _ name: String) throws(ProtoError) -> M {
        guard case .object = value else { throw unexpected(value, name) }
        do throws(ProtoError) {
            return try M(json: value)
        } catch .missingRequired(let fields, let message) {
            throw .missingRequired(fields.map { "\(name).\($0)" }, message: message)
        }
    }

    private static func enumValue<E: ProtoEnum>(_ value: JSON, _ name: String) throws(ProtoError) -> E? {
        if let text = value.string { return E(name: text) }
        throw unexpected(value, name)
    }

    static func unexpected(_ value: JSON, _ name: String) -> ProtoError {
        let kind =
            switch value {
            case .null: "null"
            case .bool: "boolean"
            case .integer, .unsigned, .double: "number"
            case .string: "string"
            case .array: "array"
            case .object: "object"
            }
        return .json("Not expecting a JSON \(kind) for field '\(name)'")
    }
}

/// A scalar with a value to stand in until a missing required field is reported.
public protocol ExpressibleByDefault {
    static var zero: Self { get }
}

extension JSONWriter {
    public mutating func proto<V: ProtoJSONValue>(_ name: String, _ value: V) {
        self.name(name)
        value.writeValue(to: &self)
    }

    public mutating func proto<E: ProtoEnum>(_ name: String, _ value: E) {
        guard !value.isHiddenInJSON else { return }
        field(name, value.name)
    }

    public mutating func proto<M: ProtoMessage>(_ name: String, _ value: M) {
        self.name(name)
        value.write(to: &self)
    }

    public mutating func repeated<V: ProtoJSONValue>(_ name: String, _ values: [V]) {
        list(name, values) { $1.writeValue(to: &$0) }
    }

    public mutating func repeated<E: ProtoEnum>(_ name: String, _ values: [E]) {
        list(name, values) { $0.value($1.name) }
    }

    public mutating func repeated<M: ProtoMessage>(_ name: String, _ values: [M]) {
        list(name, values) { $1.write(to: &$0) }
    }

    public mutating func map<M: ProtoMessage>(_ name: String, _ values: [String: M]) {
        guard !values.isEmpty else { return }
        self.name(name)
        beginObject()
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { proto(key, value) }
        endObject()
    }

    public mutating func map(_ name: String, _ values: [String: String]) {
        guard !values.isEmpty else { return }
        self.name(name)
        beginObject()
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { field(key, value) }
        endObject()
    }

    private mutating func list<T>(_ name: String, _ values: [T], _ item: (inout JSONWriter, T) -> Void) {
        guard !values.isEmpty else { return }
        self.name(name)
        beginArray()
        for value in values { item(&self, value) }
        endArray()
    }
}
