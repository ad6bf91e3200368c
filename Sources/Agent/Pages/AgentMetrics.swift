import JSONText
import MesosProtocol
import Resources
import ServiceKit

extension AgentPages {
    private static let counters = """
        containerizer/fetcher/cache_size_total_bytes containerizer/fetcher/cache_size_used_bytes \
        containerizer/fetcher/task_fetches_failed containerizer/fetcher/task_fetches_succeeded \
        containerizer/mesos/container_destroy_errors containerizer/mesos/provisioner/bind/remove_rootfs_errors \
        containerizer/mesos/provisioner/remove_container_errors gc/path_removals_failed gc/path_removals_pending \
        gc/path_removals_succeeded resource_provider_manager/events/disconnect \
        resource_provider_manager/events/subscribe resource_provider_manager/subscribed slave/container_launch_errors \
        slave/executor_directory_max_allowed_age_secs slave/executors_preempted slave/executors_registering \
        slave/executors_terminated slave/executors_terminating slave/invalid_framework_messages \
        slave/invalid_status_updates slave/recovery_errors slave/recovery_time_secs slave/tasks_failed \
        slave/tasks_finished slave/tasks_gone slave/tasks_killed slave/tasks_killing slave/tasks_lost \
        slave/tasks_running slave/tasks_staging slave/tasks_starting slave/valid_framework_messages \
        slave/valid_status_updates
        """.split(separator: " ").map(String.init)

    /// `/metrics/snapshot` of an agent: all names are there from the start.
    func metrics() -> [UInt8] {
        var values: [String: Double] = [:]
        for name in Self.counters { values[name] = 0 }
        let used = core.tasks.values.filter { $0.phase != .ended }.map(\.resources).reduce(Resources(), +)
        let total = Resources(core.info.resources)
        for name in ["cpus", "gpus", "mem", "disk"] {
            let all = total.scalar(name)
            values["slave/\(name)_total"] = all
            values["slave/\(name)_used"] = used.scalar(name)
            values["slave/\(name)_percent"] = all > 0 ? used.scalar(name) / all : 0
            for kind in ["total", "used", "percent"] { values["slave/\(name)_revocable_\(kind)"] = 0 }
        }
        for task in Array(core.tasks.values) + core.completed {
            values["slave/tasks_\(task.state.name.dropFirst("TASK_".count).lowercased())", default: 0] += 1
        }
        values["slave/uptime_secs"] = (now - startedAt).inSeconds
        values["slave/registered"] = core.isRegistered ? 1 : 0
        values["slave/frameworks_active"] = Double(Set(core.tasks.keys.map(\.framework)).count)
        values["slave/executors_running"] = Double(core.tasks.values.count { $0.phase == .running })
        for (name, value) in SystemLoad.metrics { values[name] = value }
        var writer = JSONWriter()
        writer.beginObject()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) { writer.field(name, value) }
        writer.endObject()
        return writer.bytes
    }
}
