"""The v1 scheduler API of a master, as a scheduler sees it: with an agent, without one, and with what no scheduler
should ever send."""

import base64
import contextlib
import json
import math
import random
import re
import socket
import threading
import time

import pytest

from golden.cluster import (
    Acknowledger, LoneAgent, ProtobufScheduler, Scheduler, acknowledge_status, launch, one_offer, page, process_start,
    protobuf_messages, scalar, task, update, wait_for_agent,
)
from golden.compare import EXCHANGES, HERE, Connection, check_answer, request_bytes
from harness import HOST, Coordinator, Master, http_get, wait_for
from scheduler import PATH, CallRefused


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    return protobuf_messages(tmp_path_factory.mktemp("protobuf"))


@pytest.fixture(params=["json", "protobuf"])
def kind(request):
    """A scheduler class for each of the two encodings."""
    if request.param == "json":
        return Scheduler
    ProtobufScheduler.messages = request.getfixturevalue("messages")
    return ProtobufScheduler


@pytest.fixture(scope="module")
def master(shared_testbed):
    """A master that tests of a file share; it must survive them all."""
    master = shared_testbed.start(Master)
    yield master
    assert master.is_running, f"the master died: {master.tail()}"


@pytest.fixture(scope="module")
def shared_cluster(shared_testbed):
    master = shared_testbed.start(Master, flags=["--allocation_interval=200ms"])
    agent = shared_testbed.start(LoneAgent, master)
    wait_for_agent(master, agent)
    master.agent = agent
    yield master
    assert master.is_running, f"the master died: {master.tail()}"
    assert agent.is_running, f"the agent died: {agent.tail()}"


@pytest.fixture
def cluster(shared_cluster):
    """A master with one agent and quick allocations, that nobody uses."""
    wait_for(lambda: not frameworks(shared_cluster), what="the frameworks of other tests have ended")
    return shared_cluster


def frameworks(master):
    return {f["id"]: f for f in page(master.port, "/frameworks")["frameworks"]}


# --- Subscriptions

def test_subscribe(master, kind):
    """SUBSCRIBED comes first and names framework and master, HEARTBEAT follows at once."""
    with kind(master.port, name="fresh") as scheduler:
        master_id = page(master.port, "/state")["id"]
        assert re.fullmatch(re.escape(master_id) + r"-\d{4}", scheduler.framework_id)
        scheduler.wait("HEARTBEAT", timeout=5)
        subscribed = scheduler.seen[0]["subscribed"]
        assert [event["type"] for event in scheduler.seen[:2]] == ["SUBSCRIBED", "HEARTBEAT"]
        assert subscribed["heartbeat_interval_seconds"] == 15
        assert subscribed["master_info"]["id"] == master_id
        assert subscribed["master_info"]["address"] == {"hostname": "localhost", "ip": HOST, "port": master.port}
        shown = frameworks(master)[scheduler.framework_id]
        assert shown["name"] == "fresh" and shown["active"] and shown["connected"]


def test_framework_ids_count_up(master):
    """Each new framework gets the next number."""
    with Scheduler(master.port) as first, Scheduler(master.port) as second:
        numbers = [int(scheduler.framework_id.rsplit("-", 1)[1]) for scheduler in (first, second)]
        assert numbers[1] == numbers[0] + 1


def test_stream_headers(master):
    """A subscription is answered with chunks, the asked type and a stream id."""
    body = json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "x"}}})
    with Connection(HOST, master.port) as connection:
        connection.send(post(body))
        while b"\r\n\r\n" not in connection.received:
            assert connection._more()
        head = connection.received.split(b"\r\n\r\n")[0].decode().lower().split("\r\n")
        assert head[0] == "http/1.1 200 ok"
        assert "transfer-encoding: chunked" in head and "content-type: application/json" in head
        assert any(re.fullmatch(r"mesos-stream-id: [0-9a-f-]{36}", line) for line in head)


@pytest.mark.parametrize("framework, text", [
    ({"roles": ["a b"]}, "'FrameworkInfo.roles' contains invalid role: Role component 'a b' is invalid because it "
                         "contains backspace or whitespace"),
    ({"role": "a", "roles": ["a"]},
     "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"),
    ({"roles": ["a"], "capabilities": []},
     "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"),
], ids=["bad role", "role and roles", "roles without multi role"])
def test_refused_subscription(master, framework, text):
    """A subscription that cannot be is answered with one ERROR event and the end of the stream."""
    scheduler = Scheduler(master.port, **framework)
    with pytest.raises(AssertionError):
        scheduler.subscribe()
    scheduler.wait_for_end()
    assert scheduler.seen == [{"type": "ERROR", "error": {"message": text}}]


def test_negative_failover_timeout_is_taken(master):
    """Mesos takes a negative failover timeout."""
    with Scheduler(master.port, failover_timeout=-1) as scheduler:
        scheduler.wait("HEARTBEAT", timeout=5)


def test_failover(master, kind):
    """A second subscription with the same id takes over; the first one is told and its stream ends."""
    with kind(master.port, failover_timeout=60) as old:
        with kind(master.port, framework_id=old.framework_id, failover_timeout=60) as new:
            assert old.wait("ERROR")["error"]["message"] == "Framework failed over"
            old.wait_for_end()
            assert new.framework_id == old.framework_id and new.stream_id != old.stream_id
            assert new.call("REVIVE") == 202
            with pytest.raises(CallRefused) as refusal:
                old.call("REVIVE")
            assert (refusal.value.status, refusal.value.text) == (
                400, f"The stream ID '{old.stream_id}' included in this request didn't match the stream ID currently "
                     f"associated with framework ID {old.framework_id}")
            assert frameworks(master)[new.framework_id]["connected"]


def test_framework_waits_for_its_scheduler(master):
    """A framework whose scheduler is gone is inactive, refuses calls, and takes a new scheduler within its timeout."""
    with Scheduler(master.port, failover_timeout=60) as gone:
        gone.close()
        wait_for(lambda: not frameworks(master)[gone.framework_id]["active"], what="the framework is inactive")
        assert not frameworks(master)[gone.framework_id]["connected"]
        with pytest.raises(CallRefused) as refusal:
            gone.call("REVIVE")
        assert (refusal.value.status, refusal.value.text) == (403, "Framework is not subscribed")
        with Scheduler(master.port, framework_id=gone.framework_id) as back:
            assert frameworks(master)[back.framework_id]["active"]


def test_framework_ends_without_failover_timeout(master):
    """By default a framework ends with its scheduler's connection, and cannot come back."""
    with Scheduler(master.port, name="short") as scheduler:
        scheduler.close()
        wait_for(lambda: scheduler.framework_id not in frameworks(master), what="the framework is removed")
    done = {f["id"]: f for f in page(master.port, "/frameworks")["completed_frameworks"]}[scheduler.framework_id]
    assert not done["active"] and done["unregistered_time"] > done["registered_time"]
    again = Scheduler(master.port, framework_id=scheduler.framework_id)
    with pytest.raises(AssertionError):
        again.subscribe()
    again.wait_for_end()
    assert again.seen == [{"type": "ERROR", "error": {"message": "Framework has been removed"}}]


@pytest.mark.parametrize("way", ["call", "form"])
def test_teardown(master, way):
    """TEARDOWN, or POST /master/teardown, ends a framework: its stream, its place among the running, its id."""
    with Scheduler(master.port, failover_timeout=60) as scheduler:
        if way == "call":
            assert scheduler.call("TEARDOWN") == 202
        else:
            with Connection(HOST, master.port) as connection:
                connection.send(post(f"frameworkId={scheduler.framework_id}", "/master/teardown",
                                     "application/x-www-form-urlencoded"))
                assert connection.answer().status == 200
        scheduler.wait_for_end()
        listed = page(master.port, "/frameworks")
        assert scheduler.framework_id not in [f["id"] for f in listed["frameworks"]]
        assert scheduler.framework_id in [f["id"] for f in listed["completed_frameworks"]]
        with pytest.raises(CallRefused) as refusal:
            scheduler.call("REVIVE")
        assert (refusal.value.status, refusal.value.text) == (400, "Framework cannot be found")
        again = Scheduler(master.port, framework_id=scheduler.framework_id)
        with pytest.raises(AssertionError):
            again.subscribe()
        assert again.seen == [{"type": "ERROR", "error": {"message": "Framework has been removed"}}]


@pytest.mark.parametrize("name", ["ACKNOWLEDGE.stale_stream", "DECLINE.no_stream_id", "DECLINE.wrong_stream_id"])
def test_recorded_refusals_of_a_subscribed_framework(master, name):
    """Calls with a missing or wrong stream id get the recorded refusals."""
    exchange = EXCHANGES[f"calls/{name}"]
    with Scheduler(master.port) as scheduler, Connection(HOST, master.port) as connection:
        values = {"host": f"{HOST}:{master.port}", "framework": scheduler.framework_id}
        connection.send(request_bytes(exchange, values))
        assert check_answer(exchange["answers"][0], connection.answer(), values) == []


# --- Offers

def test_offer(cluster, kind):
    """An offer names agent, role and everything the agent has, under a new id."""
    state = page(cluster.port, "/state")
    with kind(cluster.port, roles=["dev"]) as scheduler:
        offer = one_offer(scheduler)
        assert re.fullmatch(re.escape(state["id"]) + r"-O\d+", offer["id"]["value"])
        assert offer["framework_id"]["value"] == scheduler.framework_id
        assert offer["agent_id"]["value"] == state["slaves"][0]["id"]
        assert offer["hostname"] == "localhost"
        assert offer["url"] == {
            "scheme": "http", "path": "/slave(1)",
            "address": {"hostname": "localhost", "ip": HOST, "port": cluster.agent.port}}
        assert offer["allocation_info"] == {"role": "dev"}
        assert all(resource["allocation_info"] == {"role": "dev"} for resource in offer["resources"])
        assert amounts(offer) == {"cpus": 4, "mem": 1024, "disk": 1024}
        ports = [r["ranges"]["range"] for r in offer["resources"] if r["name"] == "ports"]
        assert [{k: int(v) for k, v in r.items()} for r in ports[0]] == [{"begin": 31000, "end": 32000}]
        shown = [o for f in page(cluster.port, "/state")["frameworks"] for o in f["offers"]]
        assert [o["id"] for o in shown] == [offer["id"]["value"]]


def amounts(offer):
    return {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}


def test_offer_without_multi_role(cluster):
    """A framework without MULTI_ROLE gets its role in the resources and no allocation_info."""
    with Scheduler(cluster.port, roles=[], role="plain", capabilities=[]) as scheduler:
        offer = one_offer(scheduler)
        assert "allocation_info" not in offer
        assert all("allocation_info" not in r and r["role"] == "*" for r in offer["resources"])


def test_decline_with_filter(cluster, kind):
    """Declined resources come back after the filter's time and not before."""
    with kind(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        start = time.monotonic()
        assert scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 1.5}) == 202
        again = one_offer(scheduler)
        waited = time.monotonic() - start
        assert 1.4 < waited, f"offered again after {waited:.2f} s"
        assert again["id"] != offer["id"] and amounts(again) == amounts(offer)


def test_decline_without_filter(cluster):
    """A filter of no length brings the resources back with the next allocation."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 0})
        assert one_offer(scheduler, timeout=3)["id"] != offer["id"]


def test_revive_clears_filters(cluster, kind):
    """REVIVE ends a long filter."""
    with kind(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 3600})
        expect_no_offer(scheduler, 1)
        assert scheduler.call("REVIVE") == 202
        one_offer(scheduler, timeout=3)


def expect_no_offer(scheduler, seconds):
    with pytest.raises(AssertionError, match="went by without the OFFERS"):
        scheduler.wait("OFFERS", timeout=seconds)


def test_suppress(cluster, kind):
    """After SUPPRESS nothing is offered until REVIVE."""
    with kind(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        assert scheduler.call("SUPPRESS") == 202
        scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 0})
        expect_no_offer(scheduler, 1)
        scheduler.call("REVIVE")
        one_offer(scheduler, timeout=3)


def test_suppress_of_one_role(cluster):
    """SUPPRESS of one role leaves the others; REVIVE of it brings it back."""
    with Scheduler(cluster.port, roles=["a", "b"]) as scheduler:
        offer = one_offer(scheduler)
        role = offer["allocation_info"]["role"]
        scheduler.call("SUPPRESS", roles=[role])
        scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 0})
        other = one_offer(scheduler, timeout=3)
        assert {role, other["allocation_info"]["role"]} == {"a", "b"}
        scheduler.call("SUPPRESS", roles=[other["allocation_info"]["role"]])
        scheduler.call("DECLINE", offer_ids=[other["id"]], filters={"refuse_seconds": 0})
        expect_no_offer(scheduler, 1)
        scheduler.call("REVIVE", roles=[role])
        assert one_offer(scheduler, timeout=3)["allocation_info"]["role"] == role


def test_offers_of_a_lost_scheduler_go_to_others(cluster):
    """What was offered to a scheduler that disconnects is offered to another one."""
    with Scheduler(cluster.port, failover_timeout=60) as first:
        one_offer(first)
        with Scheduler(cluster.port) as second:
            expect_no_offer(second, 0.5)
            first.close()
            assert amounts(one_offer(second, timeout=5))["cpus"] == 4
        with Scheduler(cluster.port, framework_id=first.framework_id) as back:
            back.call("TEARDOWN")


# --- Tasks

def test_task_runs(cluster, kind):
    """A command goes through STARTING, RUNNING and FINISHED; its output is in its sandbox, what it used comes back."""
    with kind(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        assert launch(scheduler, [offer], [task(offer, "t", "echo hello; echo $MESOS_SANDBOX")]) == 202
        statuses = [update(scheduler, "t", state) for state in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED")]
        for status in statuses:
            assert status["agent_id"] == offer["agent_id"] and status["source"] == "SOURCE_EXECUTOR"
            assert status["container_status"]["container_id"]["value"]
            assert abs(status["timestamp"] - time.time()) < 60
        assert len({status["uuid"] for status in statuses}) == 3
        assert statuses[2]["message"] == "Command exited with status 0"
        wait_for(lambda: amounts(one_offer(scheduler)) == amounts(offer) or decline_all(scheduler),
                 what="everything is offered again")
        framework = frameworks(cluster)[scheduler.framework_id]
        assert [t["state"] for t in framework["completed_tasks"]] == ["TASK_FINISHED"] and not framework["tasks"]
        found = cluster.agent.directory.glob(
            f"work/slaves/*/frameworks/{scheduler.framework_id}/executors/t/runs/*/stdout")
        output = [path.read_text().splitlines() for path in found if path.parent.name != "latest"]
        assert len(output) == 1 and output[0][0] == "hello"
        assert output[0][1].endswith(statuses[0]["container_status"]["container_id"]["value"])


def decline_all(scheduler):
    """Takes the offers seen so far as declined without a filter; false, to be asked again."""
    offers = [o["id"] for event in scheduler.seen if event["type"] == "OFFERS" for o in event["offers"]["offers"]]
    scheduler.call("DECLINE", offer_ids=offers, filters={"refuse_seconds": 0})
    return False


@pytest.mark.parametrize("command, message", [
    ("exit 3", "Command exited with status 3"),
    ("kill -9 $$", "Command terminated with signal Killed"),
])
def test_failing_task(cluster, command, message):
    """A command that fails or is killed by someone else is TASK_FAILED with the reason in words."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        launch(scheduler, [offer], [task(offer, "f", command)])
        for state in ("TASK_STARTING", "TASK_RUNNING"):
            update(scheduler, "f", state)
        status = update(scheduler, "f", "TASK_FAILED")
        assert (status["message"], status["source"]) == (message, "SOURCE_EXECUTOR")


def running(scheduler, offer, task_id, command="sleep 600", **fields):
    """Launches a task and waits until it runs."""
    launch(scheduler, [offer], [task(offer, task_id, command, **fields)])
    update(scheduler, task_id, "TASK_STARTING")
    return update(scheduler, task_id, "TASK_RUNNING")


@pytest.mark.parametrize("knows_killing", [False, True], ids=["plain", "with TASK_KILLING_STATE"])
def test_kill(cluster, kind, knows_killing):
    """KILL ends a task with SIGTERM; a framework that knows TASK_KILLING is told about that first."""
    capabilities = [{"type": "MULTI_ROLE"}] + ([{"type": "TASK_KILLING_STATE"}] if knows_killing else [])
    with kind(cluster.port, capabilities=capabilities) as scheduler:
        offer = one_offer(scheduler)
        running(scheduler, offer, "k")
        assert scheduler.call("KILL", task_id={"value": "k"}, agent_id=offer["agent_id"]) == 202
        if knows_killing:
            update(scheduler, "k", "TASK_KILLING")
        status = update(scheduler, "k", "TASK_KILLED")
        assert status["message"] == "Command terminated with signal Terminated"
        states = [e["update"]["status"]["state"] for e in scheduler.seen if e["type"] == "UPDATE"]
        assert ("TASK_KILLING" in states) == knows_killing


def test_kill_with_grace_period(cluster):
    """A task that ignores SIGTERM is killed when the kill policy's grace period is over, not before."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        running(scheduler, offer, "stubborn", "trap '' TERM; while :; do sleep 0.1; done")
        start = time.monotonic()
        scheduler.call("KILL", task_id={"value": "stubborn"}, kill_policy={"grace_period": {"nanoseconds": 10**9}})
        status = update(scheduler, "stubborn", "TASK_KILLED")
        assert status["message"] == "Command terminated with signal Killed"
        assert time.monotonic() - start > 0.9


def test_kill_ends_children_too(cluster):
    """What a task started ends with it."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        pids = cluster.agent.directory / "children"
        running(scheduler, offer, "parent", f"sleep 601 & echo $! > {pids}; wait")
        child = int(wait_for(lambda: pids.exists() and pids.read_text().strip(), what="the child's pid is written"))
        assert is_alive(child)
        scheduler.call("KILL", task_id={"value": "parent"})
        update(scheduler, "parent", "TASK_KILLED")
        wait_for(lambda: not is_alive(child), what="the child has ended")


def is_alive(pid):
    return process_start(pid) is not None


@pytest.mark.parametrize("with_agent, state, message", [
    (True, "TASK_GONE", "Reconciliation: Task is unknown to the agent"),
    (False, "TASK_UNKNOWN", "Reconciliation: Task is unknown"),
])
def test_kill_of_an_unknown_task(cluster, with_agent, state, message):
    """KILL of a task that nobody knows is answered like a question for it."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        agent = {"agent_id": offer["agent_id"]} if with_agent else {}
        scheduler.call("KILL", task_id={"value": "nobody"}, **agent)
        status = update(scheduler, "nobody", state)
        assert (status["message"], status["source"], status["reason"]) == (
            message, "SOURCE_MASTER", "REASON_RECONCILIATION")
        assert "uuid" not in status


def test_updates_come_one_at_a_time_and_again_until_acknowledged(cluster):
    """The next update waits for the acknowledgement of the one before, which is sent again after ten seconds."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        launch(scheduler, [offer], [task(offer, "silent", "true")])
        first = update(scheduler, "silent", "TASK_STARTING", acknowledge=False)
        start = time.monotonic()
        second = update(scheduler, "silent", "TASK_STARTING", timeout=20, acknowledge=False)
        assert second["uuid"] == first["uuid"] and second["timestamp"] == first["timestamp"]
        assert time.monotonic() - start > 8
        assert [e["update"]["status"]["state"] for e in scheduler.seen if e["type"] == "UPDATE"] == [
            "TASK_STARTING", "TASK_STARTING"]
        acknowledge_status(scheduler, second)
        update(scheduler, "silent", "TASK_RUNNING")
        update(scheduler, "silent", "TASK_FINISHED")


def test_reconcile(cluster, kind):
    """Implicit reconciliation names every running task, explicit each one asked for."""
    with kind(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        running(scheduler, offer, "r1")
        running(scheduler, one_offer(scheduler), "r2")
        assert scheduler.call("RECONCILE", tasks=[]) == 202
        for name in ("r1", "r2"):
            status = update(scheduler, name, "TASK_RUNNING")
            assert (status["message"], status["source"], status["reason"]) == (
                "Reconciliation: Latest task state", "SOURCE_MASTER", "REASON_RECONCILIATION")
            assert "uuid" not in status and status["agent_id"] == offer["agent_id"]
        scheduler.call("RECONCILE", tasks=[
            {"task_id": {"value": "r2"}, "agent_id": offer["agent_id"]}, {"task_id": {"value": "unknown"}},
            {"task_id": {"value": "gone"}, "agent_id": offer["agent_id"]}])
        assert update(scheduler, "r2", "TASK_RUNNING")["message"] == "Reconciliation: Latest task state"
        unknown = update(scheduler, "unknown", "TASK_UNKNOWN")
        assert unknown["message"] == "Reconciliation: Task is unknown" and "agent_id" not in unknown
        assert update(scheduler, "gone", "TASK_GONE")["message"] == "Reconciliation: Task is unknown to the agent"
        names = [e["update"]["status"]["task_id"]["value"] for e in scheduler.seen if e["type"] == "UPDATE"]
        assert names.count("r1") == 3 and names.count("r2") == 4


def test_reconcile_for_an_old_framework(cluster):
    """A framework without PARTITION_AWARE hears TASK_LOST of what nobody knows."""
    with Scheduler(cluster.port, capabilities=[{"type": "MULTI_ROLE"}]) as scheduler:
        scheduler.call("RECONCILE", tasks=[{"task_id": {"value": "unknown"}}])
        assert update(scheduler, "unknown", "TASK_LOST")["reason"] == "REASON_RECONCILIATION"


def test_teardown_ends_tasks(cluster):
    """TEARDOWN kills what the framework runs and frees what it used."""
    pids = cluster.agent.directory / "torn"
    with Scheduler(cluster.port, failover_timeout=60) as scheduler:
        offer = one_offer(scheduler)
        running(scheduler, offer, "torn", f"echo $$ > {pids}; sleep 602")
        pid = int(wait_for(lambda: pids.exists() and pids.read_text().strip(), what="the task's pid is written"))
        scheduler.call("TEARDOWN")
        scheduler.wait_for_end()
        wait_for(lambda: not is_alive(pid), what="the task has ended")
    done = {f["id"]: f for f in page(cluster.port, "/frameworks")["completed_frameworks"]}[scheduler.framework_id]
    assert [t["id"] for t in done["completed_tasks"]] == ["torn"] and not done["tasks"]
    with Scheduler(cluster.port) as other:
        assert amounts(one_offer(other))["cpus"] == 4


def test_tasks_survive_failover(cluster):
    """A new scheduler of the same framework goes on with its tasks: it gets what was not acknowledged and may kill."""
    with Scheduler(cluster.port, failover_timeout=60) as old:
        offer = one_offer(old)
        launch(old, [offer], [task(offer, "survivor", "sleep 603")])
        update(old, "survivor", "TASK_STARTING", acknowledge=False)
        old.close()
        with Scheduler(cluster.port, framework_id=old.framework_id, failover_timeout=60) as new:
            update(new, "survivor", "TASK_STARTING", timeout=25)
            update(new, "survivor", "TASK_RUNNING")
            new.call("KILL", task_id={"value": "survivor"})
            update(new, "survivor", "TASK_KILLED")
            new.call("TEARDOWN")


# --- Invalid tasks and offers

def invalid(**fields):
    return lambda offer: task(offer, **{"task_id": "invalid"} | fields)


@pytest.mark.parametrize("make, message", [
    (invalid(cpus=1000), "Total resources cpus(allocated: dev):1000; mem(allocated: dev):32 required by task and its "
                         "executor is more than available {offer}"),
    (invalid(task_id="twin"), "Task has duplicate ID: twin"),
    (invalid(command=None), None),
    (invalid(task_id="a/b"), "'a/b' contains invalid characters"),
    (invalid(resources=[]), "Task uses no resources"),
    (invalid(agent_id={"value": "nosuch"}), "Task uses invalid agent nosuch while agent {agent} is expected"),
], ids=["too much", "duplicate id", "no command", "bad id", "no resources", "wrong agent"])
def test_invalid_task(cluster, make, message):
    """A task that cannot be is TASK_ERROR, with Mesos's words; what it was offered comes back."""
    with Scheduler(cluster.port, roles=["dev"]) as scheduler:
        offer = one_offer(scheduler)
        if "duplicate" in (message or ""):
            running(scheduler, offer, "twin")
            offer = one_offer(scheduler)
        info = make(offer)
        if message is None:
            del info["command"]
            message = "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
        assert launch(scheduler, [offer], [info]) == 202
        status = update(scheduler, info["task_id"]["value"], "TASK_ERROR")
        assert (status["source"], status["reason"]) == ("SOURCE_MASTER", "REASON_TASK_INVALID")
        assert status["agent_id"] == info["agent_id"] and "uuid" not in status
        assert status["message"] == message.format(offer=resources_text(offer), agent=offer["agent_id"]["value"])
        assert amounts(one_offer(scheduler)) == amounts(offer)


def resources_text(offer):
    """An offer's resources as Mesos's messages have them."""
    parts = []
    for resource in offer["resources"]:
        if resource["type"] == "SCALAR":
            value = f"{resource['scalar']['value']:g}"
        else:
            value = "[" + ", ".join(f"{r['begin']}-{r['end']}" for r in resource["ranges"]["range"]) + "]"
        parts.append(f"{resource['name']}(allocated: {resource['allocation_info']['role']}):{value}")
    return "; ".join(parts)


def test_a_good_task_beside_a_bad_one(cluster):
    """One bad task of a LAUNCH does not stop the others."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        launch(scheduler, [offer], [task(offer, "a/b"), task(offer, "good"), task(offer, "huge", cpus=3.95)])
        update(scheduler, "a/b", "TASK_ERROR")
        update(scheduler, "huge", "TASK_ERROR")
        for state in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"):
            update(scheduler, "good", state)


def test_invalid_offers(cluster, kind):
    """Tasks on offers that are unknown, used already, or named twice are TASK_DROPPED."""
    with kind(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        launch(scheduler, [{"id": {"value": "nosuch"}}], [task(offer, "lost")])
        status = update(scheduler, "lost", "TASK_DROPPED")
        assert status["message"] == "Task launched with invalid offers: Offer nosuch is no longer valid"
        assert (status["source"], status["reason"]) == ("SOURCE_MASTER", "REASON_INVALID_OFFERS")
        launch(scheduler, [offer, offer], [task(offer, "twice")])
        status = update(scheduler, "twice", "TASK_DROPPED")
        assert status["message"] == "Task launched with invalid offers: Duplicate offer in offer list"
        offer = one_offer(scheduler)
        scheduler.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 0})
        launch(scheduler, [offer], [task(offer, "late")])
        status = update(scheduler, "late", "TASK_DROPPED")
        gone = f"Offer {offer['id']['value']} is no longer valid"
        assert status["message"] == f"Task launched with invalid offers: {gone}"


def test_offers_of_another_framework(cluster):
    """A framework cannot use what was offered to another one."""
    with Scheduler(cluster.port) as owner, Scheduler(cluster.port) as thief:
        offer = one_offer(owner)
        launch(thief, [offer], [task(offer, "stolen")])
        thief.wait("UPDATE", lambda e: e["update"]["status"]["state"] == "TASK_DROPPED")
        thief.call("DECLINE", offer_ids=[offer["id"]], filters={"refuse_seconds": 0})
        launch(owner, [offer], [task(offer, "owned")])
        update(owner, "owned", "TASK_STARTING")


# --- Several masters

@pytest.fixture
def masters(testbed):
    """A leading master and one that follows it, over one coordinator."""
    coordinator = testbed.start(Coordinator)
    pair = [testbed.start(Master, coordinator) for _ in range(2)]

    def leader():
        locations = [redirect(master, "/redirect") for master in pair if master.is_running]
        return len(set(locations)) == 1 and None not in locations and locations[0]
    location = wait_for(leader, 15, "both masters know one leader")
    pair.sort(key=lambda master: not location.endswith(f":{master.port}"))
    return pair


def redirect(master, path, method="GET"):
    """Where a request is sent instead; None when it is not sent elsewhere."""
    with Connection(HOST, master.port) as connection:
        connection.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        answer = connection.answer()
        return answer.headers.get("Location") if answer.status == 307 else None


def test_follower_redirects_to_the_leader(masters):
    """A master that does not lead sends every request for the cluster to the leader, and answers for itself."""
    leader, follower = masters
    base = f"//localhost:{leader.port}"
    for path in ["/state", "/master/state", "/slaves?slave_id=a%20b", "/frameworks", "/tasks", "/state-summary"]:
        assert redirect(follower, path) == base + path
        assert redirect(leader, path) is None
    assert redirect(follower, "/api/v1/scheduler", "POST") == f"{base}/api/v1/scheduler"
    assert redirect(follower, "/redirect") == redirect(leader, "/redirect") == base
    for path in ["/health", "/version", "/flags", "/metrics/snapshot"]:
        assert http_get(follower.port, path)[0] == 200
    assert page(follower.port, "/metrics/snapshot")["master/elected"] == 0
    assert page(leader.port, "/metrics/snapshot")["master/elected"] == 1
    with Scheduler(follower.port) as scheduler:
        assert scheduler.address[1] == leader.port


def test_follower_takes_over(masters):
    """When the leader dies the other master leads, and a framework may come back to it under its id."""
    leader, follower = masters
    with Scheduler(leader.port, failover_timeout=60) as scheduler:
        leader.kill9()
        scheduler.wait_for_end()
        wait_for(lambda: redirect(follower, "/redirect") == f"//localhost:{follower.port}", 20, "the other one leads")
        wait_for(lambda: http_get(follower.port, "/state")[0] == 200, what="it answers for the cluster")
        with Scheduler(follower.port, framework_id=scheduler.framework_id) as back:
            assert back.framework_id == scheduler.framework_id
            assert scheduler.framework_id in frameworks(follower)


# --- What no scheduler should send

def post(body, path=PATH, content_type="application/json", headers=()):
    body = body.encode() if isinstance(body, str) else body
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {content_type}", "Accept: application/json",
             f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def is_healthy(master):
    return master.is_running and http_get(master.port, "/health", timeout=20)[0] == 200


def answered_or_closed(master, data, seconds=20, has_body=True):
    """The status of the answer; 0 when the master closes the connection instead."""
    with Connection(HOST, master.port, seconds) as connection:
        try:
            connection.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It may close before it has read everything.
        try:
            answer = connection.answer(has_body)
        except ConnectionError:
            return 0
        return answer.status if answer else 0


def test_body_that_is_too_large(master):
    """A body beyond the limit is refused, and not kept."""
    before = resident(master)
    body = b'{"type":"SUBSCRIBE","x":"' + b"x" * (80 << 20)
    assert answered_or_closed(master, post(body), 60) in (413, 0)
    chunk = b"%x\r\n" % (8 << 20) + b"x" * (8 << 20) + b"\r\n"
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert answered_or_closed(master, head.encode() + chunk * 10 + b"0\r\n\r\n", 60) in (413, 0)
    assert is_healthy(master)
    assert resident(master) - before < 300 << 20


def resident(program):
    with open(f"/proc/{program.pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


@pytest.mark.parametrize("head", [
    b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 100_000 + b"\r\n",
], ids=["long path", "long header", "many headers"])
def test_head_that_is_too_large(master, head):
    """A request whose head has no end is refused or cut off."""
    assert answered_or_closed(master, head) in (0, 400, 404, 414, 431)
    assert is_healthy(master)


NESTED = 200_000


@pytest.mark.parametrize("content_type, body", [
    ("application/json", b"{nope"), ("application/json", b""), ("application/json", b"null"),
    ("application/json", b"[" * NESTED), ("application/json", b'{"a":' * NESTED),
    ("application/json", b"[" * NESTED + b"]" * NESTED), ("application/json", b'{"type":"SUBSCRIBE"} trailing'),
    ("application/json", b'{"type":"\xff\xfe"}'), ("application/json", b'{"type":"\\ud800"}'),
    ("application/json", b'{"type":1e999999}'), ("application/json", b'{"type":"ACCEPT","framework_id":5}'),
    ("application/json", b"\x00" * 1000), ("application/json", b'"' + b"a" * 100_000),
    ("application/json",
     b'{"type":"ACCEPT","framework_id":{"value":"x"},"accept":{"filters":{"refuse_seconds":"NaN"}}}'),
    ("application/x-protobuf", b"\xff" * 100), ("application/x-protobuf", b""), ("application/x-protobuf", b"\x0a"),
    ("application/x-protobuf", b"\x10\x01\x1a\xff\xff\xff\xff\x0f"), ("application/x-protobuf", b"\x0b" * NESTED),
    ("application/x-protobuf", b"\x10" + b"\xff" * 9 + b"\x01"),
], ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes {value[:12]!r}")
def test_malformed_call(master, content_type, body):
    """What is no call gets 400, however it is broken."""
    assert answered_or_closed(master, post(body, content_type=content_type)) == 400
    assert is_healthy(master)


ENDPOINTS = [
    "/", "/health", "/version", "/flags", "/redirect", "/metrics/snapshot", "/system/stats.json", "/state",
    "/master/state", "/slaves", "/frameworks", "/tasks", "/state-summary", "/teardown", "/master/teardown", PATH,
    "/api/v1", "/files/read", "/files/browse", "/files/download", "/master/mesos.internal.RegisterSlaveMessage",
    "/master/mesos.internal.ReregisterSlaveMessage", "/master/mesos.internal.StatusUpdateMessage",
    "/master/mesos.internal.UpdateSlaveMessage", "/master/mesos.internal.UnregisterSlaveMessage",
    "/master/mesos.internal.ExitedExecutorMessage", "/master/mesos.internal.PongSlaveMessage",
    "/master/mesos.internal.ExecutorToFrameworkMessage", "/master/nosuch", "/nosuch",
]
CALLS = [
    {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "f", "failover_timeout": 1}}},
    {"type": "ACCEPT", "framework_id": {"value": "f"}, "accept": {"offer_ids": [{"value": "o"}], "operations": [
        {"type": "LAUNCH", "launch": {"task_infos": [{"name": "t", "task_id": {"value": "t"}, "agent_id": {
            "value": "a"}, "resources": [scalar("cpus", 1)], "command": {"value": "true"}}]}}]}},
    {"type": "RECONCILE", "framework_id": {"value": "f"}, "reconcile": {"tasks": [{"task_id": {"value": "t"}}]}},
    {"type": "KILL", "framework_id": {"value": "f"}, "kill": {"task_id": {"value": "t"}}},
]


TOKENS = [b"{", b"}", b"[", b'"', b"\\", b"\x00", b"1e400", b"-", b"%00", b"\xff"]


def mutated(random_, data):
    """`data` with a few bytes changed, dropped, doubled or put in."""
    data = bytearray(data)
    for _ in range(random_.randint(1, 8)):
        at = random_.randrange(len(data) + 1)
        match random_.randrange(4):
            case 0: data[at:at + 1] = random_.randbytes(1)
            case 1: del data[at:at + random_.randint(1, 10)]
            case 2: data[at:at] = data[at:at + random_.randint(1, 20)]
            case 3: data[at:at] = random_.choice(TOKENS)
    return bytes(data)


def fuzzed_request(random_, endpoint, messages):
    """A request that is right in its outer form, with bytes inside that are not."""
    if random_.random() < 0.3:
        query = random_.choice(["", "?", "?jsonp=", "?limit=", "?offset=-", "?path=", "?order="])
        query += "".join(random_.choice("0189-%azAZ/.&=+<>\"'") for _ in range(random_.randint(0, 30)))
        method = random_.choice(["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
        return f"{method} {endpoint}{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    call = random_.choice(CALLS)
    if random_.random() < 0.5:
        content_type, body = "application/json", json.dumps(call).encode()
    else:
        from google.protobuf.json_format import ParseDict
        content_type, body = "application/x-protobuf", ParseDict(call, messages.Call()).SerializeToString()
    body = random_.randbytes(random_.randint(0, 2000)) if random_.random() < 0.3 else mutated(random_, body)
    headers = []
    if "mesos.internal" in endpoint or random_.random() < 0.2:
        sender = random_.choice(["slave(1)@127.0.0.1:1", "slave(1)@[::1]:99999", "@", "x@y", "slave(1)@0.0.0.0:0"])
        headers = [random_.choice([f"Libprocess-From: {sender}", f"User-Agent: libprocess/{sender}"])]
    return post(body, endpoint, content_type, headers)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_fuzzed_requests(master, messages, endpoint):
    """Whatever is sent to an endpoint is answered or cut off, and the master goes on."""
    random_ = random.Random(f"requests {endpoint}")
    for number in range(60):
        data = fuzzed_request(random_, endpoint, messages)
        with Connection(HOST, master.port, 20) as connection:
            connection.send(data)
            try:
                is_head = data.startswith(b"HEAD")
                while b"\r\n\r\n" not in connection.received and connection._more():
                    pass
                if b"chunked" not in connection.received.lower():  # A stream has no end.
                    connection.answer(has_body=not is_head)
            except (ConnectionError, TimeoutError) as error:
                raise AssertionError(f"request {number} {data[:300]!r}: {error}") from error
    assert is_healthy(master)


AGENT_ENDPOINTS = [
    "/", "/health", "/state", "/slave(1)/state", "/flags", "/version", "/metrics/snapshot", "/containers",
    "/monitor/statistics", "/files/browse", "/files/read", "/files/download", "/files/debug", "/api/v1",
    "/api/v1/executor", "/slave(1)/mesos.internal.RunTaskMessage", "/slave(1)/mesos.internal.KillTaskMessage",
    "/slave(1)/mesos.internal.nosuch", "/nosuch",
]


@pytest.mark.parametrize("endpoint", AGENT_ENDPOINTS)
def test_fuzzed_requests_to_an_agent(shared_cluster, messages, endpoint):
    """Whatever is sent to an agent's endpoint is answered or cut off, and the agent goes on."""
    agent = shared_cluster.agent
    random_ = random.Random(f"agent {endpoint}")
    for _ in range(40):
        data = fuzzed_request(random_, endpoint, messages)
        answered_or_closed(agent, data, has_body=not data.startswith(b"HEAD"))
    assert is_healthy(agent)


@pytest.mark.parametrize("path", [
    "/etc/passwd", "/../../../../etc/passwd", "/master/log/../../etc/passwd", "/proc/1/environ"])
@pytest.mark.parametrize("endpoint", ["read", "browse", "download"])
def test_files_outside_of_sandboxes(shared_cluster, endpoint, path):
    """An agent shows files of sandboxes only, however a path is written."""
    for prefix in ("", sandbox_root(shared_cluster.agent), sandbox_root(shared_cluster.agent) + "/.."):
        query = f"/files/{endpoint}?path={prefix}{path}&offset=0&length=10"
        assert http_get(shared_cluster.agent.port, query)[0] in (400, 403, 404)


def sandbox_root(agent):
    return f"{agent.directory}/work/slaves"


def test_files_behind_links(cluster):
    """A link in a sandbox does not lead out of it."""
    with Scheduler(cluster.port) as scheduler:
        offer = one_offer(scheduler)
        running(scheduler, offer, "links",
                "ln -s /etc up; ln -s /etc/passwd out; echo in > file; touch done; sleep 604")
        sandbox = [e for f in page(cluster.agent.port, "/state")["frameworks"] for e in f["executors"]
                   if e["id"] == "links"][0]["directory"]
        port = cluster.agent.port
        wait_for(lambda: http_get(port, f"/files/read?path={sandbox}/done&offset=0")[0] == 200, what="links are there")
        assert http_get(port, f"/files/read?path={sandbox}/file&offset=0") == (200, b'{"data":"in\\n","offset":0}')
        for name in ("out", "up/passwd", "../../../../../../../../../../etc/passwd"):
            for endpoint in ("read", "download"):
                query = f"/files/{endpoint}?path={sandbox}/{name}&offset=0&length=9"
                assert http_get(port, query)[0] in (400, 403, 404)


# --- What no agent should send

RECORDED = json.loads((HERE / "messages.json").read_text())
TO_MASTER = [m["path"] for m in RECORDED["messages"] if m["to"] == "master"]
# Not RunTask, as what its bytes become would be run: see test_odd_task. Not SlaveRegistered: an agent that gets
# another id than it has must stop.
TO_AGENT = [m["path"] for m in RECORDED["messages"] if m["to"] == "agent"
            and not m["path"].endswith(("RunTaskMessage", "SlaveRegisteredMessage"))]


def recorded_message(path, master_id):
    """A recorded message in which the master's id is another one."""
    body = base64.b64decode(next(m["body"] for m in RECORDED["messages"] if m["path"] == path))
    return body.replace(RECORDED["master"].encode(), master_id.encode())


def send_message(program, path, body, sender):
    """Sends a message as libprocess does; its answer is only that it arrived."""
    headers = [f"Libprocess-From: {sender}"]
    assert answered_or_closed(program, post(body, path, "application/octet-stream", headers)) in (202, 400)


@contextlib.contextmanager
def silent_peer():
    """The address of someone who takes connections and never answers."""
    with socket.create_server((HOST, 0)) as server:
        yield f"{HOST}:{server.getsockname()[1]}"


def strict_page(port, path):
    """A page that any JSON parser can read: without NaN and Infinity."""
    def refuse(name):
        raise AssertionError(f"{path} has {name}")
    status, body = http_get(port, path, timeout=20)
    assert status == 200
    return json.loads(body, parse_constant=refuse)


@pytest.mark.parametrize("path", TO_MASTER)
def test_fuzzed_messages_to_a_master(testbed, path):
    """A master goes on whatever comes in the name of an agent, and its pages stay JSON."""
    master = testbed.start(Master, flags=["--registry=in_memory"])
    master_id = page(master.port, "/state")["id"]
    random_ = random.Random(path)
    with silent_peer() as address:
        sender = f"slave(1)@{address}"
        register = "/master/mesos.internal.RegisterSlaveMessage"
        send_message(master, register, recorded_message(register, master_id), sender)
        assert [slave["pid"] for slave in page(master.port, "/state")["slaves"]] == [sender]
        with Scheduler(master.port, roles=["bench"]) as scheduler:
            one_offer(scheduler)
            for number in range(150):
                # Each registration comes from another actor, or it would be the same agent again.
                name = f"slave({number + 2})@{address}" if path == register else sender
                send_message(master, path, mutated(random_, recorded_message(path, master_id)), name)
            assert is_healthy(master)
            for shown in ["/state", "/slaves", "/frameworks", "/tasks", "/state-summary", "/metrics/snapshot"]:
                strict_page(master.port, shown)
            scheduler.call("REVIVE")
    with Scheduler(master.port) as scheduler:
        scheduler.wait("HEARTBEAT")
    assert is_healthy(master)


@pytest.mark.parametrize("path", TO_AGENT)
def test_fuzzed_messages_to_an_agent(testbed, path):
    """An agent goes on whatever comes in the name of its master."""
    master = testbed.start(Master, flags=["--registry=in_memory"])
    agent = testbed.start(LoneAgent, master)
    wait_for_agent(master, agent)
    master_id = page(master.port, "/state")["id"]
    random_ = random.Random(path)
    for _ in range(150):
        body = mutated(random_, recorded_message(path, master_id) or random_.randbytes(10))
        send_message(agent, path, body, f"master@{HOST}:{master.port}")
    assert is_healthy(agent)
    for shown in ["/state", "/containers", "/metrics/snapshot"]:
        strict_page(agent.port, shown)


def odd(**fields):
    """What changes in a task."""
    return fields


def with_resource(**resource):
    return odd(more=[{"name": "cpus", "type": "SCALAR", "allocation_info": {"role": "*"}} | resource])


ODD_TASKS = {
    "cpus NaN": odd(cpus="NaN"), "cpus Infinity": odd(cpus="Infinity"), "cpus negative": odd(cpus=-1),
    "cpus huge": odd(cpus=1e308), "cpus zero": odd(cpus=0), "cpus tiny": odd(cpus=1e-9),
    "ports backwards": with_resource(name="ports", type="RANGES", ranges={"range": [{"begin": 32000, "end": 31000}]}),
    "ports without end": with_resource(name="ports", type="RANGES", ranges={"range": [{"begin": 0, "end": 2**64 - 1}]}),
    "ports overlapping": with_resource(name="ports", type="RANGES", ranges={
        "range": [{"begin": 31000, "end": 31005}, {"begin": 31003, "end": 31010}]}),
    "no ports": with_resource(name="ports", type="RANGES", ranges={"range": []}),
    "unnamed": with_resource(name="", scalar={"value": 1}),
    "set": with_resource(name="s", type="SET", set={"item": ["a"]}),
    "without value": with_resource(name="gpus"), "wrong kind": with_resource(name="cpus", type="RANGES", ranges={
        "range": [{"begin": 1, "end": 2}]}),
    "long command": odd(command="true " + "x" * 3_000_000),
    "empty command": odd(command=""), "no shell, no value": odd(command_info={"shell": False}),
    "no such program": odd(command_info={"shell": False, "value": "/nosuch/program", "arguments": ["a"]}),
    "no such user": odd(command_info={"value": "true", "user": "nobody-of-that-name"}),
    "odd variables": odd(command_info={"value": "true", "environment": {"variables": [
        {"name": "", "value": "x"}, {"name": "A=B", "value": "x"}, {"name": "LONG", "value": "y" * 100_000},
        {"name": "UNI", "value": "\u00e4\u0000z"}]}}),
    "many variables": odd(command_info={"value": "true", "environment": {"variables": [
        {"name": f"V{n}", "value": "z" * 1000} for n in range(3000)]}}),
    "odd uris": odd(command_info={"value": "true", "uris": [{"value": ""}, {"value": "file:///nosuch"}]}),
    "longest id": odd(task_id="i" * 255), "id too long": odd(task_id="i" * 256), "dots": odd(task_id=".."),
    "id with spaces": odd(task_id="a b \u00e4\U0001f600"), "no id": odd(task_id=""),
    "control character": odd(task_id="a\nb"),
    "negative grace": odd(fields={"kill_policy": {"grace_period": {"nanoseconds": -1}}}),
    "longest grace": odd(fields={"kill_policy": {"grace_period": {"nanoseconds": 2**63 - 1}}}),
    "no time at all": odd(fields={"max_completion_time": {"nanoseconds": 0}}),
    "negative time": odd(fields={"max_completion_time": {"nanoseconds": -5}}),
    "longest time": odd(fields={"max_completion_time": {"nanoseconds": 2**63 - 1}}),
    "many labels": odd(fields={"labels": {"labels": [{"key": f"k{n}", "value": "\u0000\"\\"} for n in range(2000)]}}),
}


@pytest.mark.parametrize("name", ODD_TASKS)
def test_odd_task(cluster, messages, name):
    """A task with the oddest values ends somehow and says so; master and agent go on and their pages stay JSON."""
    ProtobufScheduler.messages = messages
    change = ODD_TASKS[name]
    with ProtobufScheduler(cluster.port) as scheduler, Acknowledger(scheduler):
        offer = one_offer(scheduler)
        info = task(offer, change.get("task_id", "odd"), change.get("command", "true"), change.get("cpus", 0.1))
        info["resources"] += change.get("more", [])
        info |= {"command": change["command_info"]} if "command_info" in change else {}
        info |= change.get("fields", {})
        assert launch(scheduler, [offer], [info]) == 202
        ends = ("TASK_FINISHED", "TASK_FAILED", "TASK_ERROR", "TASK_DROPPED", "TASK_KILLED")
        scheduler.wait("UPDATE", lambda e: e["update"]["status"]["state"] in ends, timeout=20)
        for program, paths in [(cluster, ["/state", "/slaves", "/tasks", "/metrics/snapshot"]),
                               (cluster.agent, ["/state", "/containers", "/metrics/snapshot"])]:
            for path in paths:
                strict_page(program.port, path)
        wait_for(lambda: everything_is_free(cluster), what="what the task used is free")


def everything_is_free(master):
    used = page(master.port, "/slaves")["slaves"][0]["used_resources"]
    amounts = [value for value in used.values() if isinstance(value, float | int)]
    return "ports" not in used and all(math.isclose(value, 0) for value in amounts)


def test_fuzzed_bytes(master):
    """Bytes that are no HTTP at all do no harm."""
    random_ = random.Random("bytes")
    for _ in range(300):
        start = random_.choice([b"", b"GET ", b"POST / HTTP/1.1\r\n", b"\r\n", b"GET / HTTP/1.1\r\nContent-Length: ",
                                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"])
        with socket.create_connection((HOST, master.port), 10) as connection:
            rest, closes = random_.randbytes(random_.randint(0, 3000)), random_.random() < 0.5
            with contextlib.suppress(OSError):  # It may close before it has everything.
                connection.sendall(start + rest)
                if closes:
                    connection.shutdown(socket.SHUT_WR)
    assert is_healthy(master)


def test_many_silent_connections(master):
    """Hundreds of connections that send nothing, or half a request, do not stop others from being answered."""
    silent = []
    try:
        for number in range(400):
            silent.append(socket.create_connection((HOST, master.port), 10))
            if number % 2:
                silent[-1].sendall(b"POST /api/v1/scheduler HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
        assert is_healthy(master)
    finally:
        for connection in silent:
            connection.close()
    assert is_healthy(master)


def test_many_schedulers_at_once(master):
    """A hundred schedulers subscribe at the same time; each gets an id of its own, and all end."""
    schedulers = [Scheduler(master.port, name=f"many-{number}") for number in range(100)]
    threads = [threading.Thread(target=scheduler.subscribe, kwargs={"timeout": 30}) for scheduler in schedulers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        assert len({scheduler.framework_id for scheduler in schedulers} - {None}) == 100
    finally:
        for scheduler in schedulers:
            scheduler.close()
    wait_for(lambda: not any(f["name"].startswith("many-") for f in frameworks(master).values()), 20, "all have ended")
