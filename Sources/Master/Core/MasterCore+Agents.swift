import Libprocess
import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    mutating func receive(_ message: LibprocessMessage, _ now: Timestamp) {
        if let from = message.from, message.decode(Internal.PongSlaveMessage.self) != nil { return pong(from) }
        guard message.to == "master", let from = message.from else { return metrics.count("dropped_messages") }
        if let register = message.decode(Internal.RegisterSlaveMessage.self) {
            self.register(register, from, now)
        } else if let reregister = message.decode(Internal.ReregisterSlaveMessage.self) {
            self.reregister(reregister, from, now)
        } else if let unregister = message.decode(Internal.UnregisterSlaveMessage.self) {
            metrics.count("messages_unregister_slave")
            guard agents[unregister.agentID]?.pid == from else { return }
            removeAgent(unregister.agentID, "the agent unregistered", now)
        } else if let update = message.decode(Internal.UpdateSlaveMessage.self) {
            metrics.count("messages_update_slave")
            if let version = update.resourceVersionUUID { agents[update.agentID]?.resourceVersion = version }
        } else if let update = message.decode(Internal.StatusUpdateMessage.self) {
            statusUpdate(update)
        } else if let exited = message.decode(Internal.ExitedExecutorMessage.self) {
            executorExited(exited)
        } else if let data = message.decode(Internal.ExecutorToFrameworkMessage.self) {
            metrics.count("messages_executor_to_framework")
            send(.message, to: data.frameworkID) { event in
                event.message = .with {
                    $0.agentID = data.agentID
                    $0.executorID = data.executorID
                    $0.data = data.data
                }
            }
        } else {
            metrics.count("dropped_messages")
            log("dropped message \(message.name) from \(from)")
        }
    }

    private mutating func register(_ message: Internal.RegisterSlaveMessage, _ from: UPID, _ now: Timestamp) {
        metrics.count("messages_register_slave")
        guard Self.isSupported(message.version) else { return }
        if let known = agents.values.first(where: { $0.pid == from }) {
            if known.isConnected { return sendRegistered(known.id) }
            removeAgent(known.id, "a new agent registered at the same address", now)
        }
        let id = Mesos.AgentID("\(info.id)-S\(nextAgent)")
        nextAgent += 1
        var agentInfo = message.slave
        agentInfo.id = id
        addAgent(
            agentInfo, from, version: message.version ?? "", capabilities: message.agentCapabilities,
            resourceVersion: message.resourceVersionUUID, now)
        metrics.count("slave_registrations")
        effects.append(.persist(registry))
        effects.append(.link(from))
        sendRegistered(id)
        ping(id, now)
        isAllocationDue = true
        log("agent \(id.value) at \(from) (\(agentInfo.hostname)) registered")
    }

    /// Mesos drops agents older than 1.0 and those that do not tell their version.
    private static func isSupported(_ version: String?) -> Bool {
        guard let major = version?.split(separator: ".").first.flatMap({ Int($0) }) else { return false }
        return major >= 1
    }

    private mutating func addAgent(
        _ agentInfo: Mesos.AgentInfo, _ pid: UPID, version: String, capabilities: [Mesos.AgentInfo.Capability],
        resourceVersion: Mesos.UUID?, _ now: Timestamp
    ) {
        guard let id = agentInfo.id else { return }
        let total = Resources(agentInfo.resources)
        agents[id] = Agent(
            info: agentInfo, pid: pid, version: version, capabilities: capabilities, resourceVersion: resourceVersion,
            total: total, registeredAt: now, observer: "slave-observer(\(nextObserver))",
            nextPing: now + configuration.pingTimeout)
        nextObserver += 1
        allocator.addAgent(id, total: total)
    }

    private var connection: Internal.MasterSlaveConnection {
        .with {
            $0.totalPingTimeoutSeconds =
                configuration.pingTimeout.inSeconds * Double(configuration.maximumPingTimeouts)
        }
    }

    private mutating func sendRegistered(_ id: Mesos.AgentID) {
        send(
            Internal.SlaveRegisteredMessage.with {
                $0.agentID = id
                $0.connection = connection
            }, to: id)
    }

    private mutating func reregister(_ message: Internal.ReregisterSlaveMessage, _ from: UPID, _ now: Timestamp) {
        metrics.count("messages_reregister_slave")
        guard Self.isSupported(message.version), let id = message.slave.id, !id.value.isEmpty,
            message.tasks.allSatisfy({ $0.agentID == id })
        else { return }
        if let known = agents[id], known.pid.ip != from.ip || known.info.hostname != message.slave.hostname {
            let shutdown = Internal.ShutdownMessage.with {
                $0.message = "Agent attempted to reregister with different IP / hostname"
            }
            return effects.append(.send(to: from, from: "master", shutdown))
        }
        let wasKnown = agents[id] != nil
        let wasRecovered = recoveredAgents.removeValue(forKey: id) != nil
        unreachableAgents[id] = nil
        var reconciliations: [Internal.ReconcileTasksMessage] = []
        if wasKnown {
            reconnect(message, id, from, now)
            reconciliations = self.reconciliations(message, id)
            removeUnlisted(message, id)
        } else {
            addAgent(
                message.slave, from, version: message.version ?? "", capabilities: message.agentCapabilities,
                resourceVersion: message.resourceVersionUUID, now)
        }
        metrics.count("slave_reregistrations")
        adopt(message, id, tell: !wasRecovered, now)
        effects.append(.persist(registry))
        effects.append(.link(from))
        send(
            Internal.SlaveReregisteredMessage.with {
                $0.agentID = id
                $0.reconciliations = reconciliations
                $0.connection = connection
            }, to: id)
        ping(id, now)
        afterReregistration(message, id)
        isAllocationDue = true
        log("agent \(id.value) at \(from) reregistered with \(message.tasks.count) tasks")
    }

    private mutating func reconnect(
        _ message: Internal.ReregisterSlaveMessage, _ id: Mesos.AgentID, _ from: UPID, _ now: Timestamp
    ) {
        agents[id]?.pid = from
        agents[id]?.info = message.slave
        agents[id]?.version = message.version ?? ""
        agents[id]?.capabilities = message.agentCapabilities
        agents[id]?.resourceVersion = message.resourceVersionUUID
        agents[id]?.total = Resources(message.slave.resources)
        agents[id]?.reregisteredAt = now
        agents[id]?.disconnectedAt = nil
        agents[id]?.unansweredPings = 0
        allocator.addAgent(id, total: Resources(message.slave.resources))
    }

    /// Tasks that this master knows and the agent does not: the agent answers for each of them.
    private func reconciliations(
        _ message: Internal.ReregisterSlaveMessage, _ id: Mesos.AgentID
    ) -> [Internal.ReconcileTasksMessage] {
        let listed = Set(message.tasks.map { "\($0.frameworkID.value)/\($0.taskID.value)" })
        return frameworks.values.sorted { $0.id.value < $1.id.value }.compactMap { framework in
            let missing = framework.tasks.values.filter {
                $0.record.agentID == id && !$0.record.state.isTerminal
                    && !listed.contains("\(framework.id.value)/\($0.record.taskID.value)")
            }
            guard !missing.isEmpty else { return nil }
            return .with { message in
                message.frameworkID = framework.id
                message.framework = framework.info
                message.statuses = missing.sorted { $0.record.taskID.value < $1.record.taskID.value }.map { task in
                    .with {
                        $0.taskID = task.record.taskID
                        $0.state = task.record.state
                        $0.agentID = id
                    }
                }
            }
        }
    }

    /// Executors that the agent does not have any more.
    private mutating func removeUnlisted(_ message: Internal.ReregisterSlaveMessage, _ id: Mesos.AgentID) {
        for (framework, executors) in agents[id]?.executors ?? [:] {
            let listed = Set(message.executorInfos.filter { $0.frameworkID == framework }.map(\.executorID))
            for (executorID, executor) in executors where !listed.contains(executorID) {
                agents[id]?.executors[framework]?[executorID] = nil
                let role = executor.resources.first?.allocationInfo?.role ?? "*"
                allocator.recover(Resources(executor.resources), on: id, from: framework, role: role)
            }
        }
    }

    /// Takes in the frameworks, executors and tasks that an agent brings along.
    private mutating func adopt(
        _ message: Internal.ReregisterSlaveMessage, _ id: Mesos.AgentID, tell: Bool, _ now: Timestamp
    ) {
        for info in message.frameworks {
            guard let frameworkID = info.id, frameworks[frameworkID] == nil,
                !completedFrameworks.contains(where: { $0.id == frameworkID })
            else { continue }
            var framework = Framework(id: frameworkID, info: info, registeredAt: now, lastHeartbeat: now)
            framework.isRecovered = true
            framework.disconnectedAt = now
            frameworks[frameworkID] = framework
            allocator.addFramework(frameworkID, roles: framework.roles, suppressed: [])
            allocator.deactivateFramework(frameworkID)
        }
        for executor in message.executorInfos {
            guard let frameworkID = executor.frameworkID, frameworks[frameworkID] != nil,
                agents[id]?.executors[frameworkID]?[executor.executorID] == nil
            else { continue }
            agents[id]?.executors[frameworkID, default: [:]][executor.executorID] = executor
            let role = executor.resources.first?.allocationInfo?.role ?? "*"
            allocator.allocate(Resources(executor.resources), on: id, to: frameworkID, role: role)
        }
        for task in message.tasks { adopt(task, id, tell: tell, now) }
        // What it came back without never reached it, or ended with it: gone, not unreachable for ever.
        for frameworkID in frameworks.keys { frameworks[frameworkID]?.unreachableTasks.removeAll { $0.agentID == id } }
    }

    private mutating func adopt(_ task: Mesos.Task, _ id: Mesos.AgentID, tell: Bool, _ now: Timestamp) {
        let frameworkID = task.frameworkID
        guard let framework = frameworks[frameworkID] else { return }
        frameworks[frameworkID]?.unreachableTasks.removeAll { $0.taskID == task.taskID }
        guard framework.tasks[task.taskID] == nil else { return }
        // Its end was acknowledged already, which the agent has not heard: it sends the update again.
        if task.state.isTerminal, framework.completedTasks.contains(where: { $0.taskID == task.taskID }) { return }
        let role = task.resources.first?.allocationInfo?.role ?? framework.roles.sorted().first ?? "*"
        var adopted = Task(record: task, role: role)
        adopted.isReleased = task.state.isTerminal
        frameworks[frameworkID]?.tasks[task.taskID] = adopted
        if !adopted.isReleased { allocator.allocate(adopted.resources, on: id, to: frameworkID, role: role) }
        guard tell else { return }
        sendStatus(
            task.taskID, task.state, .reasonAgentReregistered, "Unreachable agent re-reregistered", agent: id,
            to: frameworkID, now, containerStatus: task.statuses.last?.containerStatus, executor: task.executorID)
    }

    private mutating func afterReregistration(_ message: Internal.ReregisterSlaveMessage, _ id: Mesos.AgentID) {
        for framework in message.frameworks {
            guard let frameworkID = framework.id else { continue }
            if completedFrameworks.contains(where: { $0.id == frameworkID }) {
                send(Internal.ShutdownFrameworkMessage.with { $0.frameworkID = frameworkID }, to: id)
            } else {
                sendFrameworkInfo(frameworkID, to: id)
            }
            for task in (frameworks[frameworkID]?.tasks ?? [:]).values
            where task.isKillRequested && task.record.agentID == id && !task.record.state.isTerminal {
                send(
                    Internal.KillTaskMessage.with {
                        $0.frameworkID = frameworkID
                        $0.taskID = task.record.taskID
                    }, to: id)
            }
        }
    }

    private mutating func executorExited(_ message: Internal.ExitedExecutorMessage) {
        metrics.count("messages_exited_executor")
        guard
            let executor = agents[message.agentID]?.executors[message.frameworkID]?
                .removeValue(forKey: message.executorID)
        else { return }
        let role = executor.resources.first?.allocationInfo?.role ?? "*"
        allocator.recover(Resources(executor.resources), on: message.agentID, from: message.frameworkID, role: role)
        send(.failure, to: message.frameworkID) { event in
            event.failure = .with {
                $0.agentID = message.agentID
                $0.executorID = message.executorID
                $0.status = message.status
            }
        }
    }

    mutating func removeExecutors(of framework: Mesos.FrameworkID, on agent: Mesos.AgentID) {
        for executor in (agents[agent]?.executors.removeValue(forKey: framework) ?? [:]).values {
            let role = executor.resources.first?.allocationInfo?.role ?? "*"
            allocator.recover(Resources(executor.resources), on: agent, from: framework, role: role)
        }
    }
}
