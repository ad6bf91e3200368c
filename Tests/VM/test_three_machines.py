"""Three machines, each with Debian's ZooKeeper, a master and an agent, two of them with a Marathon: what a client of an app
sees when the leading machine loses its power, and when another is cut off and comes back."""

import concurrent.futures
import time

import pytest

from conftest import copy_repository
from manual import Manual
from services import MARATHON, MASTER, UNREACHABLE, Client, Marathon, wait_for

NAMES = ["n1", "n2", "n3"]
#: The same port of each machine, so that an app has one instance a machine at most.
WEB, NATIVE = 31500, 31600
#: How soon the master takes a silent agent for lost: 3 pings.
PING_SECONDS, PINGS = 5, 3
#: How long a master that was just elected waits for the agents of the one before.
REREGISTER_SECONDS = 30
APPS = {"/web": WEB, "/native": NATIVE}
#: How long an app may be without an instance that answers, in seconds; 0.4 to 2.6 were measured.
SILENCE = 15

SET_UP = """
set -euo pipefail
dpkg --install /opt/debian/*.deb > /dev/null 2>&1
systemctl stop zookeeper
cat > /etc/zookeeper/conf/zoo.cfg << 'END'
tickTime=2000
initLimit=20
syncLimit=10
dataDir=/var/lib/zookeeper
clientPort=2181
server.1=10.0.0.1:2888:3888
server.2=10.0.0.2:2888:3888
server.3=10.0.0.3:2888:3888
END
echo 'JAVA_OPTS="-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"' >> /etc/default/zookeeper
echo {index} > /var/lib/zookeeper/myid
systemctl start zookeeper
{install}
echo zk://10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181/mesos > /etc/mesos/zk
echo 2 > /etc/mesos-master/quorum
echo {ping}secs > /etc/mesos-master/agent_ping_timeout
echo {pings} > /etc/mesos-master/max_agent_ping_timeouts
echo {reregister}secs > /etc/mesos-master/agent_reregister_timeout
echo 10.0.0.{index} | tee /etc/mesos-master/hostname > /etc/mesos-slave/hostname
echo docker,mesos > /etc/mesos-slave/containerizers
echo 15mins > /etc/mesos-slave/executor_registration_timeout
if [ -d /etc/marathon ]; then
    echo 10.0.0.{index} > /etc/marathon/conf/hostname
fi
systemctl restart mesos-master mesos-slave
test ! -d /etc/marathon || systemctl restart marathon
"""


class Cluster:
    """What the chapters share."""

    def __init__(self, site):
        self.site = site
        self.machines = {machine.name: machine for machine in site.machines}
        self.clients = {}

    def leader(self, among):
        """The machine whose master the others say leads; None while there is none."""
        for name in among:
            try:
                leader = self.site.get(self.machines[name], MASTER, "/state").get("leader_info") or {}
            except UNREACHABLE:
                continue
            for candidate in among:
                if leader.get("hostname") == self.machines[candidate].address:
                    return candidate
        return None

    def state(self, among):
        """The state of the leading master."""
        if name := self.leader(among):
            return self.site.get(self.machines[name], MASTER, "/state")
        raise OSError("no master leads")

    def marathon(self, among):
        """The Marathon that leads."""
        for name in among:
            try:
                leader = self.site.get(self.machines[name], MARATHON, "/v2/leader")["leader"].split(":")[0]
            except UNREACHABLE:
                continue
            for candidate in among:
                if leader == self.machines[candidate].address:
                    return Marathon(self.site, self.machines[candidate])
        raise OSError("no Marathon leads")

    def lead_where_apps_run(self):
        """Passes the office on until the machine of the leading master has an instance of each app; returns its name."""
        hosts = {app: {task["host"] for task in self.marathon(NAMES).tasks(app).values()} for app in APPS}
        while True:
            leader = wait_for(lambda: self.leader(NAMES), 60, "a master leads")
            if all(self.machines[leader].address in found for found in hosts.values()):
                return leader
            self.machines[leader].run("systemctl restart mesos-master")
            wait_for(lambda: self.leader(NAMES) not in (None, leader), 60, "another master leads")
            wait_for(lambda: self.state(NAMES)["activated_slaves"] == 3, 60, "it has three agents")

    def tasks_beside(self, name):
        """App → the tasks that run on the other machines."""
        marathon = self.marathon(NAMES)
        address = self.machines[name].address
        return {app: {key for key, task in marathon.tasks(app).items() if task["host"] != address} for app in APPS}

    def check_kept(self, tasks, among):
        """The tasks that were there, under the ids that they had, still run."""
        marathon = self.marathon(among)
        for app, kept in tasks.items():
            assert kept and kept <= set(marathon.tasks(app)), (app, kept, marathon.tasks(app))

    def wait_for_apps(self, among, timeout=300):
        """Waits until each app has its two instances, on the machines named, and nothing else is left of it."""
        addresses = {self.machines[name].address for name in among}

        def whole():
            marathon = self.marathon(among)
            for app in APPS:
                tasks = marathon.get(f"/v2/apps{app}/tasks")["tasks"]
                running = [task for task in tasks if task["state"] == "TASK_RUNNING"]
                if len(tasks) != 2 or len(running) != 2 or not {task["host"] for task in running} <= addresses:
                    return None
            return not marathon.get("/v2/deployments")
        wait_for(whole, timeout, f"two instances of each app on {among}")

    def instances(self, among):
        """App → machines on which something answers for it or runs of it, found on the machines themselves."""
        found = {app: [] for app in APPS}
        for name in among:
            run = self.machines[name].run
            found["/web"] += [name] * len(run("docker ps --quiet").split())
            found["/native"] += [name] * len(run(f"pgrep -f '^busybox httpd -f -p {NATIVE}' || true").split())
        return found

    def wait_until_single(self, among):
        """Waits until two instances of each app run in all, none twice on a machine."""
        def single():
            return all(len(places) == 2 == len(set(places)) for places in self.instances(among).values())
        wait_for(single, 180, f"two instances of each app; there are {self.instances(among)}", interval=2)


@pytest.fixture(scope="module")
def site(make_site):
    return make_site("three", *NAMES)


@pytest.fixture(scope="module")
def cluster(site, packages):
    cluster = Cluster(site)
    [told] = Manual("README.md").blocks("Install")

    def install(machine):
        copy_repository(packages, machine)
        wanted = "mesos" if machine.name == "n3" else "mesos marathon"
        install = told.replace("mesos marathon mesosphere-zookeeper", wanted)
        script = SET_UP.format(index=machine.index, install=install, ping=PING_SECONDS, pings=PINGS,
                               reregister=REREGISTER_SECONDS)
        machine.run(script, 600)

    with concurrent.futures.ThreadPoolExecutor() as threads:
        list(threads.map(install, site.machines))
    yield cluster
    for client in cluster.clients.values():
        client.stop()


def test_together(cluster, figures):
    """Three agents with one leader, an app of Docker and one of our own, two instances each."""
    wait_for(lambda: cluster.state(NAMES)["activated_slaves"] == 3, 300, "the leading master has three agents")
    marathon = wait_for(lambda: cluster.marathon(NAMES), 180, "a Marathon leads")
    docker = {"image": "busybox"}
    marathon.create(
        "/web", instances=2, cmd="mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www",
        container={"type": "DOCKER", "docker": docker, "portMappings": [{"containerPort": 80, "hostPort": WEB}]},
        networks=[{"mode": "container/bridge"}])
    marathon.create("/native", instances=2, cmd=f"echo hello > index.html; exec busybox httpd -f -p {NATIVE} -h .",
                    portDefinitions=[{"port": NATIVE}], requirePorts=True)
    cluster.wait_for_apps(NAMES)
    for app, port in APPS.items():
        cluster.clients[app] = Client(cluster.site.cluster.network,
                                      [f"http://{machine.address}:{port}/" for machine in cluster.site.machines])
        cluster.clients[app].start()
    since = time.monotonic()
    wait_for(lambda: all(len(client.answers) > 5 for client in cluster.clients.values()), 60, "the apps answer")
    report(cluster, figures, since, "undisturbed")


def report(cluster, figures, since, what):
    for app, client in cluster.clients.items():
        gap = client.longest_gap(since)
        figures.append(f"{what}: {app} did not answer for {gap:.1f} s at most")
        assert gap < SILENCE, f"{app}: {gap:.1f} s without an answer when {what}"


def test_leader_loses_power(cluster, figures):
    """Another master and, if need be, another Marathon take over; what ran there runs elsewhere, the rest runs on."""
    lost = cluster.lead_where_apps_run()
    rest = [name for name in NAMES if name != lost]
    kept = cluster.tasks_beside(lost)
    start = time.monotonic()
    cluster.machines[lost].power_off()
    wait_for(lambda: cluster.leader(rest), 120, "another master leads", interval=0.2)
    figures.append(f"without a leading master after {lost} lost its power: {time.monotonic() - start:.1f} s")
    wait_for(lambda: cluster.marathon(rest), 120, "a Marathon leads")
    figures.append(f"until a Marathon led, after {lost} lost its power: {time.monotonic() - start:.1f} s")
    cluster.wait_for_apps(rest)
    figures.append(f"until all instances were replaced, after {lost} lost its power: {time.monotonic() - start:.1f} s")
    cluster.check_kept(kept, rest)
    report(cluster, figures, start, "a machine lost its power")
    cluster.lost = lost


def test_lost_machine_returns(cluster, figures):
    """It boots, its services join, and nothing that ran there before is there again."""
    start = time.monotonic()
    cluster.site.cluster.up(cluster.lost)
    wait_for(lambda: cluster.state(NAMES)["activated_slaves"] == 3, 300, "its agent is back")
    figures.append(f"until the machine that lost its power was back: {time.monotonic() - start:.1f} s")
    cluster.wait_for_apps(NAMES)
    cluster.wait_until_single(NAMES)
    report(cluster, figures, start, "a machine came back")


def test_cut(cluster, figures):
    """A machine that is cut off is replaced, and no other; what it still runs ends when it is back."""
    leader = cluster.leader(NAMES)
    marathon = cluster.marathon(NAMES)
    busy = {task["host"] for app in APPS for task in marathon.tasks(app).values()}
    # A machine with something to replace; the leader's would be the test before.
    cut = next(name for name in NAMES if name != leader and cluster.machines[name].address in busy)
    rest = [name for name in NAMES if name != cut]
    kept = cluster.tasks_beside(cut)
    start = time.monotonic()
    cluster.machines[cut].cut()
    wait_for(lambda: cluster.state(rest)["activated_slaves"] == 2, 180, "the master misses the agent")
    cluster.wait_for_apps(rest)
    figures.append(f"until all instances were replaced, after {cut} was cut off: {time.monotonic() - start:.1f} s")
    cluster.check_kept(kept, rest)
    report(cluster, figures, start, "a machine was cut off")
    cluster.cut = cut


def test_cut_machine_returns(cluster, figures):
    start = time.monotonic()
    cluster.machines[cluster.cut].join()
    wait_for(lambda: cluster.state(NAMES)["activated_slaves"] == 3, 180, "its agent is back")
    cluster.wait_for_apps(NAMES)
    cluster.wait_until_single(NAMES)
    figures.append(f"until nothing ran twice, after it was back: {time.monotonic() - start:.1f} s")
    report(cluster, figures, start, "a machine that was cut off came back")
    state = cluster.state(NAMES)
    [framework] = [item for item in state["frameworks"] if item["active"]]
    assert sorted(task["name"] for task in framework["tasks"] if task["state"] == "TASK_RUNNING") == [
        "native", "native", "web", "web"]
