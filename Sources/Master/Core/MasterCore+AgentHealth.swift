import Libprocess
import MesosProtocol
import Resources
import ServiceKit

extension MasterCore {
    /// Sends one ping; its answer comes to the observer's actor.
    mutating func ping(_ id: Mesos.AgentID, _ now: Timestamp) {
        guard let agent = agents[id] else { return }
        agents[id]?.nextPing = now + configuration.pingTimeout
        agents[id]?.unansweredPings += 1
        let ping = Internal.PingSlaveMessage.with { $0.connected = agent.isConnected }
        effects.append(.send(to: agent.pid, from: agent.observer, ping))
    }

    mutating func pong(_ from: UPID) {
        for (id, agent) in agents where agent.pid == from { agents[id]?.unansweredPings = 0 }
    }

    mutating func pingAgents(_ now: Timestamp) {
        for id in agents.filter({ $0.value.nextPing <= now }).keys.sorted(by: { $0.value < $1.value }) {
            if let unanswered = agents[id]?.unansweredPings, unanswered >= configuration.maximumPingTimeouts {
                markUnreachable(id, "health check timed out", now)
            } else {
                ping(id, now)
            }
        }
    }

    /// The connection broke: no offers of it until it reregisters; tasks of frameworks without checkpoints are lost.
    mutating func exited(_ address: String, _ now: Timestamp) {
        for (id, agent) in agents where agent.pid.address == address && agent.isConnected {
            agents[id]?.disconnectedAt = now
            allocator.setActive(id, false)
            rescindOffers(onAgent: id)
            for framework in frameworks.values where framework.info.checkpoint != true {
                loseTasks(
                    of: framework.id, on: id, "Agent \(agent.info.hostname) disconnected", .reasonAgentDisconnected, now
                )
            }
            log("agent \(id.value) disconnected")
        }
    }

    private mutating func loseTasks(
        of framework: Mesos.FrameworkID, on agent: Mesos.AgentID, _ message: String, _ reason: Mesos.TaskStatus.Reason,
        _ now: Timestamp
    ) {
        let tasks = frameworks[framework]?.tasks.values.filter { $0.record.agentID == agent } ?? []
        for task in tasks.sorted(by: { $0.record.taskID.value < $1.record.taskID.value }) {
            let taskID = task.record.taskID
            if !task.record.state.isTerminal {
                frameworks[framework]?.tasks[taskID]?.record.state = .taskLost
                metrics.count("tasks_lost")
                sendStatus(taskID, .taskLost, reason, message, agent: agent, to: framework, now)
            }
            complete(taskID, of: framework)
        }
        removeExecutors(of: framework, on: agent)
    }

    /// Agents that stay away too long are unreachable, those of the registry that never came as well.
    mutating func expireAgents(_ now: Timestamp) {
        let timeout = configuration.agentReregisterTimeout
        for (id, agent) in agents.sorted(by: { $0.key.value < $1.key.value }) {
            if let disconnectedAt = agent.disconnectedAt, now - disconnectedAt >= timeout {
                markUnreachable(id, "agent did not reregister in time", now)
            }
        }
        guard !recoveredAgents.isEmpty, now - startedAt >= timeout else { return }
        for id in recoveredAgents.keys.sorted(by: { $0.value < $1.value }) { unreachableAgents[id] = now }
        recoveredAgents = [:]
        effects.append(.persist(registry))
    }

    /// Its tasks are unreachable, or lost to frameworks that do not know that state; they come back with it.
    mutating func markUnreachable(_ id: Mesos.AgentID, _ message: String, _ now: Timestamp) {
        guard agents[id] != nil else { return }
        rescindOffers(onAgent: id)
        unreachableAgents[id] = now
        metrics.count("slave_removals")
        metrics.count("slave_removals/reason_unhealthy")
        for framework in frameworks.values.sorted(by: { $0.id.value < $1.id.value }) {
            let state = framework.lost(.taskUnreachable)
            let tasks = framework.tasks.values.filter { $0.record.agentID == id }
            for task in tasks.sorted(by: { $0.record.taskID.value < $1.record.taskID.value }) {
                let taskID = task.record.taskID
                release(taskID, of: framework.id)
                frameworks[framework.id]?.tasks[taskID] = nil
                if task.record.state.isTerminal {
                    frameworks[framework.id]?.completedTasks.append(task.record)
                    continue
                }
                var record = task.record
                record.state = state
                frameworks[framework.id]?.unreachableTasks.append(record)
                sendStatus(
                    taskID, state, .reasonAgentRemoved, message, agent: id, to: framework.id, now, unreachableSince: now
                )
            }
            removeExecutors(of: framework.id, on: id)
        }
        dropAgent(id)
        log("agent \(id.value) is unreachable: \(message)")
    }

    /// The agent is gone for good: its tasks are lost.
    mutating func removeAgent(_ id: Mesos.AgentID, _ reason: String, _ now: Timestamp) {
        guard let agent = agents[id] else { return }
        rescindOffers(onAgent: id)
        metrics.count("slave_removals")
        for framework in frameworks.keys.sorted(by: { $0.value < $1.value }) {
            let message = "Agent \(agent.info.hostname) removed: \(reason)"
            loseTasks(of: framework, on: id, message, .reasonAgentRemoved, now)
        }
        dropAgent(id)
        log("agent \(id.value) removed: \(reason)")
    }

    private mutating func dropAgent(_ id: Mesos.AgentID) {
        agents[id] = nil
        allocator.removeAgent(id)
        effects.append(.persist(registry))
        for framework in frameworks.keys.sorted(by: { $0.value < $1.value }) {
            send(.failure, to: framework) { $0.failure = .with { $0.agentID = id } }
        }
    }
}
