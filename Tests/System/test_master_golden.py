"""Whether our master and agent answer as a real Mesos 1.11 does: pages field by field, refusals to the letter.

The recordings are in golden/. Where ours differs on purpose, or does not have something yet, it is listed here with its
reason; an entry that is no longer true fails its test.
"""

import re
from urllib.parse import quote

import pytest

from golden.cluster import Acknowledger, LoneAgent, Scheduler, launch, one_offer, page, task, update, wait_for_agent
from golden.compare import EXCHANGES, SHAPES, differences, replay
from golden.distil import event_kind
from harness import HOST, Master, http_get, wait_for

PATHS = {
    "metrics_snapshot": "/metrics/snapshot", "state_summary": "/state-summary",
    "system_stats_json": "/system/stats.json", "monitor_statistics": "/monitor/statistics",
}

# Flags that Mesos shows with a default. We take them without having what they steer, so there is no value to show.
FLAGS_WITHOUT_DEFAULT = [
    "allocator", "allocator_agent_recovery_factor", "allocator_recovery_timeout", "authenticate_agents",
    "authenticate_frameworks", "authenticate_http_frameworks", "authenticate_http_readonly",
    "authenticate_http_readwrite", "authentication_v0_timeout", "authenticators", "authorizers", "filter_gpu_resources",
    "framework_sorter", "http_authenticators", "log_auto_initialize", "max_operator_event_stream_subscribers",
    "max_unreachable_tasks_per_framework", "memory_profiling", "offer_constraints_re2_max_mem",
    "offer_constraints_re2_max_program_size", "publish_per_framework_metrics", "recovery_agent_removal_limit",
    "registry_fetch_timeout", "registry_gc_interval", "registry_max_agent_age", "registry_max_agent_count",
    "registry_store_timeout", "registry_strict", "require_agent_domain", "role_sorter", "webui_dir",
]
MISSING_FLAGS = [rf"\.flags\.{name}: missing" for name in FLAGS_WITHOUT_DEFAULT]
AGENT_FLAGS_WITHOUT_DEFAULT = [
    "appc_simple_discovery_uri_prefix", "appc_store_dir", "authenticate_http_executors",
    "authenticate_http_readonly", "authenticate_http_readwrite", "authenticatee", "authentication_backoff_factor",
    "authentication_timeout_max", "authentication_timeout_min", "authorizer", "cgroups_cpu_enable_pids_and_tids_count",
    "cgroups_destroy_timeout", "cgroups_limit_swap", "container_disk_watch_interval",
    "disallow_sharing_agent_ipc_namespace", "disallow_sharing_agent_pid_namespace", "disk_watch_interval",
    "docker_ignore_runtime", "docker_registry", "docker_store_dir", "docker_volume_checkpoint_dir",
    "docker_volume_chown", "enforce_container_disk_quota", "executor_reregistration_timeout", "fetcher_cache_dir",
    "fetcher_cache_size", "fetcher_stall_timeout", "frameworks_home", "gc_delay", "gc_disk_headroom",
    "gc_non_executor_container_sandboxes", "http_command_executor", "http_executor_domain_sockets",
    "http_heartbeat_interval", "isolation", "launcher", "launcher_dir", "memory_profiling", "network_cni_metrics",
    "network_cni_root_dir_persist", "oversubscribed_resources_interval", "perf_duration", "perf_interval",
    "qos_correction_interval_min", "recovery_timeout", "revocable_cpu_low_priority", "strict",
    "systemd_enable_support", "systemd_runtime_directory",
]
MISSING_AGENT_FLAGS = [rf"\.flags\.{name}: missing" for name in AGENT_FLAGS_WITHOUT_DEFAULT]
MISSING_METRICS = [
    # No timers yet: neither their last value nor their percentiles.
    r"\.allocator/mesos/allocation_run_ms.*: missing", r"\.allocator/mesos/allocation_run_latency_ms.*: missing",
    r"\.registrar/state_store_ms.*: missing", r"\.registrar/state_fetch_ms: missing",
    # There is no such queue here.
    r"\.allocator/event_queue_dispatches: missing", r"\.allocator/mesos/event_queue_dispatches: missing",
    r"\.registrar/queued_operations: missing", r"\.registrar/registry_size_bytes: missing",
]
MISSING_RUNNING_METRICS = MISSING_METRICS + [
    # No metrics of single frameworks and roles yet.
    r"\.master/frameworks/golden/\{framework\}/.*: missing", r"\.allocator/mesos/roles/dev/shares/dominant: missing",
    r"\.allocator/mesos/offer_filters/roles/(dev|ops)/active: missing",
    # No quota yet, and no role ops here.
    r"\.allocator/mesos/quota/roles/.*: missing",
]
ALLOWED = {
    "idle/master/flags": MISSING_FLAGS, "idle/master/state": MISSING_FLAGS,
    "running/master/flags": MISSING_FLAGS, "running/master/state": MISSING_FLAGS,
    **{f"{phase}/agent/{name}": MISSING_AGENT_FLAGS for phase in ("idle", "running") for name in ("state", "flags")},
    "idle/master/metrics_snapshot": MISSING_METRICS, "running/master/metrics_snapshot": MISSING_RUNNING_METRICS,
}

# What the pages here cannot show: there are no reservations and no executors but those of command tasks, and no task
# has checks or labels in its status.
NO_RESERVATION = [".slaves[].reserved_resources.*"]
NO_STATUS_EXTRAS = [".statuses[].healthy", ".statuses[].labels"]
UNSEEN = {
    "running/master/state": NO_RESERVATION + [".frameworks[].executors[]"] + [
        f".frameworks[].tasks[]{name}" for name in NO_STATUS_EXTRAS],
    "running/master/frameworks": [".frameworks[].executors[]"] + [
        f".frameworks[].tasks[]{name}" for name in NO_STATUS_EXTRAS],
    "running/master/frameworks_one": [".frameworks[].executors[]"],
    "running/master/slaves": NO_RESERVATION + [".slaves[].reserved_resources_full.*"],
    "running/master/state_summary": NO_RESERVATION,
    "running/master/tasks": [f".tasks[]{name}" for name in NO_STATUS_EXTRAS],
    "running/agent/state": [
        ".frameworks[].executors[].completed_tasks[]", ".frameworks[].executors[].labels",
        ".frameworks[].executors[].type", ".reserved_resources.*", ".reserved_resources_full.*"],
}

# What these recordings ask for is not there yet, so the answer is that of an unknown path.
NOT_BUILT = {
    "errors/http.chunked_request": "the operator API", "errors/http.expect_100": "the operator API",
    "errors/form.files_browse_none": "files of a master", "errors/form.files_browse_nosuch": "files of a master",
    "errors/form.files_read_none": "files of a master", "errors/form.files_read_nosuch": "files of a master",
}
DIFFERENT_EXCHANGES = {
    # Compression is the server's choice.
    "errors/http.gzip": ["answer 1: Content-Encoding: None instead of gzip"],
}
# These need a framework; test_master_api.py sends them.
WITH_FRAMEWORK = [name for name in EXCHANGES if name.startswith("calls/")]
PLAIN = {
    owner: [name for name, e in EXCHANGES.items() if e["to"] == owner and name not in WITH_FRAMEWORK]
    for owner in ("master", "agent")
}


@pytest.fixture(scope="module")
def master(shared_testbed):
    """A master without agents and frameworks."""
    return shared_testbed.start(Master)


def check_page(name, content, unseen=()):
    """Fails for a field that is missing or of another type, unless ALLOWED says so; `unseen` are the arrays and
    optional fields that this page cannot show."""
    found = differences(SHAPES[name], content)
    allowed = ALLOWED.get(name, [])
    unexpected = [text for text in found.wrong if not any(re.fullmatch(pattern, text) for pattern in allowed)]
    assert not unexpected, f"{name}: " + "; ".join(unexpected)
    outdated = [p for p in allowed if not any(re.fullmatch(p, text) for text in found.wrong)]
    assert not outdated, f"{name}: no longer missing, take it off the list: {outdated}"
    assert found.unseen == set(unseen), f"{name}: not shown: {found.unseen}"


@pytest.mark.parametrize("name, unseen", [
    ("state", [".slaves[]"]), ("slaves", [".slaves[]"]), ("state_summary", [".slaves[]"]), ("frameworks", []),
    ("tasks", []), ("version", []), ("flags", []), ("metrics_snapshot", []), ("system_stats_json", []),
])
def test_pages_of_an_idle_master(master, name, unseen):
    """Every page of a master that nobody uses has each field of Mesos's page, with the same type."""
    check_page(f"idle/master/{name}", page(master.port, PATHS.get(name, f"/{name}")), unseen)


def test_pages_have_two_addresses(master):
    """A page of the master is also found below /master."""
    for path in ["/state", "/slaves", "/frameworks", "/tasks", "/state-summary", "/flags"]:
        assert page(master.port, f"/master{path}") == page(master.port, path)


@pytest.mark.parametrize("name", PLAIN["master"])
def test_exchange_with_a_master(master, name):
    """A recorded request gets the recorded status, headers and text."""
    wrong = replay(name, (HOST, master.port))
    if name in NOT_BUILT:
        assert any("404 Not Found." in text for text in wrong), f"{NOT_BUILT[name]} answers now: {wrong}"
    else:
        assert wrong == DIFFERENT_EXCHANGES.get(name, [])


# --- With an agent and tasks

FRAMEWORK = {
    "user": "root", "name": "golden", "roles": ["dev"], "checkpoint": True, "failover_timeout": 60.0,
    "capabilities": [{"type": name} for name in (
        "MULTI_ROLE", "RESERVATION_REFINEMENT", "GPU_RESOURCES", "PARTITION_AWARE", "REGION_AWARE",
        "TASK_KILLING_STATE")],
    "labels": {"labels": [{"key": "purpose", "value": "golden"}]}, "webui_url": "http://127.0.0.1:1/",
    "hostname": "localhost",
}


def recorded_tasks(offer):
    """The command tasks of the recording; its other tasks had executors of their own."""
    return [
        task(offer, "sleep-1", "echo hello; sleep 900", 0.5, 64, name="sleeper",
             labels={"labels": [{"key": "a", "value": "b"}, {"key": "only"}]},
             discovery={"visibility": "CLUSTER", "name": "svc", "ports": {
                 "ports": [{"number": 31000, "name": "http", "protocol": "tcp"}]}}),
        task(offer, "quick-1", "echo done", 0.25, 32, name="quick"),
        task(offer, "fail-1", "exit 3", 0.25, 32, name="failing"),
    ]


class Recording:
    """What our master and agent show and send when they are led through the recorded course of events."""

    def __init__(self, bed):
        self.pages = {}
        self.events = []
        self.master = bed.start(Master, flags=[
            "--allocation_interval=200ms", "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=5"])
        self.agent = bed.start(LoneAgent, self.master)
        wait_for_agent(self.master, self.agent)
        self.take("idle/agent", self.agent.port, ["state", "version", "flags", "metrics_snapshot", "containers",
                                                 "monitor_statistics", "system_stats_json"])
        self.take("idle/master", self.master.port, ["state", "slaves", "state_summary"])
        with Scheduler(self.master.port, **FRAMEWORK) as old:
            self.run_tasks(old)
            self.take_pages(old)
            self.provoke_events(old)
            with Scheduler(self.master.port, framework_id=old.framework_id, **FRAMEWORK) as new:
                old.wait_for_end()
                one_offer(new)
                self.agent.kill9()
                new.wait("FAILURE", timeout=30)
                self.events = old.seen + new.seen

    def take(self, phase, port, names):
        for name in names:
            self.pages[f"{phase}/{name}"] = page(port, PATHS.get(name, f"/{name}"))

    def run_tasks(self, scheduler):
        offer = one_offer(scheduler)
        with Acknowledger(scheduler):
            launch(scheduler, [offer], recorded_tasks(offer))
            for name, state in [("quick-1", "TASK_FINISHED"), ("fail-1", "TASK_FAILED"), ("sleep-1", "TASK_RUNNING")]:
                update(scheduler, name, state, acknowledge=False)
            wait_for(self.has_settled, what="master and agent know of all acknowledgements")

    def has_settled(self):
        framework = page(self.master.port, "/state")["frameworks"][0]
        executors = page(self.agent.port, "/state")["frameworks"][0]["completed_executors"]
        return len(framework["completed_tasks"]) == 2 and len(executors) == 2 and [
            status["state"] for status in framework["tasks"][0]["statuses"]] == ["TASK_STARTING", "TASK_RUNNING"]

    def take_back_offers(self, scheduler):
        """Leaves no offer out; a recorded page has none."""
        scheduler.call("SUPPRESS")

        def has_none():
            ids = [{"value": o["id"]} for o in page(self.master.port, "/frameworks")["frameworks"][0]["offers"]]
            if ids:
                scheduler.call("DECLINE", offer_ids=ids, filters={"refuse_seconds": 0})
            return not ids
        wait_for(has_none, what="no offer is out")
        with pytest.raises(AssertionError):
            while True:
                scheduler.wait("OFFERS", timeout=0)

    def take_pages(self, scheduler):
        port = self.master.port
        agent, framework = page(port, "/slaves")["slaves"][0]["id"], scheduler.framework_id
        wait_for(lambda: page(port, "/frameworks")["frameworks"][0]["offers"], what="an offer is out")
        self.pages |= {  # These were recorded with offers.
            "running/master/slaves_one": page(port, f"/slaves?slave_id={agent}"),
            "running/master/frameworks_one": page(port, f"/frameworks?framework_id={framework}"),
        }
        self.take_back_offers(scheduler)
        self.take("running/master", port, [
            "state", "slaves", "frameworks", "tasks", "version", "state_summary", "flags"])
        self.pages |= {
            "running/master/slaves_slave_id_nosuch": page(port, "/slaves?slave_id=nosuch"),
            "running/master/frameworks_framework_id_nosuch": page(port, "/frameworks?framework_id=nosuch"),
            "running/master/tasks_one": page(port, f"/tasks?framework_id={framework}&task_id=sleep-1"),
        }
        port = self.agent.port
        self.take("running/agent", port, [
            "state", "version", "flags", "metrics_snapshot", "containers", "monitor_statistics"])
        directory = quote(page(port, "/state")["frameworks"][0]["executors"][0]["directory"])
        self.pages |= {
            "running/agent/files_browse": page(port, f"/files/browse?path={directory}"),
            "running/agent/files_read": page(port, f"/files/read?path={directory}/stdout&offset=0&length=100"),
            "running/agent/files_read_size": page(port, f"/files/read?path={directory}/stdout"),
        }

    def provoke_events(self, scheduler):
        scheduler.call("RECONCILE", tasks=[])
        update(scheduler, "sleep-1", "TASK_RUNNING")
        scheduler.call("REVIVE")
        offer = one_offer(scheduler)
        launch(scheduler, [offer], [task(offer, "too-much", cpus=1000)])
        update(scheduler, "too-much", "TASK_ERROR")
        launch(scheduler, [{"id": {"value": "nosuch"}}], [task(offer, "lost-1")])
        update(scheduler, "lost-1", "TASK_DROPPED")
        metrics = page(self.master.port, "/metrics/snapshot")
        self.pages["running/master/metrics_snapshot"] = {
            name.replace(scheduler.framework_id, "{framework}"): value for name, value in metrics.items()}


@pytest.fixture(scope="module")
def recording(shared_testbed):
    return Recording(shared_testbed)


@pytest.mark.parametrize("name", [
    name for name in SHAPES if not name.startswith("event/")
    and (name.startswith("running/") or name.startswith("idle/agent") or name in (
        "idle/master/state", "idle/master/slaves", "idle/master/state_summary"))])
def test_pages_of_a_cluster(recording, name):
    """Every page of a master and an agent has each field of Mesos's page, with the same type."""
    check_page(name, recording.pages[name], UNSEEN.get(name, []))


# Updates that our agent has no cause to send: a command executor is not a process of its own here, and nothing drains.
# Another test file lets agents come back.
UNPROVOKED = {
    "UPDATE/SOURCE_AGENT/REASON_EXECUTOR_TERMINATED", "UPDATE/SOURCE_EXECUTOR/REASON_COMMAND_EXECUTOR_FAILED",
    "UPDATE/SOURCE_EXECUTOR/REASON_AGENT_DRAINING", "UPDATE/SOURCE_MASTER/REASON_AGENT_REREGISTERED",
}
UNSEEN_IN_EVENTS = {
    "OFFERS": [".offers.offers[].executor_ids", ".offers.offers[].resources[].disk",
               ".offers.offers[].resources[].reservations", ".offers.offers[].unavailability"],
    "UPDATE/SOURCE_EXECUTOR": [".update.status.data", ".update.status.healthy", ".update.status.labels"],
    "UPDATE/SOURCE_MASTER/REASON_RECONCILIATION": [".update.status.executor_id", ".update.status.unreachable_time"],
    "FAILURE": [".failure.executor_id", ".failure.status"],
}


@pytest.mark.parametrize("kind", [
    name.removeprefix("event/") for name in SHAPES
    if name.startswith("event/") and name.removeprefix("event/") not in UNPROVOKED])
def test_events(recording, kind):
    """Every event of the scheduler's stream has each field of Mesos's event, with the same type."""
    events = [event for event in recording.events if event_kind(event) == kind]
    assert events, f"no {kind} came"
    found = differences([SHAPES[f"event/{kind}"]], events)
    assert found.wrong == []
    assert found.unseen == {f"[]{path}" for path in UNSEEN_IN_EVENTS.get(kind, [])}


def test_known_kinds_of_events(recording):
    """Nothing is sent that the recording does not have, and what cannot be provoked is listed as that."""
    kinds = {event_kind(event) for event in recording.events}
    assert kinds <= {name.removeprefix("event/") for name in SHAPES}
    assert not kinds & UNPROVOKED


# --- Exchanges with an agent

@pytest.fixture(scope="module")
def agent(shared_testbed):
    """An agent without tasks."""
    master = shared_testbed.start(Master)
    agent = shared_testbed.start(LoneAgent, master)
    wait_for_agent(master, agent)
    return agent


@pytest.mark.parametrize("name", PLAIN["agent"])
def test_exchange_with_an_agent(agent, name):
    """A recorded request gets the recorded status, headers and text."""
    assert replay(name, (HOST, agent.port)) == DIFFERENT_EXCHANGES.get(name, [])


@pytest.mark.parametrize("name", [name for name in EXCHANGES if name.startswith("errors/form.files_")])
def test_files_of_an_agent(agent, name):
    """The recorded refusals of /files are those of an agent too."""
    assert replay(name, (HOST, agent.port)) == []
