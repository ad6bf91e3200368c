import JSONText
import MesosProtocol
import Resources
import ServiceKit

/// `/metrics/snapshot` of a master: all names are there from the start.
struct MetricsPage {
    let core: MasterCore?
    let startedAt: Timestamp
    let now: Timestamp

    private static let counters = """
        dropped_messages event_queue_dispatches event_queue_http_requests event_queue_messages http_cache_hits \
        invalid_executor_to_framework_messages invalid_framework_to_executor_messages \
        invalid_operation_status_update_acknowledgements invalid_operation_status_updates \
        invalid_status_update_acknowledgements invalid_status_updates messages_authenticate \
        messages_deactivate_framework messages_decline_offers messages_executor_to_framework \
        messages_exited_executor messages_framework_to_executor messages_kill_task messages_launch_tasks \
        messages_operation_status_update messages_operation_status_update_acknowledgement \
        messages_reconcile_operations messages_reconcile_tasks messages_register_framework messages_register_slave \
        messages_reregister_framework messages_reregister_slave messages_resource_request messages_revive_offers \
        messages_status_update messages_status_update_acknowledgement messages_suppress_offers \
        messages_unregister_framework messages_unregister_slave messages_update_slave \
        operator_event_stream_subscribers recovery_slave_removals slave_registrations slave_removals \
        slave_removals/reason_registered slave_removals/reason_unhealthy slave_removals/reason_unregistered \
        slave_reregistrations slave_shutdowns_canceled slave_shutdowns_completed slave_shutdowns_scheduled \
        slave_unreachable_canceled slave_unreachable_completed slave_unreachable_scheduled tasks_dropped tasks_error \
        tasks_failed tasks_finished tasks_gone tasks_gone_by_operator tasks_killed tasks_lost \
        valid_executor_to_framework_messages valid_framework_to_executor_messages \
        valid_operation_status_update_acknowledgements valid_operation_status_updates \
        valid_status_update_acknowledgements valid_status_updates
        """.split(separator: " ").map(String.init)
    private static let operationStates = [
        "dropped", "error", "failed", "finished", "gone_by_operator", "pending", "recovering", "total", "unreachable",
    ]
    private static let operationTypes = [
        "", "create/", "create_disk/", "destroy/", "destroy_disk/", "grow_volume/", "reserve/", "shrink_volume/",
        "unreserve/",
    ]

    var values: [(String, Double)] {
        var values: [String: Double] = [:]
        for name in Self.counters { values["master/\(name)"] = 0 }
        for type in Self.operationTypes {
            for state in Self.operationStates { values["master/operations/\(type)\(state)"] = 0 }
        }
        for name in ["cpus", "gpus", "mem", "disk"] {
            for kind in ["total", "used", "percent"] { values["master/\(name)_revocable_\(kind)"] = 0 }
        }
        values["master/elected"] = core == nil ? 0 : 1
        values["master/uptime_secs"] = (now - startedAt).inSeconds
        if let core { addState(core, &values) }
        for (name, value) in SystemLoad.metrics { values[name] = value }
        return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func addState(_ core: MasterCore, _ values: inout [String: Double]) {
        for (name, count) in core.metrics.counters where name != "allocation_runs" {
            values["master/\(name)"] = Double(count)
        }
        let agents = core.agents.values
        values["master/slaves_connected"] = Double(agents.count(where: \.isConnected))
        values["master/slaves_disconnected"] = Double(agents.count { !$0.isConnected })
        values["master/slaves_active"] = values["master/slaves_connected"]
        values["master/slaves_inactive"] = values["master/slaves_disconnected"]
        values["master/slaves_unreachable"] = Double(core.unreachableAgents.count)
        let frameworks = core.frameworks.values
        values["master/frameworks_connected"] = Double(frameworks.count(where: \.isConnected))
        values["master/frameworks_disconnected"] = Double(frameworks.count { !$0.isConnected })
        values["master/frameworks_active"] = values["master/frameworks_connected"]
        values["master/frameworks_inactive"] = values["master/frameworks_disconnected"]
        values["master/outstanding_offers"] = Double(core.offers.count)
        for state in ["staging", "starting", "running", "killing"] {
            values["master/tasks_\(state)"] = Double(
                frameworks.reduce(0) { sum, framework in
                    sum + framework.tasks.values.count { $0.record.state.name == "TASK_\(state.uppercased())" }
                })
        }
        values["master/tasks_unreachable"] = Double(frameworks.reduce(0) { $0 + $1.unreachableTasks.count })
        addResources(core, &values)
        values["allocator/mesos/allocation_runs"] = Double(core.metrics["allocation_runs"])
    }

    private func addResources(_ core: MasterCore, _ values: inout [String: Double]) {
        let pages = StatePages(core: core, flags: FlagValues.none, startedAt: startedAt)
        let total = core.agents.values.map(\.total).reduce(Resources(), +)
        let used = core.frameworks.values.map { pages.used(by: $0) }.reduce(Resources(), +)
        let offered = core.offers.values.map(\.resources).reduce(Resources(), +)
        for name in ["cpus", "gpus", "mem", "disk"] {
            let all = total.scalar(name)
            values["master/\(name)_total"] = all
            values["master/\(name)_used"] = used.scalar(name)
            values["master/\(name)_percent"] = all > 0 ? used.scalar(name) / all : 0
            guard name != "gpus" else { continue }
            values["allocator/mesos/resources/\(name)/total"] = all
            values["allocator/mesos/resources/\(name)/offered_or_allocated"] =
                used.scalar(name) + offered.scalar(name)
        }
    }
}
