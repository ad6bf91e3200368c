/// Something looked at, or why it could not be seen: no permission, no such program, no answer in time.
public enum Observed<Value: Sendable>: Sendable {
    case seen(Value)
    case unseen(String)

    public var value: Value? {
        if case .seen(let value) = self { value } else { nil }
    }

    public var reason: String? {
        if case .unseen(let reason) = self { reason } else { nil }
    }
}

extension Observed: Equatable where Value: Equatable {}
