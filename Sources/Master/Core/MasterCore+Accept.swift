import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    /// Launches tasks on offers; what is left of them goes back with the filter.
    mutating func accept(_ accept: SchedulerAPI.Call.Accept, _ id: Mesos.FrameworkID, _ now: Timestamp) {
        metrics.count("messages_launch_tasks")
        let tasks = accept.operations.flatMap { $0.launch?.taskInfos ?? [] }
        if let complaint = complaint(about: accept.offerIDs, of: id) {
            for offer in accept.offerIDs where offers[offer]?.message.frameworkID == id { removeOffer(offer) }
            for task in tasks { dropped(task, id, "Task launched with invalid offers: \(complaint)", now) }
            return
        }
        var left = Resources()
        var taken: Offer?
        for offerID in accept.offerIDs {
            guard let offer = takeOffer(offerID) else { continue }
            left += offer.resources
            taken = offer
        }
        guard let offer = taken else { return }
        let agent = offer.message.agentID
        for task in tasks { launch(task, id, agent, offer.role, &left, now) }
        allocator.recover(
            left, on: agent, from: id, role: offer.role, refusedUntil: refusalEnd(accept.filters, now))
    }

    private func complaint(about ids: [Mesos.OfferID], of framework: Mesos.FrameworkID) -> String? {
        if ids.isEmpty { return "No offers specified" }
        if Set(ids).count != ids.count { return "Duplicate offer in offer list" }
        var agent: Mesos.AgentID?
        var role: String?
        for id in ids {
            guard let offer = offers[id] else { return "Offer \(id.value) is no longer valid" }
            guard offer.message.frameworkID == framework else {
                return "Offer \(id.value) has invalid framework \(offer.message.frameworkID.value) while framework "
                    + "\(framework.value) is expected"
            }
            if let agent, agent != offer.message.agentID {
                return "Aggregated offers must belong to one single agent. Offer \(id.value) uses agent "
                    + "\(offer.message.agentID.value) and agent \(agent.value)"
            }
            if let role, role != offer.role {
                return "Aggregated offers must be allocated to the same role. Offer \(id.value) uses role "
                    + "\(offer.role) but another is being used by role \(role)"
            }
            agent = offer.message.agentID
            role = offer.role
        }
        return nil
    }

    private mutating func dropped(_ task: Mesos.TaskInfo, _ id: Mesos.FrameworkID, _ message: String, _ now: Timestamp)
    {
        guard let framework = frameworks[id] else { return }
        let state = framework.lost(.taskDropped)
        metrics.count(state == .taskLost ? "tasks_lost" : "tasks_dropped")
        sendStatus(task.taskID, state, .reasonInvalidOffers, message, agent: task.agentID, to: id, now)
    }

    private mutating func launch(
        _ info: Mesos.TaskInfo, _ id: Mesos.FrameworkID, _ agent: Mesos.AgentID, _ role: String,
        _ left: inout Resources, _ now: Timestamp
    ) {
        var task = info
        task.resources = Self.allocated(task.resources, to: role)
        if var executor = task.executor {
            executor.frameworkID = id
            executor.resources = Self.allocated(executor.resources, to: role)
            task.executor = executor
        }
        let isNewExecutor = task.executor.map { agents[agent]?.executors[id]?[$0.executorID] == nil } ?? true
        var needed = Resources(task.resources)
        if isNewExecutor { needed += Resources(task.executor?.resources ?? []) }
        let context = TaskValidation.Context(
            agent: agent, role: role, available: left, needed: needed,
            isKnown: frameworks[id]?.tasks[task.taskID] != nil
                || frameworks[id]?.unreachableTasks.contains { $0.taskID == task.taskID } == true)
        if let complaint = TaskValidation.complaint(about: task, context) {
            metrics.count("tasks_error")
            return sendStatus(
                task.taskID, .taskError, .reasonTaskInvalid, complaint, agent: task.agentID, to: id, now)
        }
        left -= needed
        if isNewExecutor, let executor = task.executor {
            agents[agent]?.executors[id, default: [:]][executor.executorID] = executor
        }
        frameworks[id]?.tasks[task.taskID] = Task(record: Self.record(of: task, framework: id), role: role)
        log(
            "launching task on agent \(agent.value) (\(agents[agent]?.info.hostname ?? ""))", task: task.taskID,
            framework: id)
        run(task, id, agent, launchesExecutor: isNewExecutor)
    }

    /// Schedulers of one role may leave out whom the resources are allocated to.
    private static func allocated(_ resources: [Mesos.Resource], to role: String) -> [Mesos.Resource] {
        resources.map { resource in
            guard resource.allocationInfo == nil else { return resource }
            var allocated = resource
            allocated.allocationInfo = .with { $0.role = role }
            return allocated
        }
    }

    private mutating func run(
        _ task: Mesos.TaskInfo, _ id: Mesos.FrameworkID, _ agent: Mesos.AgentID, launchesExecutor: Bool
    ) {
        guard let framework = frameworks[id] else { return }
        let resourceVersion = agents[agent]?.resourceVersion
        send(
            Internal.RunTaskMessage.with {
                $0.framework = framework.info
                $0.pid = "@0.0.0.0:0"
                $0.task = task
                $0.launchExecutor = launchesExecutor
                if let resourceVersion { $0.resourceVersionUUIDs = [.with { $0.uuid = resourceVersion }] }
            }, to: agent)
    }

    static func record(of task: Mesos.TaskInfo, framework: Mesos.FrameworkID) -> Mesos.Task {
        .with {
            $0.name = task.name
            $0.taskID = task.taskID
            $0.frameworkID = framework
            $0.executorID = task.executor?.executorID
            $0.agentID = task.agentID
            $0.state = .taskStaging
            $0.resources = task.resources
            $0.limits = task.limits
            $0.labels = task.labels
            $0.discovery = task.discovery
            $0.container = task.container
            $0.healthCheck = task.healthCheck
            $0.killPolicy = task.killPolicy
            $0.user = task.command?.user ?? task.executor?.command?.user
        }
    }
}

/// What a task must be to be launched (master/validation.cpp of Mesos has the same rules and words).
enum TaskValidation {
    struct Context {
        let agent: Mesos.AgentID
        let role: String
        let available: Resources
        /// The task's resources and those of an executor started for it.
        let needed: Resources
        let isKnown: Bool
    }

    static func complaint(about task: Mesos.TaskInfo, _ context: Context) -> String? {
        if let complaint = IdentifierRules.complaint(about: task.taskID.value) { return complaint }
        if context.isKnown { return "Task has duplicate ID: \(task.taskID.value)" }
        if task.agentID != context.agent {
            return "Task uses invalid agent \(task.agentID.value) while agent \(context.agent.value) is expected"
        }
        if (task.command == nil) == (task.executor == nil) {
            return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
        }
        if let grace = task.killPolicy?.gracePeriod, grace.nanoseconds < 0 {
            return "Task's 'kill_policy.grace_period' must be non-negative"
        }
        if let time = task.maxCompletionTime, time.nanoseconds < 0 {
            return "Task's `max_completion_time` must be non-negative"
        }
        if let executor = task.executor, let complaint = IdentifierRules.complaint(about: executor.executorID.value) {
            return complaint
        }
        return resourcesComplaint(task, context)
    }

    private static func resourcesComplaint(_ task: Mesos.TaskInfo, _ context: Context) -> String? {
        for resource in task.resources {
            if let amount = resource.scalar?.value, amount < 0 || !amount.isFinite {
                return "Task uses invalid resources: Invalid resource \(resource.name): negative or no number"
            }
        }
        if Resources(task.resources).isEmpty { return "Task uses no resources" }
        if task.resources.contains(where: { $0.allocationInfo?.role != context.role }) {
            return "Task uses resources that are not allocated to role '\(context.role)'"
        }
        guard context.available.contains(context.needed) else {
            return
                "Total resources \(context.needed.text(allocatedTo: context.role)) required by task and its executor "
                + "is more than available \(context.available.text(allocatedTo: context.role))"
        }
        return nil
    }
}
