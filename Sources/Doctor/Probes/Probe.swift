import Containerizer
import Synchronization

/// Looks that may block for ever (a dead file server, a resolver, a hanging program), each with a deadline.
enum Probe {
    /// How long one look may take: long enough for a busy machine, as what does not answer is reported as broken.
    static let deadline = Duration.seconds(5)

    /// Does blocking work on a thread of its own. When it is not done in time, the thread is left behind: it ends with
    /// the program.
    static func look<Value: Sendable>(
        within limit: Duration = deadline, _ work: @escaping @Sendable () -> Observed<Value>
    ) async -> Observed<Value> {
        let answer = FirstAnswer<Observed<Value>>()
        return await withCheckedContinuation { continuation in
            answer.wait(continuation)
            // Longer than the deadlines inside of the work, which say more of what was waited for.
            let timer = Task {
                guard (try? await Task.sleep(for: limit + .milliseconds(500))) != nil else { return }  // Cancelled.
                answer.give(.unseen("no answer within \(limit.components.seconds) s"))
            }
            BlockingWork.run {
                answer.give(work())
                timer.cancel()
            }
        }
    }
}

/// Resumes a continuation with the first of several answers.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private let continuation = Mutex<CheckedContinuation<Value, Never>?>(nil)

    func wait(_ new: CheckedContinuation<Value, Never>) { continuation.withLock { $0 = new } }

    func give(_ value: Value) {
        let waiting = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        waiting?.resume(returning: value)
    }
}
