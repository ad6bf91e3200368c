"""Whether our master and agent answer as a real Mesos 1.11 does: every page field by field, every refusal to the letter.

The recordings are in golden/. Where ours differs on purpose, or does not have something yet, it is listed here with its
reason; an entry that is no longer true fails its test.
"""

import json
import re

import pytest

from golden.compare import EXCHANGES, SHAPES, differences, replay
from harness import HOST, Master, http_get

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
MISSING_METRICS = [
    # No timers yet: neither their last value nor their percentiles.
    r"\.allocator/mesos/allocation_run_ms.*: missing", r"\.allocator/mesos/allocation_run_latency_ms.*: missing",
    r"\.registrar/state_store_ms.*: missing", r"\.registrar/state_fetch_ms: missing",
    # There is no such queue here.
    r"\.allocator/event_queue_dispatches: missing", r"\.allocator/mesos/event_queue_dispatches: missing",
    r"\.registrar/queued_operations: missing", r"\.registrar/registry_size_bytes: missing",
]
ALLOWED = {
    "idle/master/flags": MISSING_FLAGS, "idle/master/state": MISSING_FLAGS,
    "idle/master/metrics_snapshot": MISSING_METRICS,
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
# These need a framework: see test_refusals_of_a_framework.
WITH_FRAMEWORK = [name for name in EXCHANGES if name.startswith("calls/")]
PLAIN = {
    owner: [name for name, e in EXCHANGES.items() if e["to"] == owner and name not in WITH_FRAMEWORK]
    for owner in ("master", "agent")
}


@pytest.fixture(scope="module")
def master(shared_testbed):
    """A master without agents and frameworks."""
    return shared_testbed.start(Master)


def page(port, path):
    status, body = http_get(port, path)
    assert status == 200, f"{path}: {status} {body[:200]!r}"
    return json.loads(body)


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
