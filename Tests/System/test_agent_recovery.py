"""What an agent takes up again after it was killed, what it removes, and what it tells systemd."""

import json
import os
import uuid

import pytest

from golden.cluster import page
from harness import HOST, Agent, Coordinator, Master, wait_for
from marathon_cluster import end_launchers, processes_with
from scheduler import Scheduler
from status_socket import StatusSocket


class Site:
    """A master with an agent, and a framework that launches tasks on it."""

    def __init__(self, bed, containerizers="process", flags=(), environment=None):
        self.coordinator = bed.start(Coordinator)
        self.master = bed.start(Master, self.coordinator, flags=["--allocation_interval=100ms"])
        self.agent = bed.new(
            Agent, self.coordinator, containerizers=containerizers,
            flags=["--registration_backoff_factor=100ms", *flags])
        self.agent.environment |= environment or {}
        self.agent.start_and_wait()
        wait_for(lambda: "elected as the leading master" in self.master.text(), what="the master leads")
        wait_for(lambda: page(self.master.port, "/state")["activated_slaves"] == 1, what="the master has the agent")
        self.scheduler = Scheduler(self.master.port, checkpoint=True, failover_timeout=3600).subscribe()
        self.state = self.agent.directory / "run/containers"

    def launch(self, command, container=None, **task):
        """Launches a task of a shell command; returns its id."""
        offer = self.scheduler.wait("OFFERS")["offers"]["offers"][0]
        identifier = f"task-{uuid.uuid4()}"
        task |= {"name": "task", "task_id": {"value": identifier}, "agent_id": offer["agent_id"],
                 "resources": [{"name": name, "type": "SCALAR", "scalar": {"value": amount}}
                               for name, amount in (("cpus", 0.1), ("mem", 32))],
                 "command": {"value": command}}
        if container:
            task["container"] = container
        self.scheduler.call("ACCEPT", offer_ids=[offer["id"]], filters={"refuse_seconds": 0}, operations=[
            {"type": "LAUNCH", "launch": {"task_infos": [task]}}])
        return identifier

    def wait_for_state(self, task, state, timeout=15):
        """Acknowledges updates until one has the state; returns its status."""
        while True:
            status = self.scheduler.wait(
                "UPDATE", lambda event: event["update"]["status"]["task_id"]["value"] == task,
                timeout)["update"]["status"]
            if "uuid" in status:
                self.scheduler.call("ACKNOWLEDGE", agent_id=status["agent_id"], task_id=status["task_id"],
                                    uuid=status["uuid"])
            if status["state"] == state:
                return status

    def containers(self):
        return sorted(path.name for path in self.state.iterdir())

    def processes(self, task):
        return processes_with(f"MESOS_EXECUTOR_ID={task}\0")

    def end(self):
        self.scheduler.close()
        self.agent.end()
        end_launchers(self.agent.directory / "run")


@pytest.fixture
def make_site(testbed):
    sites = []

    def make(**options):
        sites.append(Site(testbed, **options))
        return sites[-1]

    yield make
    for site in sites:
        site.end()


def test_kill_goes_on(make_site):
    """A task that does not heed SIGTERM is killed when its grace is over, though the agent was killed meanwhile."""
    site = make_site()
    task = site.launch("trap 'echo > asked' TERM; while :; do sleep 0.1; done",
                       kill_policy={"grace_period": {"nanoseconds": 3 * 10**9}})
    agent = site.wait_for_state(task, "TASK_RUNNING")["agent_id"]
    site.scheduler.call("KILL", task_id={"value": task}, agent_id=agent)
    wait_for(lambda: list(site.agent.directory.glob(f"work/slaves/**/{task}/runs/*/asked")), what="the task is asked")
    site.agent.kill9()
    assert site.processes(task)
    site.agent.start_and_wait()
    site.wait_for_state(task, "TASK_KILLED")
    wait_for(lambda: not site.processes(task), what="the task has ended")


def test_unknown_containers_end(make_site):
    """A container that no task is known of ends when the agent starts; those of tasks go on."""
    site = make_site()
    tasks = [site.launch("setsid sleep 3600 & wait") for _ in range(2)]
    for task in tasks:
        site.wait_for_state(task, "TASK_RUNNING")
    [unknown, known] = site.containers()
    site.agent.kill9()
    (site.agent.directory / "work/meta/agent/tasks" / unknown).unlink()
    (site.state / "never-launched").mkdir()
    before = {task: site.processes(task) for task in tasks}
    site.agent.start_and_wait()
    wait_for(lambda: site.containers() == [known], what="the unknown containers are removed")
    [lost] = [task for task in tasks if not site.processes(task)]
    [kept] = set(tasks) - {lost}
    assert sorted(site.processes(kept)) == sorted(before[kept])


def test_change_of_identity(make_site):
    """An agent without tasks registers anew when its name changed; one that has a task refuses to start."""
    site = make_site()

    def agents():
        return {agent["id"]: agent["hostname"] for agent in page(site.master.port, "/slaves")["slaves"] if agent["active"]}

    [first] = agents()
    assert site.scheduler.wait("OFFERS")["offers"]["offers"][0]["agent_id"]["value"] == first
    site.agent.terminate()
    site.agent.arguments.append("--hostname=another")
    site.agent.arguments.remove("--hostname=localhost")
    site.agent.start_and_wait()
    wait_for(lambda: list(agents().values()) == ["another"], what="the agent is there under its new name alone")
    assert first not in agents()
    assert f"registering as a new agent in place of {first}" in site.agent.text()
    task = site.launch("sleep 3600")
    site.wait_for_state(task, "TASK_RUNNING")
    site.agent.terminate()
    site.agent.arguments.remove("--hostname=another")
    site.agent.start()
    assert site.agent.wait() == 1
    assert "does not allow while it has tasks" in site.agent.text()
    assert site.processes(task)


def test_runtime_directory_is_its_own(make_site, testbed):
    """Two agents cannot share the folder of their containers: each would end those of the other."""
    site = make_site()
    other = testbed.new(Agent, site.coordinator, containerizers="process")
    other.arguments = [argument for argument in other.arguments if not argument.startswith("--runtime_dir=")]
    other.arguments.append(f"--runtime_dir={site.agent.directory}/run")
    other.start()
    assert other.wait() == 1
    assert "another agent uses it" in other.text()


FAKE_DOCKER = """#!/bin/sh
cd {directory}
shift 2
case $1 in
version) echo 20.10.0 ;;
image) exit 0 ;;
run) echo $$ > client; exec sleep 3600 ;;
inspect) cat inspected ;;
stop | rm) test ! -e client || kill $(cat client) 2> /dev/null; exit 0 ;;
esac
"""


def test_docker_launch_goes_on(make_site, tmp_path):
    """A task whose container is not started yet when the agent is killed runs when that is, not before."""
    def inspected(started):
        """What docker tells of the container from now on."""
        answer = [{"State": {"StartedAt": started, "Pid": os.getpid()},
                   "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.9"}}}}]
        (tmp_path / "new").write_text(json.dumps(answer))
        (tmp_path / "new").rename(tmp_path / "inspected")

    inspected("0001-01-01T00:00:00Z")
    docker = tmp_path / "docker"
    docker.write_text(FAKE_DOCKER.format(directory=tmp_path))
    docker.chmod(0o755)
    site = make_site(containerizers="docker", flags=[f"--docker={docker}"])
    task = site.launch("true", {"type": "DOCKER", "docker": {"image": "image", "network": "BRIDGE"}})
    wait_for((tmp_path / "client").exists, what="the client runs")
    site.agent.kill9()
    site.agent.start_and_wait()
    wait_for(lambda: page(site.master.port, "/state")["activated_slaves"] == 1, what="the agent has registered")
    [framework] = page(site.agent.port, "/state")["frameworks"]
    assert [item["tasks"][0]["state"] if item["tasks"] else "TASK_STAGING"
            for item in framework["executors"]] == ["TASK_STAGING"]
    inspected("2026-01-01T00:00:00Z")
    status = site.wait_for_state(task, "TASK_RUNNING")
    [network] = status["container_status"]["network_infos"]
    assert [address["ip_address"] for address in network["ip_addresses"]] == ["172.17.0.9"]
    [container] = site.containers()
    assert (site.state / container / "pid").read_text() == str(os.getpid())


def test_work_directory_of_other_users(make_site):
    """A task of another user runs in a work directory that the agent has made."""
    if os.geteuid() != 0:
        pytest.skip("changing the user needs root")
    site = make_site()
    parents = [site.agent.directory, *site.agent.directory.parents]
    closed = [path for path in parents if not path.stat().st_mode & 0o001]
    modes = {path: path.stat().st_mode for path in closed}
    for path in closed:
        path.chmod(modes[path] | 0o001)
    try:
        task = site.launch("id -un > who")
        site.wait_for_state(task, "TASK_FINISHED")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert (site.agent.directory / "work/meta").stat().st_mode & 0o777 == 0o700
    assert (site.agent.directory / "work").stat().st_mode & 0o777 == 0o755


def test_status(make_site):
    """The status line that systemd shows follows the agent's registration."""
    with StatusSocket() as socket:
        site = make_site(environment=socket.environment)
        address = f"{HOST}:{site.master.port}"
        socket.wait_for(f"STATUS=registered with {address}")
        site.coordinator.kill9()
        site.master.kill9()
        socket.wait_for(f"STATUS=registering with {address}")
        site.coordinator.start_and_wait()
        socket.wait_for("STATUS=waiting for a master", timeout=30)
        site.master.start_and_wait()
        socket.wait_for(f"STATUS=registered with {address}")
        assert socket.ready == ["STATUS=waiting for a master"] or socket.ready == [f"STATUS=registering with {address}"]


def test_watchdog(testbed):
    """A service that systemd watches says all the time that it goes on."""
    with StatusSocket() as socket:
        coordinator = testbed.new(Coordinator)
        coordinator.environment |= socket.environment | {"WATCHDOG_USEC": "100000"}
        coordinator.start_and_wait()
        wait_for(lambda: socket.receive().count("WATCHDOG=1") >= 5, what="it beats")
        assert coordinator.terminate() == 0


def test_losses_of_zookeeper_are_logged(make_site):
    """Each change of the connection to ZooKeeper is a line in the log, however often it is tried."""
    site = make_site()
    for program in (site.agent, site.master):
        wait_for(lambda: program.text().count("connected to ZooKeeper: ") == 1, what="the connection is told of")
    site.coordinator.kill9()
    for program in (site.agent, site.master):
        wait_for(lambda: "cannot connect to ZooKeeper" in program.text(), what="the loss is told of")
    site.coordinator.start_and_wait()
    for program in (site.agent, site.master):
        wait_for(lambda: program.text().count("connected to ZooKeeper: ") == 2, 30, "the new connection is told of")
        text = program.text()
        assert text.count("the connection to ZooKeeper is lost: ") == 1
        assert text.count("cannot connect to ZooKeeper") == 1
