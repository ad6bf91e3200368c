import MesosProtocol

/// The counters of a master since it was elected, by their names below `master/`.
struct MasterMetrics: Sendable {
    private(set) var counters: [String: Int] = [:]

    mutating func count(_ name: String) { counters[name, default: 0] += 1 }

    mutating func count(state: Mesos.TaskState, source: String, reason: Mesos.TaskStatus.Reason) {
        let name = state.name.lowercased()
        let words = reason.name.lowercased().split(separator: "_").map { $0 == "agent" ? "slave" : String($0) }
        count("\(name)/\(source)/\(words.joined(separator: "_"))")
    }

    subscript(name: String) -> Int { counters[name, default: 0] }
}
