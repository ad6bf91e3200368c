import Containerizer
import MesosProtocol
import ServiceKit

extension AgentCore {
    mutating func run(_ message: Internal.RunTaskMessage, _ now: Timestamp) {
        guard let framework = message.framework.id, let agent = info.id, message.task.agentID == agent else { return }
        let key = TaskKey(framework: framework, task: message.task.taskID)
        // The list of tasks that the master takes from the reregistration under way does not have this one. Left out,
        // it comes to its end there: the master asks for what it misses.
        guard isRegistered else { return log("ignored a task: this agent is not registered", key) }
        guard tasks[key] == nil, !terminating.contains(framework) else { return }
        frameworks[framework] = message.framework
        var task = message.task
        for index in task.resources.indices where task.resources[index].allocationInfo == nil {
            let role = message.framework.roles.first ?? message.framework.roleOrDefault
            task.resources[index].allocationInfo = .with { $0.role = role }
        }
        let container = UUIDText.text(Self.uuid(&generator))
        let deadline = now + configuration.executorRegistrationTimeout
        tasks[key] = AgentTask(
            key: key, info: task, containerID: container, phase: .launching(deadline: deadline), now: now)
        persist(key)
        if let complaint = Self.unsupported(task) {
            tasks[key]?.phase = .ended
            return update(key, .taskFailed, .sourceAgent, .reasonContainerLaunchFailed, complaint, now)
        }
        log("launching task", key)
        if let specification = specification(key) { effects.append(.launch(specification)) }
    }

    /// What a task asks for that is not there yet; nothing of it is silently left out.
    private static func unsupported(_ task: Mesos.TaskInfo) -> String? {
        if task.executor != nil { return "Custom executors are not supported by this version of the agent" }
        if task.healthCheck != nil || task.check != nil {
            return "Checks by the agent are not supported by this version"
        }
        if task.command?.uris.isEmpty == false { return "Fetching URIs is not supported by this version of the agent" }
        if !task.limits.isEmpty { return "Resource limits above the request are not supported by this version" }
        let isSecret = task.command?.environment?.variables.contains { $0.secret != nil } == true
        return isSecret ? "Secrets are not supported by this version of the agent" : nil
    }

    mutating func refuseGroup(_ message: Internal.RunTaskGroupMessage, _ now: Timestamp) {
        guard isRegistered, let framework = message.framework.id else { return }
        frameworks[framework] = message.framework
        for task in message.taskGroup.tasks {
            let key = TaskKey(framework: framework, task: task.taskID)
            guard tasks[key] == nil else { continue }
            tasks[key] = AgentTask(
                key: key, info: task, containerID: UUIDText.text(Self.uuid(&generator)), phase: .ended, now: now)
            update(
                key, .taskFailed, .sourceAgent, .reasonContainerLaunchFailed,
                "Task groups are not supported by this version of the agent", now)
        }
    }

    /// Where a task's sandbox is; the last part is the container's.
    func sandbox(_ task: AgentTask) -> String {
        let agent = info.id?.value ?? ""
        return "\(configuration.workDirectory)/slaves/\(agent)/frameworks/\(task.key.framework.value)/executors/"
            + "\(task.key.task.value)/runs/\(task.containerID)"
    }

    func specification(_ key: TaskKey) -> ContainerSpecification? {
        guard let task = tasks[key], let framework = frameworks[key.framework] else { return nil }
        let sandbox = sandbox(task)
        var environment = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        environment.merge(configuration.environment) { $1 }
        environment["MESOS_SANDBOX"] = sandbox
        environment["MESOS_DIRECTORY"] = sandbox
        environment["MESOS_FRAMEWORK_ID"] = key.framework.value
        environment["MESOS_EXECUTOR_ID"] = key.task.value
        environment["MESOS_SLAVE_ID"] = info.id?.value
        environment["MESOS_ALLOCATION_ROLE"] = task.role
        for variable in task.info.command?.environment?.variables ?? [] {
            environment[variable.name] = variable.value ?? ""
        }
        let command = task.info.command ?? Mesos.CommandInfo()
        return ContainerSpecification(
            id: task.containerID, taskID: key.task.value, frameworkID: key.framework.value, command: command,
            container: task.info.container, resources: task.info.resources, environment: environment,
            user: configuration.switchesUser ? command.user ?? framework.user : nil, sandbox: sandbox,
            stateDirectory: "\(configuration.runtimeDirectory)/containers/\(task.containerID)")
    }

    private func key(ofContainer id: String) -> TaskKey? {
        tasks.values.first { $0.containerID == id }?.key
    }

    mutating func launched(
        _ container: String, _ result: Result<Mesos.ContainerStatus, ContainerError>, _ now: Timestamp
    ) {
        guard let key = key(ofContainer: container), let task = tasks[key] else {
            return effects.append(.destroy(container: container))
        }
        if terminating.contains(key.framework) {
            tasks[key]?.phase = .ended
            effects.append(.destroy(container: container))
            return forget(key)
        }
        switch result {
        case .failure(let error):
            defer { effects.append(.destroy(container: container)) }
            guard task.phase != .ended else { return }
            tasks[key]?.phase = .ended
            let state: Mesos.TaskState = task.isKillRequested ? .taskKilled : .taskFailed
            let reason: Mesos.TaskStatus.Reason =
                task.isKillRequested ? .reasonTaskKilledDuringLaunch : .reasonContainerLaunchFailed
            update(key, state, .sourceAgent, reason, "Failed to launch container: \(error)", now)
        case .success(var status):
            guard task.phase != .ended else { return effects.append(.destroy(container: container)) }
            let address = configuration.address
            status.containerID = .with { $0.value = container }
            if status.networkInfos.isEmpty {
                status.networkInfos = [.with { $0.ipAddresses = [.with { $0.ipAddress = address }] }]
            }
            tasks[key]?.containerStatus = status
            tasks[key]?.phase = .running
            if let limit = task.info.maxCompletionTime {
                tasks[key]?.completionDeadline = now + .nanoseconds(limit.nanoseconds)
            }
            if task.isKillRequested { planStop(key, now) }
            update(key, .taskStarting, .sourceExecutor, nil, nil, now)
            update(key, .taskRunning, .sourceExecutor, nil, nil, now)
            if task.isKillRequested { stop(key, now) }
        }
    }

    mutating func terminated(_ container: String, _ termination: ContainerTermination, _ now: Timestamp) {
        effects.append(.destroy(container: container))
        guard let key = key(ofContainer: container), let task = tasks[key], task.phase != .ended else { return }
        tasks[key]?.phase = .ended
        if terminating.contains(key.framework) { return forget(key) }
        let text = termination.message ?? Self.describe(termination.status)
        if task.isOverdue {
            return update(
                key, .taskFailed, .sourceExecutor, .reasonMaxCompletionTimeReached,
                "Task exceeded its maximum completion time", now)
        }
        if let reason = termination.reason {
            return update(key, .taskFailed, .sourceAgent, reason, text, limited: termination.limited, now)
        }
        guard let status = termination.status else {
            let state: Mesos.TaskState = task.isKillRequested ? .taskKilled : .taskFailed
            return update(key, state, .sourceAgent, .reasonExecutorTerminated, text, now)
        }
        let state: Mesos.TaskState = task.isKillRequested ? .taskKilled : status == 0 ? .taskFinished : .taskFailed
        update(key, state, .sourceExecutor, nil, text, now)
    }

    /// The words of Mesos's command executor for a status of wait(2).
    static func describe(_ status: Int32?) -> String {
        guard let status else { return "Command ended for an unknown reason" }
        let signal = status & 0x7f
        guard signal != 0 else { return "Command exited with status \(status >> 8 & 0xff)" }
        let names: [Int32: String] = [
            1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap", 6: "Aborted",
            7: "Bus error", 8: "Floating point exception", 9: "Killed", 10: "User defined signal 1",
            11: "Segmentation fault", 12: "User defined signal 2", 13: "Broken pipe", 14: "Alarm clock",
            15: "Terminated",
        ]
        return "Command terminated with signal \(names[signal] ?? String(signal))"
    }

    mutating func kill(_ message: Internal.KillTaskMessage, _ now: Timestamp) {
        let key = TaskKey(framework: message.frameworkID, task: message.taskID)
        guard let task = tasks[key] else {
            guard frameworks[key.framework] != nil else { return }
            return dropUnknown(key, .reasonExecutorTerminated, "Cannot find executor", now)
        }
        guard task.phase != .ended else { return }
        if task.phase == .stopping, task.isKillRequested, !shortens(message, task, now) { return }
        let policy = message.killPolicy?.gracePeriod ?? task.info.killPolicy?.gracePeriod
        tasks[key]?.killGrace = policy.map { .nanoseconds(max(0, $0.nanoseconds)) }
        tasks[key]?.isKillRequested = true
        if case .launching = task.phase {} else { planStop(key, now) }
        persist(key)
        switch task.phase {
        case .running, .stopping: stop(key, now)
        case .launching: effects.append(.destroy(container: task.containerID))
        case .ended: break
        }
    }

    /// Whether a kill asks for an earlier end than the one under way; nothing else comes of asking again, so that a
    /// program which ends in order is not disturbed at it.
    private func shortens(_ message: Internal.KillTaskMessage, _ task: AgentTask, _ now: Timestamp) -> Bool {
        guard let grace = message.killPolicy?.gracePeriod, let deadline = task.stopDeadline else { return false }
        return now + .nanoseconds(max(0, grace.nanoseconds)) < deadline
    }

    /// Sets when a task is killed that is about to be asked to end; to be kept on disk before that is done.
    private mutating func planStop(_ key: TaskKey, _ now: Timestamp) {
        let grace = tasks[key]?.killGrace ?? AgentTask.defaultGrace
        tasks[key]?.stopDeadline = now + grace
    }

    private mutating func stop(_ key: TaskKey, _ now: Timestamp) {
        guard let task = tasks[key] else { return }
        tasks[key]?.phase = .stopping
        let isNews = task.state != .taskKilling && task.isKillRequested
        let knowsKilling = frameworks[key.framework]?.capabilities.contains { $0.type == .taskKillingState } == true
        if isNews, knowsKilling { update(key, .taskKilling, .sourceExecutor, nil, nil, now) }
        effects.append(.stop(container: task.containerID, grace: task.remainingGrace(now)))
    }

    /// Goes on with the stops that were under way when the agent ended: nobody else waits for their grace to end.
    mutating func resumeStops(_ now: Timestamp) {
        let due = tasks.values.filter { $0.phase == .running && ($0.isKillRequested || $0.isOverdue) }
        for task in due.sorted(by: { $0.containerID < $1.containerID }) {
            log("stopping the task, as it was asked for before the agent restarted", task.key)
            stop(task.key, now)
        }
    }

    mutating func superviseTasks(_ now: Timestamp) {
        for (key, task) in tasks {
            switch task.phase {
            case .launching(let deadline) where deadline <= now:
                tasks[key]?.phase = .ended
                effects.append(.destroy(container: task.containerID))
                update(
                    key, task.isKillRequested ? .taskKilled : .taskFailed, .sourceAgent,
                    .reasonExecutorRegistrationTimeout,
                    "The container did not start within "
                        + DurationText.print(configuration.executorRegistrationTimeout), now)
            case .running:
                guard let deadline = task.completionDeadline, deadline <= now else { continue }
                tasks[key]?.isOverdue = true
                planStop(key, now)
                persist(key)
                stop(key, now)
            case .launching, .stopping, .ended: break
            }
        }
    }

    mutating func shutdownFramework(_ id: Mesos.FrameworkID, _ now: Timestamp) {
        guard frameworks[id] != nil else { return }
        terminating.insert(id)
        for task in tasks.values.filter({ $0.key.framework == id }).sorted(by: { $0.containerID < $1.containerID }) {
            switch task.phase {
            case .running, .stopping:
                effects.append(.stop(container: task.containerID, grace: configuration.shutdownGracePeriod))
            case .launching: effects.append(.destroy(container: task.containerID))
            case .ended: forget(task.key)
            }
        }
        forgetFrameworkIfEmpty(id)
    }

    /// The end of all that is kept of a task but its history.
    mutating func forget(_ key: TaskKey) {
        guard let task = tasks.removeValue(forKey: key) else { return }
        effects.append(.forget(container: task.containerID))
        completed.append(task)
        if completed.count > configuration.maximumCompletedTasks { completed.removeFirst() }
        forgetFrameworkIfEmpty(key.framework)
    }

    private mutating func forgetFrameworkIfEmpty(_ id: Mesos.FrameworkID) {
        guard !tasks.keys.contains(where: { $0.framework == id }) else { return }
        terminating.remove(id)
    }
}
