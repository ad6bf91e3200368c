import JSONText
import ServiceKit

extension MarathonService {
    /// What this Marathon is and how it is set, with every field of the original; unset values are null here.
    var info: JSON {
        .members([
            "name": "marathon", "version": "1.11.0", "buildref": .string("swift-mesos-\(Version.release)"),
            "elected": .bool(core != nil), "leader": leader.map(JSON.string) ?? .null,
            "frameworkId": core?.frameworkID.map { .string($0.value) } ?? .null,
            "marathon_config": .object(marathonConfiguration), "zookeeper_config": .object(zooKeeperConfiguration),
            "http_config": .object([number("http_port"), number("https_port")]),
        ])
    }

    private var marathonConfiguration: [JSON.Member] {
        let master = flags.text("mesos_leader_ui_url") ?? masterURL
        return [
            JSON.Member("access_control_allow_origin", list("access_control_allow_origin") ?? .null),
            toggle("checkpoint"), number("decline_offer_duration"), text("default_network_name"),
            text("env_vars_prefix"), text("executor"), number("failover_timeout"),
            JSON.Member("features", list("enable_features") ?? []), text("framework_name"), toggle("ha"),
            text("hostname", default: Hostname.machine), number("launch_tokens", as: "launch_token"),
            number("launch_token_refresh_interval"),
            number("leader_proxy_connection_timeout", as: "leader_proxy_connection_timeout_ms"),
            number("leader_proxy_read_timeout", as: "leader_proxy_read_timeout_ms"), number("local_port_max"),
            number("local_port_min"),
            JSON.Member("master", .string(Redaction.credentials(in: flags.text("master") ?? ""))),
            number("max_instances_per_offer"), text("mesos_bridge_name"), number("mesos_heartbeat_failure_threshold"),
            number("mesos_heartbeat_interval"),
            JSON.Member("mesos_leader_ui_url", master.map(JSON.string) ?? .null), text("mesos_role"),
            text("mesos_user", default: Account.own), text("new_group_enforce_role"),
            number("min_revive_offers_interval"), number("offer_matching_timeout"),
            number("on_elected_prepare_timeout"), number("reconciliation_initial_delay"),
            number("reconciliation_interval"), number("scale_apps_initial_delay"), number("scale_apps_interval"),
            toggle("store_cache"), number("task_launch_confirm_timeout"), number("task_launch_timeout"),
            number("task_lost_expunge_initial_delay"), number("task_lost_expunge_interval"),
            number("task_reservation_timeout"), text("webui_url"), toggle("maintenance_mode"),
        ]
    }

    private var zooKeeperConfiguration: [JSON.Member] {
        [
            JSON.Member("zk", .string(Redaction.credentials(in: flags.text("zk") ?? ""))), toggle("zk_compression"),
            number("zk_compression_threshold"), number("zk_connection_timeout"), number("zk_max_node_size"),
            number("zk_max_versions"), number("zk_session_timeout"), number("zk_timeout"),
        ]
    }

    private func text(_ name: String, default value: String? = nil) -> JSON.Member {
        JSON.Member(name, (flags.text(name) ?? value).map(JSON.string) ?? .null)
    }

    private func number(_ name: String, as shown: String? = nil) -> JSON.Member {
        JSON.Member(shown ?? name, flags.integer(name).map { .integer(Int64($0)) } ?? .null)
    }

    private func toggle(_ name: String) -> JSON.Member { JSON.Member(name, .bool(flags.bool(name))) }

    /// The values of a flag that takes several, with commas between them.
    private func list(_ name: String) -> JSON? {
        flags.text(name).map { text in
            .array(text.split(separator: ",").map { .string(SmallFile.trimmed(String($0))) })
        }
    }
}
