import HTTPKit
import JSONText
import MesosProtocol
import ServiceKit

/// What happens to Marathon.
enum MarathonEvent: Sendable {
    /// A client wants a change; answered by one `respond` with the same number.
    case change(request: UInt64, Change)
    /// A master is about to be asked for its events.
    case subscribing
    case subscribed(SchedulerAPI.Event.Subscribed)
    case disconnected
    case scheduler(SchedulerAPI.Event)
    case tick
}

/// A change that a client asks for.
enum Change: Sendable {
    case create(JSON, force: Bool)
    /// `replaces`: the body is the whole definition; otherwise it changes the fields it has.
    case update(id: String, JSON, replaces: Bool, creates: Bool, force: Bool)
    case updateAll([JSON], replaces: Bool, creates: Bool, force: Bool)
    case delete(id: String, force: Bool)
    case restart(id: String, force: Bool)
    /// Tasks by id, of one app or of any; `scale` also lowers the number of instances.
    case kill(tasks: [String], scale: Bool, force: Bool, answer: KillAnswer)
    case cancel(deployment: String, force: Bool)
}

/// How the tasks that were killed are shown.
enum KillAnswer: Sendable {
    case list
    case single
}

/// What Marathon wants done, in this order. What follows a `store` waits until it is done.
enum MarathonEffect: Sendable {
    case store([StoreOperation])
    case call(SchedulerAPI.Call)
    case respond(request: UInt64, HTTPResponse)
    case log(String, app: String?, task: String?)
    /// The connection to the master is of no use: it is to be dropped and made anew.
    case resubscribe
    /// Marathon must end, with this reason.
    case exit(String)
}

/// A change of what is kept in ZooKeeper.
enum StoreOperation: Sendable {
    case saveApp(AppDefinition)
    case removeApp(AppID)
    case saveInstance(Instance)
    case removeInstance(String)
    case saveFrameworkID(String)
}

/// All decisions of Marathon: apps, their instances, deployments, what is launched on which offer.
///
///     change ──> app ──> deployment ──> instances wanted ──offer──> provisioned ──> staging ──> running
///                                            ^                                                    │
///                                            └──────────── back-off <──── failed, lost <──────────┘
struct MarathonCore: Sendable {
    struct Configuration: Sendable {
        var defaultRole = "*"
        var defaultNetworkName: String?
        /// The network of containers in bridge mode that are not Docker's (`--mesos_bridge_name`).
        var mesosBridgeName = "mesos-bridge"
        var localPorts = 10_000...20_000
        var maximumInstancesPerOffer = 5
        var declineDuration = Duration.seconds(120)
        var minimumReviveInterval = Duration.seconds(5)
        var launchConfirmTimeout = Duration.seconds(300)
        var killRetryInterval = Duration.seconds(30)
        var reconciliationInterval = Duration.seconds(600)
        var maximumRunningDeployments = 100
        /// Goes before PORT0, HOST and their like (`--env_vars_prefix`).
        var environmentPrefix: String?
        var maximumVersions = 50
        /// How often a master sends something that does not say how often it does.
        var heartbeatInterval = Duration.seconds(15)
        /// After how many intervals without a word it is given up.
        var heartbeatThreshold = 5
        var seed: UInt64 = 1
    }

    let configuration: Configuration
    var frameworkID: Mesos.FrameworkID?
    var isConnected = false
    var watch: MasterWatch?
    var apps: [AppID: AppDefinition] = [:]
    /// Every version of each app that is kept, oldest first; the last is the one in `apps`.
    var versions: [AppID: [AppDefinition]] = [:]
    var instances: [String: Instance] = [:]
    var deployments: [Deployment] = []
    var delays: [AppID: LaunchDelay] = [:]
    var lastFailures: [AppID: JSON] = [:]
    var isReviving = false
    var lastRevive: Timestamp?
    var nextReconciliation: Timestamp?
    var reconciliation = Reconciliation()
    var generator: SeededGenerator
    var effects: [MarathonEffect] = []

    /// Marathon as its store holds it.
    init(
        configuration: Configuration, frameworkID: String?, versions kept: [[AppDefinition]],
        instances known: [Instance],
        now: Timestamp
    ) {
        self.configuration = configuration
        self.frameworkID = frameworkID.map { Mesos.FrameworkID($0) }
        generator = SeededGenerator(seed: configuration.seed)
        for list in kept {
            let ordered = list.sorted { $0.version < $1.version }
            guard let newest = ordered.last else { continue }
            apps[newest.id] = newest
            versions[newest.id] = ordered
        }
        for instance in known { instances[instance.id] = instance }
        resumeDeployments(now)
    }

    mutating func handle(_ event: MarathonEvent, at now: Timestamp) -> [MarathonEffect] {
        effects = []
        switch event {
        case .change(let request, let change): self.change(request, change, now)
        case .subscribing: watch = MasterWatch(interval: configuration.heartbeatInterval, lastHeard: now)
        case .subscribed(let event):
            watch = MasterWatch(
                interval: MasterWatch.interval(of: event) ?? configuration.heartbeatInterval, lastHeard: now)
            subscribed(event.frameworkID, now)
        case .disconnected: disconnected()
        case .scheduler(let event): receive(event, now)
        case .tick: break
        }
        leaveSilentMaster(now)
        supervise(now)
        return effects
    }

    mutating func disconnected() {
        watch = nil
        isConnected = false
        isReviving = false
    }

    var parser: AppParser {
        AppParser(defaultRole: configuration.defaultRole, defaultNetworkName: configuration.defaultNetworkName)
    }

    mutating func call(_ type: SchedulerAPI.Call.Kind, _ build: (inout SchedulerAPI.Call) -> Void = { _ in }) {
        guard isConnected else { return }
        var call = SchedulerAPI.Call()
        call.type = type
        call.frameworkID = frameworkID
        build(&call)
        effects.append(.call(call))
    }

    mutating func log(_ text: String, app: AppID? = nil, task: String? = nil) {
        effects.append(.log(text, app: app?.path, task: task))
    }

    private mutating func subscribed(_ id: Mesos.FrameworkID, _ now: Timestamp) {
        isConnected = true
        isReviving = true
        lastRevive = now
        if frameworkID != id {
            frameworkID = id
            effects.append(.store([.saveFrameworkID(id.value)]))
        }
        log("subscribed as framework \(id.value)")
        reconcile(now)
    }

    private mutating func receive(_ event: SchedulerAPI.Event, _ now: Timestamp) {
        watch?.lastHeard = now
        switch event.type {
        // What a connection that was given up still brings cannot be answered: the master will say it again.
        case .offers: if isConnected { match(event.offers?.offers ?? [], now) }
        case .update: if isConnected, let status = event.update?.status { update(status, now) }
        case .error: effects.append(.exit("the master refused the framework: \(event.error?.message ?? "")"))
        default: break
        }
    }

    /// Whatever happened: brings every app nearer to what it should be.
    private mutating func supervise(_ now: Timestamp) {
        for app in apps.values.sorted(by: { $0.id.path < $1.id.path }) { balance(app, now) }
        killOrphans(now)
        expungeUnreachable(now)
        retryKills(now)
        finishDeployments(now)
        updateRevival(now)
        continueReconciliation(now)
    }
}
