import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    /// A status update of an agent: kept, forwarded, and its resources freed at the end of the task.
    mutating func statusUpdate(_ message: Internal.StatusUpdateMessage) {
        metrics.count("messages_status_update")
        let update = message.update
        guard let uuid = update.uuid, uuid.count == 16, let agent = update.agentID, agents[agent] != nil,
            let framework = frameworks[update.frameworkID]
        else { return metrics.count("invalid_status_updates") }
        metrics.count("valid_status_updates")
        var status = update.status
        status.uuid = uuid
        status.agentID = agent
        let id = update.frameworkID
        let latest = update.latestState ?? status.state
        if let task = framework.tasks[status.taskID] {
            if task.record.executorID == nil { status.executorID = nil }
            apply(status, latest: latest, to: status.taskID, of: id)
        }
        send(.update, to: id) { $0.update = .with { $0.status = status } }
    }

    private mutating func apply(
        _ status: Mesos.TaskStatus, latest: Mesos.TaskState, to taskID: Mesos.TaskID, of id: Mesos.FrameworkID
    ) {
        guard let task = frameworks[id]?.tasks[taskID] else { return }
        var record = task.record
        let wasTerminal = record.state.isTerminal
        if !wasTerminal { record.state = latest }
        record.statusUpdateState = status.state
        record.statusUpdateUUID = status.uuid
        var kept = status
        kept.data = nil
        if let last = record.statuses.last, last.state == kept.state {
            record.statuses[record.statuses.count - 1] = kept
        } else {
            record.statuses.append(kept)
        }
        frameworks[id]?.tasks[taskID]?.record = record
        if !wasTerminal, latest.isTerminal {
            metrics.count("tasks_\(latest.name.dropFirst("TASK_".count).lowercased())")
            // An older update may be on its way still, whose words are not those of the end.
            let text = latest == status.state ? status.message.map { ": \($0)" } ?? "" : ""
            log("\(latest.name)\(text)", task: taskID, framework: id)
            release(taskID, of: id)
        }
    }

    /// Gives a task's resources back, once.
    mutating func release(_ taskID: Mesos.TaskID, of id: Mesos.FrameworkID) {
        guard let task = frameworks[id]?.tasks[taskID], !task.isReleased else { return }
        frameworks[id]?.tasks[taskID]?.isReleased = true
        allocator.recover(task.resources, on: task.record.agentID, from: id, role: task.role)
    }

    /// A task whose end was acknowledged becomes history.
    mutating func complete(_ taskID: Mesos.TaskID, of id: Mesos.FrameworkID) {
        release(taskID, of: id)
        guard let task = frameworks[id]?.tasks.removeValue(forKey: taskID) else { return }
        frameworks[id]?.completedTasks.append(task.record)
        let excess = (frameworks[id]?.completedTasks.count ?? 0) - configuration.maximumCompletedTasks
        if excess > 0 { frameworks[id]?.completedTasks.removeFirst(excess) }
    }

    /// A status that the master makes itself: without a uuid, so never acknowledged.
    mutating func sendStatus(
        _ task: Mesos.TaskID, _ state: Mesos.TaskState, _ reason: Mesos.TaskStatus.Reason, _ message: String,
        agent: Mesos.AgentID?, to id: Mesos.FrameworkID, _ now: Timestamp, unreachableSince: Timestamp? = nil,
        containerStatus: Mesos.ContainerStatus? = nil, executor: Mesos.ExecutorID? = nil
    ) {
        let status = Mesos.TaskStatus.with {
            $0.taskID = task
            $0.state = state
            $0.message = message
            $0.source = .sourceMaster
            $0.reason = reason
            $0.agentID = agent
            $0.executorID = executor
            $0.timestamp = now.seconds
            $0.containerStatus = containerStatus
            $0.unreachableTime = unreachableSince.map { moment in .with { $0.nanoseconds = moment.nanoseconds } }
        }
        metrics.count(state: state, source: "source_master", reason: reason)
        if state.isTerminal, reason != .reasonReconciliation {
            log("\(state.name): \(message)", task: task, framework: id)
        }
        send(.update, to: id) { $0.update = .with { $0.status = status } }
    }

    /// Answers what is known of tasks; no tasks asks for all that are not history.
    mutating func reconcile(_ tasks: [SchedulerAPI.Call.Reconcile.Task], _ id: Mesos.FrameworkID, _ now: Timestamp) {
        metrics.count("messages_reconcile_tasks")
        guard tasks.isEmpty else {
            for task in tasks { reconcile(task, id, now) }
            return
        }
        let known = frameworks[id]?.tasks.values.map { $0 } ?? []
        for task in known.sorted(by: { $0.record.taskID.value < $1.record.taskID.value }) { sendLatest(task, id, now) }
    }

    private mutating func sendLatest(_ task: Task, _ id: Mesos.FrameworkID, _ now: Timestamp) {
        sendStatus(
            task.record.taskID, task.record.statusUpdateState ?? task.record.state, .reasonReconciliation,
            "Reconciliation: Latest task state",
            agent: task.record.agentID, to: id, now, containerStatus: task.record.statuses.last?.containerStatus,
            executor: task.record.executorID)
    }

    private mutating func reconcile(
        _ question: SchedulerAPI.Call.Reconcile.Task, _ id: Mesos.FrameworkID, _ now: Timestamp
    ) {
        guard let framework = frameworks[id] else { return }
        let taskID = question.taskID
        func answer(_ state: Mesos.TaskState, _ text: String, agent: Mesos.AgentID?, since: Timestamp? = nil) {
            sendStatus(
                taskID, framework.lost(state), .reasonReconciliation, "Reconciliation: \(text)", agent: agent, to: id,
                now, unreachableSince: since)
        }
        if let task = framework.tasks[taskID] { return sendLatest(task, id, now) }
        if let task = framework.unreachableTasks.first(where: { $0.taskID == taskID }) {
            let since = unreachableAgents[task.agentID]
            return answer(.taskUnreachable, "Task is unreachable", agent: task.agentID, since: since)
        }
        // It may run on an agent that has not come back yet: also on one that the registry of another master knew.
        let isSettling =
            configuration.registryMayBeStale && now - startedAt < configuration.agentReregisterTimeout
        guard let agent = question.agentID else {
            if recoveredAgents.isEmpty, !isSettling { answer(.taskUnknown, "Task is unknown", agent: nil) }
            return
        }
        if recoveredAgents[agent] != nil { return }
        if agents[agent] != nil { return answer(.taskGone, "Task is unknown to the agent", agent: agent) }
        if isSettling, unreachableAgents[agent].map({ $0 < startedAt }) ?? true { return }
        if let since = unreachableAgents[agent] {
            return answer(.taskUnreachable, "Task is unreachable", agent: agent, since: since)
        }
        answer(.taskUnknown, "Task is unknown", agent: agent)
    }
}
