/// Events of a scheduler stream of Mesos 1.11.0, as it wrote them but for the ids. Those with a time that Mesos does not
/// print in the nearest of the shortest forms are left out.
enum GoldenEvents {
    static let all = [
        #"""
        {"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"m-0000"},"heartbeat_interval_seconds":15.0,"ma\#
        ster_info":{"id":"m","ip":16777343,"port":15150,"pid":"master@127.0.0.1:15150","hostname":"localhost","ver\#
        sion":"1.11.0","address":{"hostname":"localhost","ip":"127.0.0.1","port":15150},"capabilities":[{"type":"A\#
        GENT_UPDATE"},{"type":"AGENT_DRAINING"},{}]}}}
        """#,
        #"""
        {"type":"HEARTBEAT"}
        """#,
        #"""
        {"type":"OFFERS","offers":{"offers":[{"id":{"value":"m-O0"},"framework_id":{"value":"m-0000"},"agent_id":{\#
        "value":"m-S0"},"hostname":"localhost","url":{"scheme":"http","address":{"hostname":"localhost","ip":"127.\#
        0.0.1","port":15151},"path":"/slave(1)"},"resources":[{"name":"ports","type":"RANGES","ranges":{"range":[{\#
        "begin":31000,"end":32000}]},"allocation_info":{"role":"dev"}},{"name":"cpus","type":"SCALAR","scalar":{"v\#
        alue":4.0},"allocation_info":{"role":"dev"}},{"name":"mem","type":"SCALAR","scalar":{"value":4096.0},"allo\#
        cation_info":{"role":"dev"}},{"name":"disk","type":"SCALAR","scalar":{"value":10240.0},"allocation_info":{\#
        "role":"dev"}}],"allocation_info":{"role":"dev"}}]}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"sleep-1"},"state":"TASK_STARTING","source":"SOURC\#
        E_EXECUTOR","agent_id":{"value":"m-S0"},"timestamp":1795367915.319615,"uuid":"BAHGuSSmSLC00jMTyoztyw==","c\#
        ontainer_status":{"container_id":{"value":"50e26818-1f63-4f7c-b32a-8b90c6973b94"},"network_infos":[{"ip_ad\#
        dresses":[{"protocol":"IPv4","ip_address":"127.0.0.1"}]}],"executor_pid":5262}}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"many-1"},"state":"TASK_RUNNING","source":"SOURCE_\#
        EXECUTOR","agent_id":{"value":"m-S0"},"timestamp":1795367915.335639,"uuid":"44GSiQvzR1iBTEpWgfi6TQ==","con\#
        tainer_status":{"container_id":{"value":"45c3da00-88ff-4d07-a901-4bc8cee30b4c"},"network_infos":[{"ip_addr\#
        esses":[{"protocol":"IPv4","ip_address":"127.0.0.1"}]}],"executor_pid":5265}}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"fail-1"},"state":"TASK_FAILED","message":"Command\#
         exited with status 3","source":"SOURCE_EXECUTOR","reason":"REASON_COMMAND_EXECUTOR_FAILED","agent_id":{"v\#
        alue":"m-S0"},"timestamp":1795367915.326538,"uuid":"nC1DjnAHSQqHYhBZdNfNlA==","container_status":{"contain\#
        er_id":{"value":"4c6f7bf2-b95d-477d-b002-1b20af29fb52"},"network_infos":[{"ip_addresses":[{"protocol":"IPv\#
        4","ip_address":"127.0.0.1"}]}],"executor_pid":5264}}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"quick-1"},"state":"TASK_FINISHED","message":"Comm\#
        and exited with status 0","source":"SOURCE_EXECUTOR","agent_id":{"value":"m-S0"},"timestamp":1795367915.35\#
        9648,"uuid":"S7vm0J4LQ9unQAwNhlkyNg==","container_status":{"container_id":{"value":"19348780-db03-4b3e-81e\#
        c-772de0dc1be1"},"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"127.0.0.1"}]}],"execut\#
        or_pid":5263}}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"too-much"},"state":"TASK_ERROR","message":"Total \#
        resources cpus(allocated: dev):1000; mem(allocated: dev):16 required by task and its executor is more than\#
         available ports(allocated: dev):[31000-32000]; cpus(allocated: dev):3.3; mem(allocated: dev):3984; disk(a\#
        llocated: dev):10240","source":"SOURCE_MASTER","reason":"REASON_TASK_INVALID","agent_id":{"value":"m-S0"},\#
        "timestamp":1795367917.70868}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"lost-1"},"state":"TASK_DROPPED","message":"Task l\#
        aunched with invalid offers: Offer nosuch is no longer valid","source":"SOURCE_MASTER","reason":"REASON_IN\#
        VALID_OFFERS","agent_id":{"value":"m-S0"},"timestamp":1795367923.222034}}}
        """#,
        #"""
        {"type":"MESSAGE","message":{"agent_id":{"value":"m-S0"},"executor_id":{"value":"played"},"data":"dG8gZnJh\#
        bWV3b3Jr"}}
        """#,
        #"""
        {"type":"UPDATE_OPERATION_STATUS","update_operation_status":{"status":{"operation_id":{"value":"op-1"},"st\#
        ate":"OPERATION_FINISHED","uuid":{"value":"mr53GzZ+SIOlPoS/+yJbTA=="},"agent_id":{"value":"m-S0"}}}}
        """#,
        #"""
        {"type":"RESCIND","rescind":{"offer_id":{"value":"m-O10"}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"sleep-1"},"state":"TASK_RUNNING","message":"Recon\#
        ciliation: Latest task state","source":"SOURCE_MASTER","reason":"REASON_RECONCILIATION","agent_id":{"value\#
        ":"m-S0"},"timestamp":1795367931.1846359,"container_status":{"container_id":{"value":"50e26818-1f63-4f7c-b\#
        32a-8b90c6973b94"},"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"127.0.0.1"}]}],"exec\#
        utor_pid":5262}}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"unknown-task"},"state":"TASK_UNKNOWN","message":"\#
        Reconciliation: Task is unknown","source":"SOURCE_MASTER","reason":"REASON_RECONCILIATION","timestamp":179\#
        5367931.184702}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"unknown-task"},"state":"TASK_GONE","message":"Rec\#
        onciliation: Task is unknown to the agent","source":"SOURCE_MASTER","reason":"REASON_RECONCILIATION","agen\#
        t_id":{"value":"m-S0"},"timestamp":1795367931.228794}}}
        """#,
        #"""
        {"type":"FAILURE","failure":{"agent_id":{"value":"m-S0"},"executor_id":{"value":"many"},"status":0}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"many-1"},"state":"TASK_FAILED","message":"Executo\#
        r terminated","source":"SOURCE_AGENT","reason":"REASON_EXECUTOR_TERMINATED","agent_id":{"value":"m-S0"},"e\#
        xecutor_id":{"value":"many"},"timestamp":1795367931.367095,"uuid":"47eTebHiRxSV0rjgPtZiOQ=="}}}
        """#,
        #"""
        {"type":"UPDATE","update":{"status":{"task_id":{"value":"played-2"},"state":"TASK_FAILED","message":"Execu\#
        tor terminated","source":"SOURCE_AGENT","reason":"REASON_EXECUTOR_TERMINATED","agent_id":{"value":"m-S0"},\#
        "executor_id":{"value":"played"},"timestamp":1795367936.417773,"uuid":"yGRP67olQamJEPvtNHc2jQ=="}}}
        """#,
        #"""
        {"type":"ERROR","error":{"message":"Framework failed over"}}
        """#,
    ]
}
