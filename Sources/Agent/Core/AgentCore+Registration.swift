import Libprocess
import MesosProtocol
import ServiceKit

extension AgentCore {
    /// What this agent can do; the master sends it only what fits.
    static let capabilities: [Mesos.AgentInfo.Capability] = [
        .multiRole, .hierarchicalRole, .reservationRefinement,
    ].map { type in .with { $0.type = type } }

    mutating func detected(_ master: UPID?, _ now: Timestamp) {
        self.master = master
        isRegistered = false
        attempts = 0
        nextRegistration = nil
        guard let master else { return log("no master leads") }
        log("the leading master is \(master)")
        lastPing = now
        scheduleRegistration(now)
    }

    private mutating func scheduleRegistration(_ now: Timestamp) {
        // A random moment within the back-off, which doubles with each attempt up to a minute.
        let base = configuration.registrationBackoff.inSeconds
        let longest = attempts == 0 ? base : min(60, base * Double(1 << min(attempts, 16)))
        nextRegistration = now + .seconds(Double.random(in: 0...max(longest, 0), using: &generator))
        attempts += 1
    }

    mutating func registerIfDue(_ now: Timestamp) {
        if isRegistered, let master, now - lastPing > totalPingTimeout {
            log("no ping from the master for \(DurationText.print(totalPingTimeout)): registering again")
            detected(master, now)
        }
        guard let master, !isRegistered, let due = nextRegistration, due <= now else { return }
        scheduleRegistration(now)
        effects.append(.link(master))
        effects.append(.send(to: master, info.id == nil ? registration : reregistration))
    }

    private var registration: any ProtoMessage {
        Internal.RegisterSlaveMessage.with {
            $0.slave = info
            $0.version = Version.mesos
            $0.agentCapabilities = Self.capabilities
            $0.resourceVersionUUID = .with { $0.value = resourceVersion }
        }
    }

    private var reregistration: any ProtoMessage {
        let own = tasks.values.filter { !terminating.contains($0.key.framework) && !$0.info.resources.isEmpty }
            .sorted { $0.key.task.value < $1.key.task.value }
        let present = Set(own.map(\.key.framework))
        return Internal.ReregisterSlaveMessage.with { message in
            message.slave = info
            message.version = Version.mesos
            message.agentCapabilities = Self.capabilities
            message.resourceVersionUUID = .with { $0.value = resourceVersion }
            message.tasks = own.map(\.record)
            message.frameworks = present.sorted { $0.value < $1.value }.compactMap { frameworks[$0] }
        }
    }

    mutating func registered(_ id: Mesos.AgentID, _ connection: Internal.MasterSlaveConnection?, _ now: Timestamp) {
        if let known = info.id, known != id {
            return effects.append(.exit("the master knows this agent as \(id.value), but it is \(known.value)"))
        }
        if let seconds = connection?.totalPingTimeoutSeconds { totalPingTimeout = .seconds(seconds) }
        guard !isRegistered else { return }
        isRegistered = true
        nextRegistration = nil
        attempts = 0
        lastPing = now
        if info.id == nil {
            info.id = id
            effects.append(.persistAgent(info))
        }
        log("registered as agent \(id.value)")
        for key in tasks.keys { tasks[key]?.nextSend = now }
        resendUpdates(now)
    }

    /// A master that is gone may be back at once, as after its restart: it is told of this agent again.
    mutating func exited(_ address: String, _ now: Timestamp) {
        guard isRegistered, let master, master.address == address else { return }
        log("the connection to the master broke: registering again")
        detected(master, now)
    }

    mutating func pinged(_ ping: Internal.PingSlaveMessage, _ from: UPID, _ now: Timestamp) {
        guard from.address == master?.address else { return }
        lastPing = now
        effects.append(.send(to: from, Internal.PongSlaveMessage()))
        if !ping.connected, isRegistered, let master {
            log("the master takes this agent as disconnected: registering again")
            detected(master, now)
        }
    }
}
