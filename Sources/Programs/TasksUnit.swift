import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The unit of systemd that holds the tasks, when the agent is a service of it: its cgroup is handed to the agent, and
/// what is in there goes on when the agent's own unit ends.
struct TasksUnit: Equatable {
    /// The cgroup below the hierarchy, for `--cgroups_root`.
    let root: String
    /// The directory of the cgroup of launchers, and of tasks that have none of their own.
    let launchers: String

    /// Nil when the variable `MESOS_TASKS_CGROUP` names no cgroup, or there is no cgroup v2.
    init?(environment: [String: String], hierarchy: String) throws {
        guard let name = environment["MESOS_TASKS_CGROUP"], !name.isEmpty else { return nil }
        guard access("\(hierarchy)/\(name)/cgroup.controllers", F_OK) == 0 else { return nil }
        root = name
        launchers = "\(hierarchy)/\(name)/launchers"
        try SmallFile.makeDirectory(launchers)
    }
}
