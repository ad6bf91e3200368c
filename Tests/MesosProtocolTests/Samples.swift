import MesosProtocol

/// Messages that use about everything the schema has.
enum Samples {
    static let taskJSON = #"""
        {"name":"web","task_id":{"value":"web.1"},"agent_id":{"value":"a-S0"},"resources":[
        {"provider_id":{"value":"p"},"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"allocation_info":{"role":"dev"}},
        {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31001},{"begin":31005,"end":31005}]}},
        {"name":"gpus","type":"SET","set":{"item":["a","b"]},"role":"dev","reservation":{"principal":"p"}},
        {"name":"disk","type":"SCALAR","scalar":{"value":10},"reservations":[{"type":"DYNAMIC","role":"dev","principal":"p",
        "labels":{"labels":[{"key":"k","value":"v"}]}}],"disk":{"persistence":{"id":"i"},"volume":{"mode":"RW",
        "container_path":"data"},"source":{"type":"PATH","path":{"root":"/r"}}},"revocable":{},"shared":{}}],
        "command":{"uris":[{"value":"http://h/f","executable":true,"extract":false,"cache":true,"output_file":"f"}],
        "environment":{"variables":[{"name":"K","type":"VALUE","value":"v"},{"name":"S","type":"SECRET","secret":
        {"type":"REFERENCE","reference":{"name":"n","key":"k"}}}]},"shell":false,"value":"/bin/sh","arguments":["sh","-c","é"],
        "user":"root"},"container":{"type":"DOCKER","volumes":[{"mode":"RO","container_path":"/c","host_path":"/h"}],
        "docker":{"image":"nginx","network":"BRIDGE","port_mappings":[{"host_port":31000,"container_port":80,"protocol":
        "tcp"}],"privileged":true,"parameters":[{"key":"k","value":"v"}],"force_pull_image":true},"network_infos":
        [{"ip_addresses":[{"protocol":"IPv6","ip_address":"::1"}],"name":"n","groups":["g"]}]},"health_check":
        {"delay_seconds":1,"interval_seconds":2,"type":"HTTP","http":{"scheme":"http","port":80,"path":"/","statuses":
        [200,404]}},"check":{"type":"TCP","tcp":{"port":1}},"kill_policy":{"grace_period":{"nanoseconds":3000000000}},
        "data":"aGVsbG8=","labels":{"labels":[{"key":"only"}]},"discovery":{"visibility":"CLUSTER","name":"d","ports":
        {"ports":[{"number":80,"name":"http","protocol":"tcp"}]}},"max_completion_time":{"nanoseconds":1},
        "limits":{"cpus":{"value":1},"mem":{"value":64}}}
        """#

    static let frameworkJSON = #"""
        {"user":"root","name":"f","id":{"value":"m-0000"},"failover_timeout":60,"checkpoint":true,"roles":["a","b/c"],
        "hostname":"h","principal":"p","webui_url":"http://h/","capabilities":[{"type":"MULTI_ROLE"},{}],"labels":{"labels":
        [{"key":"k","value":"v"}]},"offer_filters":{"a":{"min_allocatable_resources":{"quantities":[{"quantities":
        {"cpus":{"value":1},"mem":{"value":32}}}]}},"b/c":{}}}
        """#

    static let acceptJSON = #"""
        {"framework_id":{"value":"m-0000"},"type":"ACCEPT","accept":{"offer_ids":[{"value":"m-O1"}],"operations":
        [{"type":"LAUNCH","launch":{"task_infos":[TASK]}},{"type":"RESERVE","id":{"value":"o"},"reserve":{"resources":[]}}],
        "filters":{"refuse_seconds":0.5}}}
        """#

    static func task() throws -> Mesos.TaskInfo { try Mesos.TaskInfo(jsonText: taskJSON) }
    static func framework() throws -> Mesos.FrameworkInfo { try Mesos.FrameworkInfo(jsonText: frameworkJSON) }

    static func accept() throws -> SchedulerAPI.Call {
        let parts = acceptJSON.split(separator: "TASK")
        return try SchedulerAPI.Call(jsonText: parts.joined(separator: taskJSON))
    }

    static func reregistration() throws -> Internal.ReregisterSlaveMessage {
        let framework = try framework()
        let task = try task()
        return .with {
            $0.slave.hostname = "h"
            $0.slave.id = Mesos.AgentID("a-S0")
            $0.slave.resources = task.resources
            $0.version = "1.11.0"
            $0.frameworks = [framework]
            $0.agentCapabilities = [.with { $0.type = .multiRole }]
            $0.resourceVersionUUID = .with { $0.value = [UInt8](0..<16) }
            $0.tasks = [
                .with {
                    $0.taskID = task.taskID
                    $0.agentID = task.agentID
                    $0.frameworkID = Mesos.FrameworkID("m-0000")
                    $0.state = .taskRunning
                    $0.statuses = [status]
                }
            ]
        }
    }

    static let status = Mesos.TaskStatus.with {
        $0.taskID = Mesos.TaskID("t")
        $0.state = .taskRunning
        $0.source = .sourceExecutor
        $0.reason = .reasonReconciliation
        $0.message = "text"
        $0.data = [0, 255]
        $0.agentID = Mesos.AgentID("a-S0")
        $0.timestamp = 1_795_367_915.319615
        $0.uuid = [UInt8](repeating: 7, count: 16)
        $0.healthy = true
        $0.containerStatus = .with { $0.executorPid = 5262 }
        $0.unreachableTime = .with { $0.nanoseconds = -1 }
    }
}
