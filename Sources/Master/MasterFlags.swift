import ServiceKit
import ZooKeeperClient

/// The flags of `mesos-master` (Mesos 1.11, configuration/master). Those marked as not implemented are taken, so that
/// configurations keep working, and named in a warning.
public enum MasterFlags {
    public static let all: [Flag] =
        [
            Flag("ip", .text, default: "0.0.0.0", "Address to listen on."),
            Flag("port", .integer(0...65535), default: "5050", "Port to listen on; 0 asks the kernel."),
            Flag("advertise_ip", .text, "Address told to agents and schedulers."),
            Flag("advertise_port", .integer(1...65535), "Port told to agents and schedulers."),
            Flag("hostname", .text, "Name told to others; by default that of the machine."),
            Flag("hostname_lookup", .bool, default: "true", "Without it the address is the name."),
            Flag(
                "zk", .text, "zk://host1:port1,host2:port2/path of the coordinator; without it this master leads alone."
            ),
            Flag("zk_session_timeout", .duration, default: "10secs"),
            Flag("quorum", .integer(1...99), "Masters that must agree; needed with --zk and the replicated log."),
            Flag("work_dir", .text, "Directory of the registry."),
            Flag("registry", .oneOf(["replicated_log", "in_memory"]), default: "replicated_log"),
            Flag("cluster", .text, "Name of the cluster, shown on the web page."),
            Flag("allocation_interval", .duration, default: "1secs", "Time between two rounds of offers."),
            Flag("agent_ping_timeout", .duration, default: "15secs", aliases: ["slave_ping_timeout"]),
            Flag(
                "max_agent_ping_timeouts", .integer(1...1_000_000), default: "5", aliases: ["max_slave_ping_timeouts"]),
            Flag("agent_reregister_timeout", .duration, default: "10mins", aliases: ["slave_reregister_timeout"]),
            Flag("offer_timeout", .duration, "Unanswered offers are taken back after this time."),
            Flag("min_allocatable_resources", default: "cpus:0.01|mem:32"),
            Flag("max_completed_frameworks", .integer(0...1_000_000), default: "50"),
            Flag("max_completed_tasks_per_framework", .integer(0...1_000_000), default: "1000"),
            Flag("root_submissions", .bool, default: "true", "Whether frameworks may run as root."),
            Flag("webui_dir", implemented: false, "Directory of web pages that replace the built-in ones."),
            Flag("logging_level", .oneOf(["DEBUG", "INFO", "WARNING", "ERROR"]), default: "INFO"),
            Flag("quiet", .bool, default: "false", implemented: false),
            Flag("log_dir", implemented: false), Flag("external_log_file", implemented: false),
            Flag("logbufsecs", .integer(0...3600), default: "0", implemented: false),
            Flag("initialize_driver_logging", .bool, default: "true", implemented: false),
            Flag("help", .bool, default: "false"), Flag("version", .bool, default: "false"),
        ] + ZooKeeperSecurity.flags + taken

    private static let taken: [Flag] =
        [
            "acls", "agent_removal_rate_limit", "allocator_agent_recovery_factor", "allocator_recovery_timeout",
            "authenticators", "authorizers", "credentials", "domain", "fair_sharing_excluded_resource_names",
            "firewall_rules", "hooks", "http_authenticators", "http_framework_authenticators", "ip_discovery_command",
            "master_contender", "master_detector", "max_executors_per_agent", "max_operator_event_stream_subscribers",
            "max_unreachable_tasks_per_framework", "modules", "modules_dir", "offer_constraints_re2_max_mem",
            "offer_constraints_re2_max_program_size", "rate_limits", "recovery_agent_removal_limit",
            "registry_fetch_timeout", "registry_store_timeout", "registry_gc_interval", "registry_max_agent_age",
            "registry_max_agent_count", "roles", "weights", "whitelist", "allocator", "role_sorter", "framework_sorter",
            "user_sorter", "authentication_v0_timeout", "slave_removal_rate_limit",
            "recovery_slave_removal_limit", "max_executors_per_slave",
        ].map { Flag($0, implemented: false) }
        + [
            "authenticate_frameworks", "authenticate_agents", "authenticate_http_readonly",
            "authenticate_http_readwrite", "authenticate_http_frameworks", "log_auto_initialize", "registry_strict",
            "publish_per_framework_metrics", "require_agent_domain", "memory_profiling", "filter_gpu_resources",
            "authenticate", "authenticate_slaves", "authenticate_http",
        ].map { Flag($0, .bool, implemented: false) }

    /// Flags that guard the master: taking one without doing it would leave open what the site wants closed.
    static let guarding = [
        "acls", "authenticate_frameworks", "authenticate_agents", "authenticate_http_readonly",
        "authenticate_http_readwrite", "authenticate_http_frameworks", "firewall_rules", "authenticate",
        "authenticate_slaves", "authenticate_http", "rate_limits", "whitelist",
    ]

    /// Refuses flags whose protection is not there yet.
    public static func check(_ flags: FlagValues) throws(FlagError) {
        for name in guarding where flags.isGiven(name) && flags.text(name) != "false" {
            throw FlagError(
                "mesos-master: --\(name): this version cannot protect the master this way yet: remove the flag only "
                    + "if the network protects it")
        }
        if flags.isGiven("zk"), flags.text("registry") == "replicated_log", !flags.isGiven("quorum") {
            throw FlagError("mesos-master: --quorum is missing: it is needed with --zk, for one master --quorum=1")
        }
        if flags.text("registry") == "replicated_log", !flags.isGiven("work_dir") {
            throw FlagError("mesos-master: --work_dir is missing: the registry is kept there")
        }
    }
}
