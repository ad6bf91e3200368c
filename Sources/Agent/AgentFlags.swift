import ServiceKit
import ZooKeeperClient

/// The flags of `mesos-agent` (Mesos 1.11, configuration/agent). Those marked as not implemented are taken, so that
/// configurations keep working, and named in a warning.
public enum AgentFlags {
    public static let all: [Flag] =
        [
            Flag("master", .text, "host:port, zk://host1:port1,host2:port2/path or file:///path of the master."),
            Flag("ip", .text, default: "0.0.0.0", "Address to listen on."),
            Flag("port", .integer(0...65535), default: "5051", "Port to listen on; 0 asks the kernel."),
            Flag("advertise_ip", .text, "Address told to the master."),
            Flag("advertise_port", .integer(1...65535), "Port told to the master."),
            Flag("hostname", .text, "Name told to others; by default that of the machine."),
            Flag("hostname_lookup", .bool, default: "true", "Without it the address is the name."),
            Flag("work_dir", .text, "Directory of sandboxes and of what survives a restart."),
            Flag("runtime_dir", .text, "Directory of what a reboot may clear."),
            Flag("launcher_dir", .text, "Directory of mesos-launcher; by default that of this program."),
            Flag("resources", .text, "name(role):value;... instead of what is found on the machine."),
            Flag("attributes", .text, "key:value;... for frameworks to choose by."),
            Flag("default_role", .text, default: "*"),
            Flag(
                "containerizers", .text, default: "mesos",
                "Containerizers in the order they are asked, e.g. docker,mesos."),
            Flag(
                "isolation", .text, implemented: false,
                "Isolators of the mesos containerizer; this version chooses them itself."),
            Flag("docker", .text, default: "docker", "The docker program."),
            Flag("docker_socket", .text, default: "/var/run/docker.sock", "The socket of the docker daemon."),
            Flag("docker_remove_delay", .duration, default: "6hrs", implemented: false),
            Flag(
                "docker_kill_orphans", .bool, default: "true", "Whether unknown containers of this agent are stopped."),
            Flag("docker_stop_timeout", .duration, default: "0ns", implemented: false),
            Flag("sandbox_directory", .text, default: "/mnt/mesos/sandbox", "The sandbox inside docker containers."),
            Flag("cgroups_root", .text, default: "mesos", "The cgroup below which tasks run."),
            Flag("cgroups_hierarchy", .text, default: "/sys/fs/cgroup"),
            Flag("cgroups_enable_cfs", .bool, default: "false", "Whether cpus are a hard limit."),
            Flag(
                "cgroups_pids_max", .integer(0...4_194_304),
                "Processes and threads that a container of `mesos` may have; by default 15 % of the machine's, 0 for any."
            ),
            Flag("switch_user", .bool, default: "true", "Run tasks as their framework's or their own user."),
            Flag("executor_environment_variables", .text, "A JSON object of variables for all tasks."),
            Flag("executor_registration_timeout", .duration, default: "1mins", "Time for a container to start."),
            Flag("executor_shutdown_grace_period", .duration, default: "5secs"),
            Flag("registration_backoff_factor", .duration, default: "1secs"),
            Flag("recover", .oneOf(["reconnect", "cleanup"]), default: "reconnect", implemented: false),
            Flag("reconfiguration_policy", .oneOf(["equal", "additive"]), default: "equal"),
            Flag("zk_session_timeout", .duration, default: "10secs"),
            Flag("max_completed_executors_per_framework", .integer(0...1_000_000), default: "150"),
            Flag("logging_level", .oneOf(["DEBUG", "INFO", "WARNING", "ERROR"]), default: "INFO"),
            Flag("quiet", .bool, default: "false", implemented: false),
            Flag("log_dir", implemented: false), Flag("external_log_file", implemented: false),
            Flag("logbufsecs", .integer(0...3600), default: "0", implemented: false),
            Flag("initialize_driver_logging", .bool, default: "true", implemented: false),
            Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
        ] + ZooKeeperSecurity.flags + taken

    private static let taken: [Flag] =
        [
            "acls", "agent_features", "allowed_devices", "appc_simple_discovery_uri_prefix", "appc_store_dir",
            "authenticatee", "authentication_backoff_factor", "authentication_timeout_max",
            "authentication_timeout_min", "authorizer", "bounding_capabilities", "cgroups_destroy_timeout",
            "cgroups_net_cls_primary_handle", "cgroups_net_cls_secondary_handles", "container_disk_watch_interval",
            "container_logger", "container_ports_isolated_range", "container_ports_watch_interval", "credential",
            "csi_plugin_config_dir", "default_container_dns", "default_container_info", "default_container_shm_size",
            "disk_profile_adaptor", "disk_watch_interval", "docker_config", "docker_mesos_image", "docker_registry",
            "docker_store_dir", "docker_volume_checkpoint_dir", "domain", "domain_socket_location",
            "effective_capabilities", "allowed_capabilities", "executor_reregistration_retry_interval",
            "executor_reregistration_timeout", "fetcher_cache_dir", "fetcher_cache_size", "fetcher_stall_timeout",
            "firewall_rules", "frameworks_home", "gc_delay", "gc_disk_headroom", "hadoop_home", "hooks",
            "host_path_volume_force_creation", "http_authenticators", "http_credentials", "http_heartbeat_interval",
            "image_gc_config", "image_providers", "image_provisioner_backend", "ip6", "ip6_discovery_command",
            "ip_discovery_command", "jwt_secret_key", "executor_secret_key", "launcher", "master_detector", "modules",
            "modules_dir", "network_cni_config_dir", "network_cni_plugins_dir", "nvidia_gpu_devices",
            "oversubscribed_resources_interval", "perf_duration", "perf_events", "perf_interval",
            "qos_controller", "qos_correction_interval_min", "recovery_timeout", "resource_estimator",
            "resource_provider_config_dir", "seccomp_config_dir", "seccomp_profile_name", "secret_resolver",
            "systemd_runtime_directory", "volume_gid_range", "xfs_project_range", "agent_subsystems",
            "slave_subsystems",
        ].map { Flag($0, implemented: false) }
        + [
            "authenticate_http_readonly", "authenticate_http_readwrite", "authenticate_http_executors",
            "cgroups_cpu_enable_pids_and_tids_count", "cgroups_limit_swap", "check_agent_port_range_only",
            "disallow_sharing_agent_ipc_namespace", "disallow_sharing_agent_pid_namespace", "docker_ignore_runtime",
            "docker_volume_chown", "enforce_container_disk_quota", "enforce_container_ports",
            "gc_non_executor_container_sandboxes", "http_command_executor", "http_executor_domain_sockets",
            "memory_profiling", "network_cni_metrics", "network_cni_root_dir_persist", "revocable_cpu_low_priority",
            "strict", "systemd_enable_support", "xfs_kill_containers",
        ].map { Flag($0, .bool, implemented: false) }

    /// Refuses flags whose protection is not there yet, and starts without what is needed.
    public static func check(_ flags: FlagValues) throws(FlagError) {
        let guarding = [
            "acls", "authenticate_http_readonly", "authenticate_http_readwrite", "authenticate_http_executors",
            "http_credentials", "credential", "firewall_rules", "bounding_capabilities", "effective_capabilities",
            "seccomp_profile_name", "allowed_devices",
        ]
        for name in guarding where flags.isGiven(name) && flags.text(name) != "false" {
            throw FlagError(
                "mesos-agent: --\(name): this version cannot protect the agent this way yet: remove the flag only if "
                    + "other means protect it")
        }
        for name in ["master", "work_dir"] where !flags.isGiven(name) {
            throw FlagError("mesos-agent: --\(name) is missing")
        }
    }
}
