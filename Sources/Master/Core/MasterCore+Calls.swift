import MesosProtocol
import ServiceKit

extension MasterCore {
    /// One call of a subscribed scheduler, after Mesos's checks in Mesos's order.
    mutating func call(_ call: SchedulerAPI.Call, _ stream: String?, _ now: Timestamp) {
        if let complaint = CallValidation.complaint(about: call) {
            return answer(400, "Failed to validate scheduler::Call: \(complaint)")
        }
        guard let id = call.frameworkID, let framework = frameworks[id] else {
            return answer(400, "Framework cannot be found")
        }
        guard framework.isConnected else { return answer(403, "Framework is not subscribed") }
        guard let stream else {
            return answer(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
        }
        guard stream == framework.stream else {
            return answer(
                400,
                "The stream ID '\(stream)' included in this request didn't match the stream ID currently associated "
                    + "with framework ID \(id.value)")
        }
        if let operation = CallValidation.unsupported(call) {
            return answer(501, "\(operation) is not supported by this version")
        }
        answer(202, "")
        perform(call, id, now)
    }

    private mutating func answer(_ status: Int, _ text: String) {
        effects.append(.answer(status: status, text))
    }

    private mutating func perform(_ call: SchedulerAPI.Call, _ id: Mesos.FrameworkID, _ now: Timestamp) {
        switch call.type {
        case .teardown: removeFramework(id, now)
        case .accept: if let accept = call.accept { self.accept(accept, id, now) }
        case .decline: if let decline = call.decline { self.decline(decline, id, now) }
        case .revive:
            metrics.count("messages_revive_offers")
            let roles = Self.named(call.revive?.roles ?? [], orAllOf: frameworks[id])
            allocator.revive(id, roles: roles)
            frameworks[id]?.suppressedRoles.subtract(roles)
            isAllocationDue = true
        case .suppress:
            metrics.count("messages_suppress_offers")
            let roles = Self.named(call.suppress?.roles ?? [], orAllOf: frameworks[id])
            allocator.suppress(id, roles: roles)
            frameworks[id]?.suppressedRoles.formUnion(roles)
        case .kill: if let kill = call.kill { self.kill(kill, id, now) }
        case .acknowledge: if let acknowledge = call.acknowledge { self.acknowledge(acknowledge, id) }
        case .reconcile: if let reconcile = call.reconcile { self.reconcile(reconcile.tasks, id, now) }
        case .shutdown:
            guard let shutdown = call.shutdown else { return }
            send(
                Internal.ShutdownExecutorMessage.with {
                    $0.executorID = shutdown.executorID
                    $0.frameworkID = id
                }, to: shutdown.agentID)
        case .message:
            guard let message = call.message else { return }
            metrics.count("messages_framework_to_executor")
            send(
                Internal.FrameworkToExecutorMessage.with {
                    $0.agentID = message.agentID
                    $0.frameworkID = id
                    $0.executorID = message.executorID
                    $0.data = message.data
                }, to: message.agentID)
        default: break  // REQUEST: taken and ignored, as Mesos's allocator does.
        }
    }

    private static func named(_ roles: [String], orAllOf framework: Framework?) -> [String] {
        roles.isEmpty ? (framework?.roles ?? []).sorted() : roles
    }

    private mutating func decline(_ decline: SchedulerAPI.Call.Decline, _ id: Mesos.FrameworkID, _ now: Timestamp) {
        metrics.count("messages_decline_offers")
        let end = refusalEnd(decline.filters, now)
        for offer in decline.offerIDs where offers[offer]?.message.frameworkID == id {
            removeOffer(offer, refusedUntil: end)
        }
    }

    private mutating func kill(_ kill: SchedulerAPI.Call.Kill, _ id: Mesos.FrameworkID, _ now: Timestamp) {
        metrics.count("messages_kill_task")
        guard let task = frameworks[id]?.tasks[kill.taskID] else {
            let question = SchedulerAPI.Call.Reconcile.Task.with {
                $0.taskID = kill.taskID
                $0.agentID = kill.agentID
            }
            return reconcile([question], id, now)
        }
        frameworks[id]?.tasks[kill.taskID]?.isKillRequested = true
        guard agents[task.record.agentID]?.isConnected == true else { return }
        send(
            Internal.KillTaskMessage.with {
                $0.frameworkID = id
                $0.taskID = kill.taskID
                $0.killPolicy = kill.killPolicy
            }, to: task.record.agentID)
    }

    private mutating func acknowledge(_ call: SchedulerAPI.Call.Acknowledge, _ id: Mesos.FrameworkID) {
        metrics.count("messages_status_update_acknowledgement")
        // The update of a task that is history by now is acknowledged all the same: its agent sends it again.
        let task = frameworks[id]?.tasks[call.taskID]
        guard agents[call.agentID]?.isConnected == true, task == nil || task?.record.statusUpdateUUID != nil else {
            return metrics.count("invalid_status_update_acknowledgements")
        }
        metrics.count("valid_status_update_acknowledgements")
        send(
            Internal.StatusUpdateAcknowledgementMessage.with {
                $0.agentID = call.agentID
                $0.frameworkID = id
                $0.taskID = call.taskID
                $0.uuid = call.uuid
            }, to: call.agentID)
        if let task, task.record.statusUpdateUUID == call.uuid, task.record.statusUpdateState?.isTerminal == true {
            complete(call.taskID, of: id)
        }
    }
}

/// What every call must have (scheduler::call::validate); the texts are Mesos's.
enum CallValidation {
    static func complaint(about call: SchedulerAPI.Call) -> String? {
        guard let type = call.type else { return "Expecting 'type' to be present" }
        func present(_ isPresent: Bool, _ field: String) -> String? {
            isPresent ? nil : "Expecting '\(field)' to be present"
        }
        if type == .subscribe {
            guard let subscribe = call.subscribe else { return "Expecting 'subscribe' to be present" }
            let isSame = subscribe.frameworkInfo.id == call.frameworkID
            return isSame ? nil : "'framework_id' differs from 'subscribe.framework_info.id'"
        }
        guard call.frameworkID != nil else { return "Expecting 'framework_id' to be present" }
        if let update = call.updateFramework, update.frameworkInfo.id != call.frameworkID {
            return "'framework_id' differs from 'update_framework.framework_info.id'"
        }
        switch type {
        case .accept: return present(call.accept != nil, "accept")
        case .decline: return present(call.decline != nil, "decline")
        case .acceptInverseOffers: return present(call.acceptInverseOffers != nil, "accept_inverse_offers")
        case .declineInverseOffers: return present(call.declineInverseOffers != nil, "decline_inverse_offers")
        case .kill: return present(call.kill != nil, "kill")
        case .shutdown: return present(call.shutdown != nil, "shutdown")
        case .acknowledge:
            guard let acknowledge = call.acknowledge else { return "Expecting 'acknowledge' to be present" }
            return acknowledge.uuid.count == 16
                ? nil : "Not a valid UUID"
        case .acknowledgeOperationStatus:
            return present(call.acknowledgeOperationStatus != nil, "acknowledge_operation_status")
        case .reconcile: return present(call.reconcile != nil, "reconcile")
        case .reconcileOperations: return present(call.reconcileOperations != nil, "reconcile_operations")
        case .message: return present(call.message != nil, "message")
        case .request: return present(call.request != nil, "request")
        case .updateFramework: return present(call.updateFramework != nil, "update_framework")
        case .unknown, .subscribe, .teardown, .revive, .suppress: return nil
        }
    }

    /// The name of what a call asks for that is not there yet; nothing of such a call is done.
    static func unsupported(_ call: SchedulerAPI.Call) -> String? {
        switch call.type {
        case .unknown, .acceptInverseOffers, .declineInverseOffers, .acknowledgeOperationStatus, .reconcileOperations,
            .updateFramework:
            return call.type?.name
        case .accept:
            let other = call.accept?.operations.first { $0.type != .launch }
            return other.map { "Operation \($0.type?.name ?? "without a type")" }
        default: return nil
        }
    }
}
