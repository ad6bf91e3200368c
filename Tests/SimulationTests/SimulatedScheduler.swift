import MesosProtocol
import ServiceKit

/// A framework that launches tasks one or two at an offer, acknowledges what it hears, and asks after tasks of which it
/// heard nothing for a while.
struct SimulatedScheduler {
    /// What it knows of a task.
    struct Record {
        let agent: Mesos.AgentID
        let launchedAt: Timestamp
        var isFinal = false
        var state: Mesos.TaskState = .taskStaging
        var isKilled = false
        var heardAt: Timestamp
    }

    private(set) var framework: Mesos.FrameworkID?
    /// The event stream that it reads; nil while it has none.
    private(set) var stream: String?
    private(set) var tasks: [String: Record] = [:]
    /// What should never happen, in words.
    private(set) var violations: [String] = []
    private var subscriptions = 0
    private var nextQuestion: Timestamp
    var nextSubscription: Timestamp
    /// No more launches: the play comes to its end.
    var isClosing = false

    init(now: Timestamp) {
        nextSubscription = now
        nextQuestion = now
    }

    /// Tasks without an end on these agents. Those sent to an agent that went down before it wrote its id down can
    /// have none: no agent goes by that id any more.
    func openTasks(on agents: Set<Mesos.AgentID>) -> [String] {
        tasks.filter { !$0.value.isFinal && agents.contains($0.value.agent) }.keys.sorted()
    }

    private var info: Mesos.FrameworkInfo {
        .with {
            $0.user = "root"
            $0.name = "simulated"
            $0.id = framework
            $0.roles = ["dev"]
            $0.checkpoint = true
            $0.failoverTimeout = 1e6
            $0.capabilities = [.multiRole, .partitionAware, .reservationRefinement].map { type in
                .with { $0.type = type }
            }
        }
    }

    mutating func disconnected(_ now: Timestamp, after delay: Duration) {
        guard stream != nil else { return }
        stream = nil
        nextSubscription = now + delay
    }

    /// It comes back no more.
    mutating func leave() {
        stream = nil
        nextSubscription = Timestamp(nanoseconds: .max)
    }

    mutating func tick(_ now: Timestamp, _ generator: inout SeededGenerator) -> [Payload] {
        guard let stream else { return subscribe(now) }
        var calls: [Payload] = []
        if now >= nextQuestion {
            nextQuestion = now + .seconds(20)
            calls += reconcile(now, stream)
        }
        if Int.random(in: 0..<20, using: &generator) == 0 { calls += kill(stream, &generator) }
        return calls
    }

    private mutating func subscribe(_ now: Timestamp) -> [Payload] {
        guard now >= nextSubscription else { return [] }
        subscriptions += 1
        let name = "stream-\(subscriptions)"
        stream = name
        let call = SchedulerAPI.Call.with {
            $0.type = .subscribe
            $0.frameworkID = framework
            $0.subscribe = .with { $0.frameworkInfo = info }
        }
        return [.subscribe(stream: name, call)]
    }

    private func call(
        _ type: SchedulerAPI.Call.Kind, _ stream: String, _ build: (inout SchedulerAPI.Call) -> Void
    ) -> [Payload] {
        guard let framework else { return [] }
        var call = SchedulerAPI.Call()
        call.type = type
        call.frameworkID = framework
        build(&call)
        return [.call(call, stream: stream)]
    }

    private func reconcile(_ now: Timestamp, _ stream: String) -> [Payload] {
        let silent = tasks.filter { !$0.value.isFinal && now - $0.value.heardAt > .seconds(15) }
        guard !silent.isEmpty else { return [] }
        return call(.reconcile, stream) { call in
            call.reconcile = .with { reconcile in
                reconcile.tasks = silent.sorted { $0.key < $1.key }.map { id, record in
                    .with {
                        $0.taskID = Mesos.TaskID(id)
                        $0.agentID = record.agent
                    }
                }
            }
        }
    }

    private mutating func kill(_ stream: String, _ generator: inout SeededGenerator) -> [Payload] {
        let candidates = tasks.filter { !$0.value.isFinal && $0.value.state == .taskRunning }.keys.sorted()
        guard let id = candidates.randomElement(using: &generator), let agent = tasks[id]?.agent else { return [] }
        tasks[id]?.isKilled = true
        return call(.kill, stream) { call in
            call.kill = .with {
                $0.taskID = Mesos.TaskID(id)
                $0.agentID = agent
            }
        }
    }

    mutating func receive(
        _ event: SchedulerAPI.Event, _ now: Timestamp, _ generator: inout SeededGenerator
    ) -> [Payload] {
        guard let stream else { return [] }
        switch event.type {
        case .subscribed:
            framework = event.subscribed?.frameworkID ?? framework
            return []
        case .offers: return (event.offers?.offers ?? []).flatMap { answer($0, now, stream, &generator) }
        case .update: return event.update.map { heard($0.status, now, stream) } ?? []
        case .error:
            violations.append("error: \(event.error?.message ?? "")")
            return []
        default: return []
        }
    }

    private mutating func answer(
        _ offer: Mesos.Offer, _ now: Timestamp, _ stream: String, _ generator: inout SeededGenerator
    ) -> [Payload] {
        let cpus = offer.resources.first { $0.name == "cpus" }?.scalar?.value ?? 0
        let wanted = isClosing ? 0 : min(Int(cpus), Int.random(in: 0...2, using: &generator))
        guard wanted > 0 else {
            return call(.decline, stream) { call in
                call.decline = .with {
                    $0.offerIDs = [offer.id]
                    $0.filters = .with { $0.refuseSeconds = 2 }
                }
            }
        }
        let launched = (0..<wanted).map { _ in task(on: offer.agentID, now) }
        return call(.accept, stream) { call in
            call.accept = .with { accept in
                accept.offerIDs = [offer.id]
                accept.operations = [
                    .with {
                        $0.type = .launch
                        $0.launch = .with { $0.taskInfos = launched }
                    }
                ]
                accept.filters = .with { $0.refuseSeconds = 1 }
            }
        }
    }

    private mutating func task(on agent: Mesos.AgentID, _ now: Timestamp) -> Mesos.TaskInfo {
        let id = "t\(tasks.count)"
        tasks[id] = Record(agent: agent, launchedAt: now, heardAt: now)
        return .with {
            $0.name = id
            $0.taskID = Mesos.TaskID(id)
            $0.agentID = agent
            $0.command = .with { $0.value = "sleep 1" }
            $0.resources = [("cpus", 1.0), ("mem", 10)].map { name, amount in
                .with {
                    $0.name = name
                    $0.scalar = .with { $0.value = amount }
                }
            }
        }
    }

    /// Takes note of a status, acknowledges it if it wants to be, and complains of what cannot be.
    private mutating func heard(_ status: Mesos.TaskStatus, _ now: Timestamp, _ stream: String) -> [Payload] {
        let id = status.taskID.value
        guard var record = tasks[id] else {
            violations.append("update of \(id), which was never launched")
            return []
        }
        record.heardAt = now
        // What the master tells of an agent's task ahead of its update is news, but not the end of it.
        let isAhead = status.uuid == nil && [.reasonReconciliation, .reasonAgentReregistered].contains(status.reason)
        if !record.isFinal {
            record.state = status.state
            record.isFinal = isFinal(status.state, now, ahead: isAhead)
        } else if status.state != record.state, !isAhead {
            violations.append("\(id) was \(record.state.name) and is \(status.state.name): \(status.message ?? "")")
        }
        tasks[id] = record
        guard let uuid = status.uuid, let agent = status.agentID else { return [] }
        return call(.acknowledge, stream) { call in
            call.acknowledge = .with {
                $0.agentID = agent
                $0.taskID = status.taskID
                $0.uuid = uuid
            }
        }
    }

    private func isFinal(_ state: Mesos.TaskState, _ now: Timestamp, ahead: Bool) -> Bool {
        switch state {
        case .taskFinished, .taskFailed, .taskKilled, .taskDropped: !ahead
        case .taskError, .taskLost, .taskGone, .taskGoneByOperator: true
        case .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskUnreachable, .taskUnknown: false
        }
    }
}
