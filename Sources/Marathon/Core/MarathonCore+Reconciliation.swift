import MesosProtocol
import ServiceKit

/// Tasks whose state was asked for, until the master tells it. A new leading master does not answer for a task whose
/// agent may still come back, so the question has to be put again (Mesos' documentation on reconciliation: with
/// truncated exponential back-off, for what is left).
struct Reconciliation: Sendable {
    private static let firstDelay = Duration.seconds(10)
    private static let longestDelay = Duration.seconds(60)

    private(set) var unanswered: Set<String> = []
    private var delay = firstDelay
    private var due = Timestamp(nanoseconds: 0)

    init() {}

    init(of tasks: [String], at now: Timestamp) {
        unanswered = Set(tasks)
        due = now + delay
    }

    mutating func answered(_ task: String) { unanswered.remove(task) }

    /// Whether it is time to ask for what is left; the next time is later.
    mutating func isDue(_ now: Timestamp) -> Bool {
        guard !unanswered.isEmpty, due <= now else { return false }
        delay = min(delay * 2, Self.longestDelay)
        due = now + delay
        return true
    }
}

extension MarathonCore {
    /// Asks for the state of every known task, then for tasks that are not known here.
    mutating func reconcile(_ now: Timestamp) {
        nextReconciliation = now + configuration.reconciliationInterval
        let known = instances.values.sorted { $0.id < $1.id }
        reconciliation = Reconciliation(of: known.map(\.taskID), at: now)
        ask(known)
        call(.reconcile) { $0.reconcile = .init() }
    }

    /// Puts questions again that are not answered, and all of them from time to time.
    mutating func continueReconciliation(_ now: Timestamp) {
        guard isConnected else { return }
        if let due = nextReconciliation, due <= now { return reconcile(now) }
        guard reconciliation.isDue(now) else { return }
        ask(instances.values.filter { reconciliation.unanswered.contains($0.taskID) }.sorted { $0.id < $1.id })
    }

    private mutating func ask(_ instances: [Instance]) {
        guard !instances.isEmpty else { return }
        call(.reconcile) { call in
            call.reconcile = .with { reconcile in
                reconcile.tasks = instances.map { instance in
                    .with {
                        $0.taskID = Mesos.TaskID(instance.taskID)
                        $0.agentID = Mesos.AgentID(instance.agentID)
                    }
                }
            }
        }
    }
}
