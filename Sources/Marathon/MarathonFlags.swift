import ServiceKit
import ZooKeeperClient

/// The options of `marathon` (Marathon 1.11). Those marked as not implemented are taken, so that configurations keep
/// working, and named in a warning.
public enum MarathonFlags {
    private static let milliseconds = Flag.Kind.integer(0...Int(Int32.max))

    public static let all: [Flag] =
        [
            Flag("master", .text, "zk://host1:port1,host2:port2/path or host:port of the Mesos master."),
            Flag("zk", .text, default: "zk://localhost:2181/marathon", "Where the state is kept."),
            Flag("ha", .bool, default: "true", "Stand for election with other Marathons."),
            Flag("hostname", .text, "Name told to others; by default that of the machine."),
            Flag("http_address", .text, default: "0.0.0.0", "Address to listen on."),
            Flag("http_port", .integer(0...65535), default: "8080", "Port to listen on; 0 asks the kernel."),
            Flag("framework_name", .text, default: "marathon"),
            Flag(
                "failover_timeout", .integer(0...Int(Int32.max)), default: "604800",
                "Seconds that tasks outlive Marathon."),
            Flag("checkpoint", .bool, default: "true"),
            Flag("mesos_role", .text, default: "*"),
            Flag("mesos_user", .text, "User of tasks that name none; by default that of this process."),
            Flag("webui_url", .text), Flag("mesos_leader_ui_url", .text),
            Flag("executor", .text, default: "//cmd"),
            Flag("env_vars_prefix", .text, "Goes before PORT0, HOST and their like."),
            Flag("local_port_min", .integer(0...65535), default: "10000"),
            Flag("local_port_max", .integer(0...65535), default: "20000"),
            Flag("default_network_name", .text),
            Flag(
                "mesos_bridge_name", .text, default: "mesos-bridge",
                "The network of containers in bridge mode that are not Docker's."),
            Flag("task_launch_timeout", milliseconds, default: "300000"),
            Flag("task_launch_confirm_timeout", milliseconds, default: "300000"),
            Flag("reconciliation_interval", milliseconds, default: "600000"),
            Flag("max_instances_per_offer", .integer(1...10_000), default: "5"),
            Flag("decline_offer_duration", milliseconds, default: "120000"),
            Flag("min_revive_offers_interval", milliseconds, default: "5000"),
            Flag("max_running_deployments", .integer(1...100_000), default: "100"),
            Flag("zk_session_timeout", milliseconds, default: "10000"),
            Flag(
                "zk_max_versions", .integer(1...100_000), default: "50", "How many versions of an app are kept."),
            Flag(
                "mesos_heartbeat_interval", .integer(1...Int(Int32.max)), default: "15000",
                "How often something is heard of a master that does not say so itself."),
            Flag(
                "mesos_heartbeat_failure_threshold", .integer(1...1000), default: "5",
                "After how many of its heartbeats that are missing a master is silent."),
            Flag("logging_level", .oneOf(["off", "error", "warn", "info", "debug", "trace", "all"]), default: "info"),
            Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
        ] + ZooKeeperSecurity.flags + shown + taken

    /// Those without effect that GET /v2/info shows, so that they need the original's defaults and types.
    private static let shown: [Flag] =
        [
            ("https_port", 8443), ("launch_tokens", 100), ("launch_token_refresh_interval", 30_000),
            ("leader_proxy_connection_timeout", 5000), ("leader_proxy_read_timeout", 10_000),
            ("offer_matching_timeout", 3000), ("on_elected_prepare_timeout", 180_000),
            ("reconciliation_initial_delay", 15_000), ("scale_apps_initial_delay", 15_000),
            ("scale_apps_interval", 300_000), ("task_lost_expunge_initial_delay", 300_000),
            ("task_lost_expunge_interval", 30_000), ("task_reservation_timeout", 20_000),
            ("zk_compression_threshold", 65_536), ("zk_connection_timeout", 10_000), ("zk_max_node_size", 1_024_000),
            ("zk_timeout", 10_000),
        ].map { (name, value) in Flag(name, milliseconds, default: String(value), implemented: false) }
        + ["maintenance_mode", "store_cache", "zk_compression"].map {
            Flag($0, .bool, default: "true", implemented: false)
        }
        + [
            Flag("new_group_enforce_role", .oneOf(["off", "top"]), default: "off", implemented: false),
            Flag("access_control_allow_origin", implemented: false), Flag("enable_features", implemented: false),
        ]

    private static let taken: [Flag] =
        [
            "https_address", "http_realm", "http_max_concurrent_requests", "event_stream_max_outstanding_messages",
            "accepted_resource_roles_default_behavior", "max_apps", "plugin_dir", "plugin_conf",
            "deprecated_features", "gpu_scheduling_behavior", "draining_seconds", "backup_location",
            "max_parallel_offers", "max_queued_offers", "max_concurrent_marathon_health_checks", "kill_chunk_size",
            "kill_retry_timeout", "graceful_shutdown_timeout", "leader_proxy_max_open_connections",
            "leader_election_backend", "zk_max_concurrency", "zk_operation_max_retries",
            "storage_compaction_interval", "storage_compaction_scan_batch_size", "group_versions_cache_size",
            "metrics_name_prefix", "event_subscriber", "http_endpoints", "artifact_store", "max_tasks_per_offer",
            "task_lost_expunge_gc", "assets_path", "zk_hosts",
        ].map { Flag($0, implemented: false) }
        + [
            "http_compression", "suppress_offers", "mesos_offer_constraints", "metrics_prometheus", "metrics_statsd",
            "metrics_datadog",
        ].map { Flag($0, .bool, implemented: false) }
        + guarding.map { Flag($0, .text, implemented: false) }

    private static let guarding = [
        "http_credentials", "ssl_keystore_path", "ssl_keystore_password", "mesos_authentication",
        "mesos_authentication_principal", "mesos_authentication_secret", "mesos_authentication_secret_file",
        "disable_http",
    ]

    /// Refuses flags whose protection is not there yet, and starts without what is needed.
    public static func check(_ flags: FlagValues) throws(FlagError) {
        for name in guarding where flags.isGiven(name) {
            throw FlagError(
                "marathon: --\(name): this version cannot protect Marathon this way yet: remove the option only if the "
                    + "network protects it")
        }
        guard flags.isGiven("master") else {
            throw FlagError("marathon: --master is missing: --master zk://host:2181/mesos")
        }
        guard let low = flags.integer("local_port_min"), let high = flags.integer("local_port_max"), low <= high else {
            throw FlagError("marathon: --local_port_min is above --local_port_max")
        }
    }
}
