import Synchronization

/// A count that several threads change.
final class SharedCount: Sendable {
    private let count = Atomic<Int>(0)

    /// Adds and returns the sum.
    func add(_ amount: Int) -> Int { count.add(amount, ordering: .relaxed).newValue }
}
