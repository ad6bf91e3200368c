import JSONText
import MesosProtocol
import ServiceKit

extension MarathonCore {
    /// The instances of an app that stand for those it should have, split by whether they run its present
    /// configuration.
    private func counted(_ app: AppDefinition, _ now: Timestamp) -> (new: [Instance], old: [Instance]) {
        let own = instances.values.filter { $0.app == app.id && $0.counts(app.unreachable?.inactive, now: now) }
        return (
            own.filter { $0.configVersion == app.lastConfigChangeAt },
            own.filter { $0.configVersion != app.lastConfigChangeAt }
        )
    }

    /// How many more instances may be launched now.
    func wanted(_ app: AppDefinition, _ now: Timestamp) -> Int {
        let (new, old) = counted(app, now)
        let missing = app.instances - new.count
        guard missing > 0 else { return 0 }
        // Old instances that still shut down take up room.
        let dying = instances.values.count {
            $0.app == app.id && $0.isStopping && $0.condition != .unreachable
                && $0.configVersion != app.lastConfigChangeAt
        }
        guard !old.isEmpty || dying > 0 else { return missing }
        let capacity = Self.capacity(app, healthy: (new + old).count { $0.condition == .running })
        return min(missing, max(0, capacity - new.count - old.count - dying))
    }

    /// The most instances during a rolling restart: one more than allowed when otherwise nothing could move.
    private static func capacity(_ app: AppDefinition, healthy: Int) -> Int {
        let minimum = minimumHealthy(app)
        let maximum = Int((Double(app.instances) * (1 + app.maximumOverCapacity)).rounded(.down))
        return minimum == maximum && maximum <= healthy ? maximum + 1 : maximum
    }

    private static func minimumHealthy(_ app: AppDefinition) -> Int {
        Int((Double(app.instances) * app.minimumHealthCapacity).rounded(.up))
    }

    /// Kills what an app has too much of: surplus instances, and old ones as far as enough others run.
    mutating func balance(_ app: AppDefinition, _ now: Timestamp) {
        let (new, old) = counted(app, now)
        if new.count > app.instances {
            for instance in victims(new, new.count - app.instances, app) { kill(instance.id, now, stops: true) }
        }
        guard !old.isEmpty else { return }
        let running = (new + old).count { $0.condition == .running }
        var spare = max(0, running - Self.minimumHealthy(app))
        for instance in victims(old, old.count, app) {
            if instance.condition == .running {
                guard spare > 0 else { continue }
                spare -= 1
            }
            kill(instance.id, now, stops: true)
        }
    }

    /// Those to die first: lost ones, those that do not run yet, then the youngest or the oldest.
    private func victims(_ candidates: [Instance], _ count: Int, _ app: AppDefinition) -> [Instance] {
        func weight(_ instance: Instance) -> Int {
            switch instance.condition {
            case .unreachable: 1
            case .provisioned, .staging: 2
            case .starting: 3
            case .running: 4
            case .killing: 5
            }
        }
        let ordered = candidates.sorted { left, right in
            if weight(left) != weight(right) { return weight(left) < weight(right) }
            if left.stagedAt == right.stagedAt { return left.id < right.id }
            return app.killsOldestFirst ? left.stagedAt < right.stagedAt : left.stagedAt > right.stagedAt
        }
        return Array(ordered.prefix(count))
    }

    /// Has a task killed. `stops`: it is not replaced for that.
    mutating func kill(_ id: String, _ now: Timestamp, stops: Bool) {
        guard let instance = instances[id] else { return }
        if stops, !instance.isStopping {
            instances[id]?.isStopping = true
            if let changed = instances[id] { effects.append(.store([.saveInstance(changed)])) }
        }
        instances[id]?.lastKill = now
        sendKill(instance)
    }

    private mutating func sendKill(_ instance: Instance) {
        log("killing task", app: instance.app, task: instance.taskID)
        call(.kill) { call in
            call.kill = .with {
                $0.taskID = Mesos.TaskID(instance.taskID)
                $0.agentID = Mesos.AgentID(instance.agentID)
            }
        }
    }

    /// Instances of apps that are gone.
    mutating func killOrphans(_ now: Timestamp) {
        for instance in instances.values.filter({ apps[$0.app] == nil && !$0.isStopping }).sorted(by: { $0.id < $1.id })
        {
            kill(instance.id, now, stops: true)
        }
    }

    /// Kills that were not heard of are asked for again, and tasks that never reported are given up.
    mutating func retryKills(_ now: Timestamp) {
        guard isConnected else { return }
        for instance in instances.values.sorted(by: { $0.id < $1.id }) {
            if let last = instance.lastKill {
                guard now - last >= configuration.killRetryInterval else { continue }
                instances[instance.id]?.lastKill = now
                sendKill(instance)
            } else if instance.isStopping {
                kill(instance.id, now, stops: true)
            } else if instance.condition == .provisioned || instance.condition == .staging,
                now - instance.stagedAt >= configuration.launchConfirmTimeout
            {
                kill(instance.id, now, stops: false)
            }
        }
    }

    mutating func expungeUnreachable(_ now: Timestamp) {
        for instance in instances.values.filter({ $0.condition == .unreachable }).sorted(by: { $0.id < $1.id }) {
            // Nobody waits for the return of what is to end anyway.
            let isUnwanted = instance.isStopping || apps[instance.app] == nil
            guard let since = instance.unreachableSince,
                let expunge = isUnwanted ? 0 : apps[instance.app]?.unreachable?.expunge,
                (now - since).inSeconds >= Double(expunge)
            else { continue }
            remove(instance.id)
        }
    }

    private mutating func remove(_ id: String) {
        instances[id] = nil
        effects.append(.store([.removeInstance(id)]))
    }

    /// Offers are asked for when something is to be launched, and refused for good when nothing is.
    mutating func updateRevival(_ now: Timestamp) {
        guard isConnected else { return }
        let wants = apps.values.contains { isLaunchable($0, now) }
        if wants {
            let isDue = lastRevive.map { now - $0 >= configuration.minimumReviveInterval } ?? true
            guard !isReviving || isDue else { return }
            isReviving = true
            lastRevive = now
            call(.revive)
        } else if isReviving {
            isReviving = false
            call(.suppress)
        }
    }

    func isLaunchable(_ app: AppDefinition, _ now: Timestamp) -> Bool {
        wanted(app, now) > 0 && (delays[app.id].map { $0.until <= now } ?? true)
    }
}

extension MarathonCore {
    /// A status of a task: kept first, then acknowledged.
    mutating func update(_ status: Mesos.TaskStatus, _ now: Timestamp) {
        reconciliation.answered(status.taskID.value)
        if let instance = instances.values.first(where: { $0.taskID == status.taskID.value }) {
            apply(status, to: instance, now)
        } else if !Self.isTerminal(status.state), status.state != .taskUnreachable, status.state != .taskUnknown {
            // A task that nothing is known of, such as one that was given up and came back.
            call(.kill) { call in
                call.kill = .with {
                    $0.taskID = status.taskID
                    $0.agentID = status.agentID
                }
            }
        }
        guard let uuid = status.uuid, let agent = status.agentID else { return }
        call(.acknowledge) { call in
            call.acknowledge = .with {
                $0.agentID = agent
                $0.taskID = status.taskID
                $0.uuid = uuid
            }
        }
    }

    static func isTerminal(_ state: Mesos.TaskState) -> Bool {
        switch state {
        case .taskFinished, .taskFailed, .taskKilled, .taskError, .taskLost, .taskDropped, .taskGone,
            .taskGoneByOperator, .taskUnknown:
            true
        case .taskStaging, .taskStarting, .taskRunning, .taskKilling, .taskUnreachable: false
        }
    }

    private mutating func apply(_ status: Mesos.TaskStatus, to known: Instance, _ now: Timestamp) {
        if Self.isTerminal(status.state) {
            log(status, known)
            return ended(status, known, now)
        }
        var instance = known
        instance.unreachableSince = nil
        switch status.state {
        case .taskStaging: instance.condition = .staging
        case .taskStarting: instance.condition = .starting
        case .taskRunning:
            instance.condition = .running
            instance.startedAt = instance.startedAt ?? now
            instance.ipAddresses = (status.containerStatus?.networkInfos ?? []).flatMap(\.ipAddresses)
                .compactMap(\.ipAddress)
        case .taskKilling: instance.condition = .killing
        case .taskUnreachable:
            instance.condition = .unreachable
            instance.unreachableSince = known.unreachableSince ?? now
        default: break
        }
        // The answers to what is asked every few minutes are mostly known.
        if instance != known || status.reason != .reasonReconciliation { log(status, known) }
        guard instance != known else { return }
        instances[instance.id] = instance
        effects.append(.store([.saveInstance(instance)]))
    }

    private mutating func log(_ status: Mesos.TaskStatus, _ instance: Instance) {
        let message = status.message.map { ": \($0)" } ?? ""
        log("\(status.state.name)\(message)", app: instance.app, task: instance.taskID)
    }

    private mutating func ended(_ status: Mesos.TaskStatus, _ instance: Instance, _ now: Timestamp) {
        remove(instance.id)
        guard let app = apps[instance.app] else { return }
        let isFailure = ![.taskKilled, .taskFinished].contains(status.state)
        if isFailure { lastFailures[app.id] = Self.failure(status, instance, now) }
        // A killed task adds no delay; one that ends by itself does, however it ended.
        guard status.state != .taskKilled, !instance.isStopping else { return }
        delay(app, now)
    }

    private mutating func delay(_ app: AppDefinition, _ now: Timestamp) {
        var seconds = Double(app.backoffSeconds)
        if let known = delays[app.id], known.configVersion == app.lastConfigChangeAt,
            (now - known.until).inSeconds < Double(app.maxLaunchDelaySeconds)
        {
            seconds = known.seconds * app.backoffFactor
        }
        seconds = min(seconds, Double(app.maxLaunchDelaySeconds))
        delays[app.id] = LaunchDelay(
            configVersion: app.lastConfigChangeAt, seconds: seconds, until: now + .seconds(seconds))
    }

    private static func failure(_ status: Mesos.TaskStatus, _ instance: Instance, _ now: Timestamp) -> JSON {
        .members([
            "appId": .string(instance.app.path), "host": .string(instance.host),
            "message": .string(status.message ?? ""), "state": .string(status.state.name),
            "taskId": .string(instance.taskID), "timestamp": .string(now.iso8601),
            "version": .string(instance.appVersion.iso8601), "slaveId": .string(instance.agentID),
        ])
    }
}
