import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    mutating func subscribe(_ stream: String, _ call: SchedulerAPI.Call, _ now: Timestamp) {
        metrics.count("messages_register_framework")
        guard let subscribe = call.subscribe else { return refuse(stream, "Expecting 'subscribe' to be present") }
        let info = subscribe.frameworkInfo
        if let complaint = FrameworkValidation.complaint(about: info, configuration) {
            return refuse(stream, complaint)
        }
        if let complaint = FrameworkValidation.complaint(aboutSuppressed: subscribe.suppressedRoles, info) {
            return refuse(stream, complaint)
        }
        guard let id = info.id, !id.value.isEmpty else { return addFramework(stream, subscribe, now) }
        if completedFrameworks.contains(where: { $0.id == id }) { return refuse(stream, "Framework has been removed") }
        if let known = frameworks[id], known.info.principal != info.principal {
            return refuse(stream, "Changing framework's principal is not allowed.")
        }
        resubscribe(id, stream, subscribe, now)
    }

    private mutating func refuse(_ stream: String, _ message: String) {
        effects.append(
            .event(
                stream: stream,
                .with {
                    $0.type = .error
                    $0.error = .with { $0.message = message }
                }))
        effects.append(.closeStream(stream))
    }

    private mutating func addFramework(_ stream: String, _ subscribe: SchedulerAPI.Call.Subscribe, _ now: Timestamp) {
        let number = String(nextFramework)
        nextFramework += 1
        let padding = String(repeating: "0", count: max(0, 4 - number.count))
        let id = Mesos.FrameworkID("\(info.id)-\(padding)\(number)")
        var frameworkInfo = subscribe.frameworkInfo
        frameworkInfo.id = id
        frameworks[id] = Framework(id: id, info: frameworkInfo, registeredAt: now, lastHeartbeat: now)
        connect(id, stream, subscribe, now)
    }

    private mutating func resubscribe(
        _ id: Mesos.FrameworkID, _ stream: String, _ subscribe: SchedulerAPI.Call.Subscribe, _ now: Timestamp
    ) {
        if let old = frameworks[id]?.stream {
            send(.error, to: id) { $0.error = .with { $0.message = "Framework failed over" } }
            effects.append(.closeStream(old))
            streams[old] = nil
        }
        rescindOffers(ofFramework: id, tell: false)
        var frameworkInfo = subscribe.frameworkInfo
        if let known = frameworks[id] {
            // Mesos keeps what may not change and says nothing.
            frameworkInfo.user = known.info.user
            frameworkInfo.checkpoint = known.info.checkpoint
            frameworks[id]?.info = frameworkInfo
            frameworks[id]?.reregisteredAt = now
        } else {
            frameworks[id] = Framework(id: id, info: frameworkInfo, registeredAt: now, lastHeartbeat: now)
        }
        connect(id, stream, subscribe, now)
        for agent in agents.keys.sorted(by: { $0.value < $1.value }) { sendFrameworkInfo(id, to: agent) }
    }

    private mutating func connect(
        _ id: Mesos.FrameworkID, _ stream: String, _ subscribe: SchedulerAPI.Call.Subscribe, _ now: Timestamp
    ) {
        streams[stream] = id
        frameworks[id]?.stream = stream
        frameworks[id]?.isRecovered = false
        frameworks[id]?.disconnectedAt = nil
        frameworks[id]?.lastHeartbeat = now
        frameworks[id]?.suppressedRoles = Set(subscribe.suppressedRoles)
        let subscribed = SchedulerAPI.Event.Subscribed.with {
            $0.frameworkID = id
            $0.heartbeatIntervalSeconds = configuration.heartbeatInterval.inSeconds
            $0.masterInfo = info
        }
        send(.subscribed, to: id) { $0.subscribed = subscribed }
        send(.heartbeat, to: id) { _ in }
        if let framework = frameworks[id] {
            allocator.addFramework(id, roles: framework.roles, suppressed: framework.suppressedRoles)
        }
        isAllocationDue = true
        log("framework \(id.value) (\(subscribe.frameworkInfo.name)) subscribed", framework: id)
    }

    func updateFrameworkMessage(_ framework: Framework) -> Internal.UpdateFrameworkMessage {
        .with {
            $0.frameworkID = framework.id
            $0.pid = ""
            $0.frameworkInfo = framework.info
        }
    }

    mutating func sendFrameworkInfo(_ id: Mesos.FrameworkID, to agent: Mesos.AgentID) {
        guard let framework = frameworks[id] else { return }
        send(updateFrameworkMessage(framework), to: agent)
    }

    mutating func streamClosed(_ stream: String, _ now: Timestamp) {
        guard let id = streams.removeValue(forKey: stream), frameworks[id]?.stream == stream else { return }
        frameworks[id]?.stream = nil
        frameworks[id]?.disconnectedAt = now
        allocator.deactivateFramework(id)
        rescindOffers(ofFramework: id, tell: false)
        log("framework \(id.value) disconnected", framework: id)
    }

    /// Frameworks that stay away longer than their `failover_timeout` (seconds) end with their tasks.
    mutating func expireFrameworks(_ now: Timestamp) {
        for (id, framework) in frameworks.sorted(by: { $0.key.value < $1.key.value }) {
            guard let disconnectedAt = framework.disconnectedAt else { continue }
            // After a failover a scheduler has as long to come back as the agents.
            let since =
                framework.isRecovered
                ? max(disconnectedAt, startedAt + configuration.agentReregisterTimeout) : disconnectedAt
            if (now - since).inSeconds >= framework.info.failoverTimeoutOrDefault { removeFramework(id, now) }
        }
    }

    mutating func sendHeartbeats(_ now: Timestamp) {
        for (id, framework) in frameworks where framework.isConnected {
            guard now - framework.lastHeartbeat >= configuration.heartbeatInterval else { continue }
            frameworks[id]?.lastHeartbeat = now
            send(.heartbeat, to: id) { _ in }
        }
    }

    /// Ends a framework: its tasks are killed where they run, its id is refused from now on.
    mutating func removeFramework(_ id: Mesos.FrameworkID, _ now: Timestamp) {
        guard var framework = frameworks[id] else { return }
        rescindOffers(ofFramework: id, tell: false)
        for (agent, record) in agents.sorted(by: { $0.key.value < $1.key.value }) where record.isConnected {
            send(Internal.ShutdownFrameworkMessage.with { $0.frameworkID = id }, to: agent)
        }
        for task in framework.tasks.keys.sorted(by: { $0.value < $1.value }) {
            guard let known = frameworks[id]?.tasks[task], !known.record.state.isTerminal else { continue }
            frameworks[id]?.tasks[task]?.record.state = .taskKilled
            release(task, of: id)
            metrics.count("tasks_killed")
        }
        for agent in agents.keys { removeExecutors(of: id, on: agent) }
        framework = frameworks[id] ?? framework
        allocator.removeFramework(id)
        frameworks[id] = nil
        if let stream = framework.stream {
            streams[stream] = nil
            effects.append(.closeStream(stream))
        }
        for task in framework.tasks.values.sorted(by: { $0.record.taskID.value < $1.record.taskID.value }) {
            framework.completedTasks.append(task.record)
        }
        framework.tasks = [:]
        framework.stream = nil
        framework.unregisteredAt = now
        completedFrameworks.append(framework)
        if completedFrameworks.count > configuration.maximumCompletedFrameworks { completedFrameworks.removeFirst() }
        log("framework \(id.value) removed", framework: id)
    }
}

/// What a FrameworkInfo must be; the texts are Mesos's.
enum FrameworkValidation {
    static func complaint(about info: Mesos.FrameworkInfo, _ configuration: MasterCore.Configuration) -> String? {
        let isMultiRole = info.capabilities.contains { $0.type == .multiRole }
        if isMultiRole, info.role != nil {
            return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
        }
        if !isMultiRole, !info.roles.isEmpty {
            return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
        }
        if Set(info.roles).count != info.roles.count {
            return "'FrameworkInfo.roles' contains duplicate items"
        }
        for role in isMultiRole ? info.roles : [info.roleOrDefault] {
            if let complaint = RoleName.complaint(about: role) {
                let field =
                    isMultiRole
                    ? "'FrameworkInfo.roles' contains invalid role" : "'FrameworkInfo.role' is not a valid role"
                return "\(field): \(complaint)"
            }
        }
        if let id = info.id, !id.value.isEmpty, let complaint = IdentifierRules.complaint(about: id.value) {
            return "Framework ID is invalid: \(complaint)"
        }
        let timeout = info.failoverTimeoutOrDefault
        if !timeout.isFinite || timeout > 9e9 {
            return
                "The framework failover_timeout (\(timeout)) is invalid: Argument out of the range that a Duration can represent"
        }
        if info.user == "root", !configuration.allowsRootSubmissions {
            return "User 'root' is not allowed to run frameworks without --root_submissions set"
        }
        return nil
    }

    static func complaint(aboutSuppressed roles: [String], _ info: Mesos.FrameworkInfo) -> String? {
        let isMultiRole = info.capabilities.contains { $0.type == .multiRole }
        let own = isMultiRole ? Set(info.roles) : [info.roleOrDefault]
        guard let stranger = roles.first(where: { !own.contains($0) }) else { return nil }
        return "Suppressed role '\(stranger)' is not contained in the list of roles"
    }
}

/// What an id that a client chose may be: it becomes part of paths.
enum IdentifierRules {
    static func complaint(about id: String) -> String? {
        if id.isEmpty { return "ID must not be empty" }
        if id.utf8.count > 255 { return "ID must not be greater than 255 characters" }
        if id == "." || id == ".." { return "'\(id)' is disallowed" }
        if id.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f || $0 == "/" || $0 == "\\" }) {
            return "'\(id)' contains invalid characters"
        }
        return nil
    }
}
