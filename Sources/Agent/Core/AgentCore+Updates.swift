import MesosProtocol
import ServiceKit

extension AgentCore {
    mutating func persist(_ key: TaskKey) {
        guard let task = tasks[key], let framework = frameworks[key.framework] else { return }
        effects.append(.persist(task.checkpoint(framework)))
    }

    /// A new status of a task: kept on disk, then sent when it is the oldest.
    mutating func update(
        _ key: TaskKey, _ state: Mesos.TaskState, _ source: Mesos.TaskStatus.Source,
        _ reason: Mesos.TaskStatus.Reason?, _ message: String?, limited: [Mesos.Resource] = [], _ now: Timestamp
    ) {
        guard let task = tasks[key] else { return }
        let uuid = Self.uuid(&generator)
        let status = Mesos.TaskStatus.with {
            $0.taskID = key.task
            $0.state = state
            $0.message = message
            $0.source = source
            $0.reason = reason
            $0.agentID = info.id
            $0.timestamp = now.seconds
            $0.uuid = uuid
            $0.containerStatus = task.containerStatus
            if !limited.isEmpty { $0.limitation = .with { $0.resources = limited } }
        }
        let update = Internal.StatusUpdate.with {
            $0.frameworkID = key.framework
            $0.executorID = Mesos.ExecutorID(key.task.value)
            $0.agentID = info.id
            $0.status = status
            $0.timestamp = now.seconds
            $0.uuid = uuid
        }
        tasks[key]?.state = state
        tasks[key]?.statuses.append(status)
        tasks[key]?.updates.append(update)
        persist(key)
        log("\(state.name)\(message.map { ": \($0)" } ?? "")", key)
        if task.updates.isEmpty { send(key, now) }
    }

    /// Sends the oldest update, and plans to send it again.
    private mutating func send(_ key: TaskKey, _ now: Timestamp) {
        guard let task = tasks[key], var update = task.updates.first else { return }
        tasks[key]?.nextSend = now + task.sendInterval
        guard isRegistered, let master else { return }
        update.latestState = task.state
        effects.append(
            .send(
                to: master,
                Internal.StatusUpdateMessage.with {
                    $0.update = update
                    $0.pid = pid
                }))
    }

    /// The agent's actor; real masters insist on it.
    private var pid: String { "slave(1)@\(configuration.address):\(info.portOrDefault)" }

    mutating func resendUpdates(_ now: Timestamp) {
        guard isRegistered else { return }
        let due = tasks.values.filter { task in
            guard !task.updates.isEmpty, let next = task.nextSend else { return false }
            return next <= now
        }
        for task in due.sorted(by: { $0.key.task.value < $1.key.task.value }) {
            send(task.key, now)
            tasks[task.key]?.sendInterval = min(task.sendInterval * 2, AgentTask.longestInterval)
        }
    }

    mutating func acknowledged(_ message: Internal.StatusUpdateAcknowledgementMessage, _ now: Timestamp) {
        let key = TaskKey(framework: message.frameworkID, task: message.taskID)
        guard let task = tasks[key], let update = task.updates.first, update.uuid == message.uuid else { return }
        tasks[key]?.updates.removeFirst()
        tasks[key]?.sendInterval = AgentTask.firstInterval
        tasks[key]?.nextSend = nil
        if update.status.state.isTerminal { return forget(key) }
        persist(key)
        send(key, now)
    }

    /// The master asks for tasks that this agent does not have.
    mutating func reconcile(_ message: Internal.ReconcileTasksMessage, _ now: Timestamp) {
        if frameworks[message.frameworkID] == nil, let framework = message.framework {
            frameworks[message.frameworkID] = framework
        }
        for status in message.statuses {
            let key = TaskKey(framework: message.frameworkID, task: status.taskID)
            guard tasks[key] == nil else { continue }
            dropUnknown(key, .reasonReconciliation, "Task is unknown to the agent", now)
        }
    }

    /// Reports a task that this agent never had, or has no more.
    mutating func dropUnknown(_ key: TaskKey, _ reason: Mesos.TaskStatus.Reason, _ message: String, _ now: Timestamp) {
        let isPartitionAware =
            frameworks[key.framework]?.capabilities.contains { $0.type == .partitionAware } == true
        var unknown = Mesos.TaskInfo()
        unknown.taskID = key.task
        unknown.agentID = info.id ?? Mesos.AgentID("")
        let container = UUIDText.text(Self.uuid(&generator))
        tasks[key] = AgentTask(key: key, info: unknown, containerID: container, phase: .ended, now: now)
        update(key, isPartitionAware ? .taskDropped : .taskLost, .sourceAgent, reason, message, now)
    }
}
