import Allocator
import Libprocess
import MesosProtocol
import Resources
import ServiceKit

/// What happens to a master.
enum MasterEvent: Sendable {
    /// A scheduler opened an event stream with this `Mesos-Stream-Id`.
    case subscribe(stream: String, SchedulerAPI.Call)
    /// Any other call of a scheduler; answered by one `answer`.
    case call(SchedulerAPI.Call, stream: String?)
    case streamClosed(String)
    case message(LibprocessMessage)
    /// The connection to the process at `ip:port` broke.
    case exited(String)
    /// An operator ends a framework.
    case teardown(Mesos.FrameworkID)
    case tick
}

/// What a master wants done, in this order. What follows a `persist` waits until it is on disk.
enum MasterEffect: Sendable {
    /// The HTTP answer to the call just handled.
    case answer(status: Int, String)
    case event(stream: String, SchedulerAPI.Event)
    case closeStream(String)
    case send(to: UPID, from: String, any ProtoMessage)
    case link(UPID)
    case persist(RegistryRecord.Registry)
    case log(String, task: String?, framework: String?)
}

/// All decisions of a leading master: agents, frameworks, offers and tasks.
///
///     scheduler ──calls──> frameworks ──offers── allocator
///                              │ tasks
///     agent ───messages──> agents ──> RunTask, KillTask, acknowledgements
struct MasterCore: Sendable {
    struct Configuration: Sendable {
        var allocationInterval = Duration.seconds(1)
        var pingTimeout = Duration.seconds(15)
        var maximumPingTimeouts = 5
        var agentReregisterTimeout = Duration.seconds(600)
        var offerTimeout: Duration?
        var heartbeatInterval = Duration.seconds(15)
        var maximumCompletedFrameworks = 50
        var maximumCompletedTasks = 1000
        var allowsRootSubmissions = true
        /// Other masters led before, and what they registered is not in this one's registry.
        var registryMayBeStale = false
        /// Seeds the allocator's shuffling.
        var seed: UInt64 = 1
    }

    let configuration: Configuration
    let info: Mesos.MasterInfo
    let startedAt: Timestamp
    var agents: [Mesos.AgentID: Agent] = [:]
    /// Agents that the registry knows and that have not come back since this master was elected.
    var recoveredAgents: [Mesos.AgentID: Mesos.AgentInfo] = [:]
    var unreachableAgents: [Mesos.AgentID: Timestamp] = [:]
    var frameworks: [Mesos.FrameworkID: Framework] = [:]
    var completedFrameworks: [Framework] = []
    var offers: [Mesos.OfferID: Offer] = [:]
    var streams: [String: Mesos.FrameworkID] = [:]
    var allocator: Allocator
    var metrics = MasterMetrics()
    var effects: [MasterEffect] = []
    var nextFramework = 0
    var nextAgent = 0
    var nextOffer = 0
    var nextObserver = 1
    var nextAllocation: Timestamp
    var isAllocationDue = false

    /// A master that was just elected, with what its registry holds.
    init(
        configuration: Configuration, info: Mesos.MasterInfo, registry: RegistryRecord.Registry,
        electedAt now: Timestamp
    ) {
        self.configuration = configuration
        self.info = info
        startedAt = now
        nextAllocation = now
        allocator = Allocator(seed: configuration.seed)
        for agent in registry.slaves?.slaves ?? [] {
            if let id = agent.info.id { recoveredAgents[id] = agent.info }
        }
        for agent in registry.unreachable?.slaves ?? [] {
            unreachableAgents[agent.id] = Timestamp(nanoseconds: agent.timestamp.nanoseconds)
        }
    }

    mutating func handle(_ event: MasterEvent, at now: Timestamp) -> [MasterEffect] {
        effects = []
        switch event {
        case .subscribe(let stream, let call): subscribe(stream, call, now)
        case .call(let call, let stream): self.call(call, stream, now)
        case .streamClosed(let stream): streamClosed(stream, now)
        case .message(let message): receive(message, now)
        case .exited(let address): exited(address, now)
        case .teardown(let id): removeFramework(id, now)
        case .tick: tick(now)
        }
        if isAllocationDue { allocate(now) }
        return effects
    }

    private mutating func tick(_ now: Timestamp) {
        pingAgents(now)
        expireAgents(now)
        expireFrameworks(now)
        expireOffers(now)
        sendHeartbeats(now)
        if now >= nextAllocation {
            nextAllocation = now + configuration.allocationInterval
            isAllocationDue = true
        }
    }

    /// The registry as it stands: what survives this master.
    var registry: RegistryRecord.Registry {
        .with { registry in
            registry.slaves = .with { slaves in
                let known = agents.values.map(\.info) + recoveredAgents.values
                slaves.slaves = known.sorted { ($0.id?.value ?? "") < ($1.id?.value ?? "") }.map { info in
                    .with { $0.info = info }
                }
            }
            registry.unreachable = .with { unreachable in
                unreachable.slaves = unreachableAgents.sorted { $0.key.value < $1.key.value }.map { id, moment in
                    .with {
                        $0.id = id
                        $0.timestamp.nanoseconds = moment.nanoseconds
                    }
                }
            }
        }
    }

    mutating func send(_ message: any ProtoMessage, to agent: Mesos.AgentID) {
        guard let pid = agents[agent]?.pid else { return }
        effects.append(.send(to: pid, from: "master", message))
    }

    mutating func log(_ text: String, task: Mesos.TaskID? = nil, framework: Mesos.FrameworkID? = nil) {
        effects.append(.log(text, task: task?.value, framework: framework?.value))
    }

    /// An event for a framework's stream; one that is not connected misses it.
    mutating func send(
        _ type: SchedulerAPI.Event.Kind, to id: Mesos.FrameworkID, _ build: (inout SchedulerAPI.Event) -> Void
    ) {
        guard let stream = frameworks[id]?.stream else { return }
        var event = SchedulerAPI.Event()
        event.type = type
        build(&event)
        metrics.count("messages_sent_\(type.name.lowercased())")
        effects.append(.event(stream: stream, event))
    }
}
