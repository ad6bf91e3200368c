"""Our master with a real Mesos 1.11 agent, and our agent with a real Mesos 1.11 master.

MESOS_PEER names the folder of the real Mesos (its run.sh starts one; see the README.md there); without it these tests
are passed over. It is built once, in the folder that MESOS_PEER_BUILD names.
"""

import os
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from golden.cluster import (
    LoneAgent, Scheduler, launch, need_program, one_offer, page, process_start, task, update, wait_for_agent,
)
from harness import HOST, Master, free_port, wait_for

PEER = Path(os.environ.get("MESOS_PEER") or "/nonexistent")
BUILD = Path(os.environ.get("MESOS_PEER_BUILD") or Path(tempfile.gettempdir()) / "mesos-peer-build")

pytestmark = pytest.mark.timeout(300)  # The first run downloads and builds.


def is_built():
    return all(os.access(BUILD / "bin" / name, os.X_OK) for name in ("mesosref", "mesos-executor"))


@pytest.fixture(scope="module")
def built():
    """The folder with the real Mesos, built if need be."""
    if not (PEER / "run.sh").exists():
        pytest.skip("MESOS_PEER names no folder with the run.sh of a real Mesos")
    if not is_built():
        # Its last step makes a load client, which not every copy of the folder has the source of; that is not used.
        result = subprocess.run(
            [PEER / "build.sh"], env=os.environ | {"REF": str(BUILD)}, capture_output=True, text=True, timeout=280)
        if not is_built():
            pytest.skip(f"the real Mesos cannot be built here: {(result.stdout + result.stderr)[-500:]}")
    return BUILD


class Peer:
    """Processes of a real Mesos in a folder of their own."""

    def __init__(self, directory, build):
        self.directory = directory
        directory.mkdir()
        for name in ("bin", "lib"):
            (directory / name).symlink_to(build / name)
        self.port = self.free_ports()

    @staticmethod
    def free_ports():
        """A free port whose successor is free too: the agents of run.sh come behind its master."""
        while True:
            port = free_port()
            try:
                socket.create_server((HOST, port + 1)).close()
            except OSError:
                continue
            return port

    def run(self, *arguments):
        environment = os.environ | {"REF": str(self.directory), "PORT": str(self.port),
                                    "RESOURCES": "cpus:4;mem:1024;disk:1024;ports:[31000-32000]"}
        result = subprocess.run(
            [PEER / "run.sh", *arguments], env=environment, capture_output=True, text=True, timeout=100)
        assert result.returncode == 0, result.stdout + result.stderr + self.logs()

    def logs(self):
        return "".join(f"\n--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
                       for log in sorted(self.directory.glob("run/*.log")))

    def end(self):
        for file in self.directory.glob("run/*.pid"):
            pid = int(file.read_text())
            started = process_start(pid)
            for end in (signal.SIGTERM, signal.SIGKILL):
                if process_start(pid) == started is not None:
                    os.killpg(pid, end)
            wait_for(lambda: process_start(pid) != started or started is None, what="the real Mesos has ended")


@pytest.fixture
def peer(built, tmp_path):
    peer = Peer(tmp_path / "peer", built)
    yield peer
    peer.end()


def run_tasks(scheduler):
    """Runs one task to its end, lets one fail and kills one; returns the agent's id."""
    offer = one_offer(scheduler, timeout=30)
    launch(scheduler, [offer], [
        task(offer, "good", "echo hello"), task(offer, "bad", "exit 3"), task(offer, "long", "sleep 605")])
    for name, last in [("good", "TASK_FINISHED"), ("bad", "TASK_FAILED"), ("long", None)]:
        for state in ["TASK_STARTING", "TASK_RUNNING"] + ([last] if last else []):
            status = update(scheduler, name, state, timeout=30)
            assert status["agent_id"] == offer["agent_id"]
        if last:
            assert status["message"] == f"Command exited with status {3 if name == 'bad' else 0}"
    scheduler.call("RECONCILE", tasks=[])
    assert update(scheduler, "long", "TASK_RUNNING")["reason"] == "REASON_RECONCILIATION"
    scheduler.call("KILL", task_id={"value": "long"}, agent_id=offer["agent_id"])
    killed = update(scheduler, "long", "TASK_KILLED", timeout=30)
    assert killed["message"] == "Command terminated with signal Terminated"
    return offer["agent_id"]["value"]


def test_real_agent_with_our_master(testbed, peer):
    """A real agent registers with our master and runs command tasks."""
    master = testbed.start(Master)
    peer.run("agents", f"{HOST}:{master.port}", "1")
    try:
        wait_for(lambda: page(master.port, "/state")["activated_slaves"] == 1, 60, "the real agent is registered")
        with Scheduler(master.port) as scheduler:
            agent = run_tasks(scheduler)
            shown = page(master.port, "/slaves")["slaves"][0]
            assert (shown["id"], shown["pid"]) == (agent, f"slave(1)@{HOST}:{peer.port + 1}")
            assert shown["version"] == "1.11.0" and "MULTI_ROLE" in shown["capabilities"]
            own = page(peer.port + 1, "/state")
            assert own["id"] == agent and own["master_hostname"] == "localhost"
            framework = page(master.port, "/frameworks")["frameworks"][0]
            assert sorted(t["state"] for t in framework["completed_tasks"]) == [
                "TASK_FAILED", "TASK_FINISHED", "TASK_KILLED"]
            scheduler.call("TEARDOWN")
            wait_for(lambda: not page(peer.port + 1, "/state")["frameworks"], 20, "the agent has ended the framework")
        assert master.is_running
    except AssertionError as error:
        raise AssertionError(f"{error}{peer.logs()}") from error


def test_our_agent_with_a_real_master(testbed, peer):
    """Our agent registers with a real master and runs command tasks."""
    need_program("mesos-agent")
    peer.run("start", "0")
    agent = testbed.start(LoneAgent, peer)
    try:
        wait_for_agent(peer, agent)
        with Scheduler(peer.port) as scheduler:
            agent_id = run_tasks(scheduler)
            shown = page(peer.port, "/slaves")["slaves"][0]
            assert (shown["id"], shown["pid"]) == (agent_id, f"slave(1)@{HOST}:{agent.port}")
            assert re.fullmatch(r".*-S\d+", agent_id) and shown["active"]
            assert page(agent.port, "/state")["id"] == agent_id
            scheduler.call("TEARDOWN")
            wait_for(lambda: not page(agent.port, "/state")["frameworks"], 20, "the agent has ended the framework")
        assert agent.is_running
    except AssertionError as error:
        raise AssertionError(f"{error}{peer.logs()}") from error
