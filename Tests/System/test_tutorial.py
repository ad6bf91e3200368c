"""A machine as the tutorials set one up: every service reads its flags from files and is started without any, an app
is created by REST, and whatever dies comes back without the app noticing."""

import http.client
import os
import signal

import pytest

from docker_daemon import IMAGE, PAGE, DockerDaemon
from golden.cluster import need_program, page, process_start
from harness import HOST, Program, free_port, http_get, programs_path, wait_for
from marathon_cluster import RestAPI, end_launchers, processes_with, wait_for_subscription

APP = "/tutorial/web"
SESSION_SECONDS = 8


class Service(Program):
    """A service that is told nothing but where its configuration lies."""

    start_timeout = 40

    def __init__(self, directory, name, etc, port, ready):
        super().__init__(directory, [programs_path(), name], port, name, environment={"MESOS_ETC": str(etc)})
        self.ready = ready

    def is_ready(self):
        return http_get(self.port, self.ready)[0] == 200


class Site:
    """The machine: its configuration files, its services, its Marathon."""

    def __init__(self, bed, kind, containerizers, docker=None):
        need_program("marathon")
        self.etc = bed.directory / "etc"
        self.work = bed.directory / "agent"
        self.coordinator = bed.new(kind, settings={"maxSessionTimeout": SESSION_SECONDS * 1000})
        self._configure_coordinator()
        ports = {name: free_port() for name in ("mesos-master", "mesos-slave", "marathon")}
        self._write_files(ports, containerizers, docker)
        folder = bed.directory / "services"
        self.master = Service(folder / "master", "mesos-master", self.etc, ports["mesos-master"], "/health")
        self.agent = Service(folder / "agent", "mesos-agent", self.etc, ports["mesos-slave"], "/health")
        self.marathon = Service(folder / "marathon", "marathon", self.etc, ports["marathon"], "/ping")
        self.services = [self.coordinator, self.master, self.agent, self.marathon]
        bed.programs += self.services[1:]
        self.api = RestAPI(ports["marathon"])

    def _configure_coordinator(self):
        """Moves zoo.cfg and myid to where Debian has them: the latter is a link in the data directory."""
        (self.etc / "zookeeper").mkdir(parents=True)
        (self.etc / "zookeeper/myid").write_text("1\n")
        (self.coordinator.data / "myid").symlink_to(self.etc / "zookeeper/myid")
        self.coordinator.configuration = self.coordinator.configuration.rename(self.etc / "zookeeper/zoo.cfg")
        self.coordinator.arguments = self.coordinator.command()

    def _write_files(self, ports, containerizers, docker):
        session = f"{SESSION_SECONDS}secs"
        files = {
            "mesos/zk": f"zk://{HOST}:{self.coordinator.port}/mesos",
            "mesos-master": {
                "quorum": 1, "hostname": HOST, "ip": HOST, "port": ports["mesos-master"],
                "work_dir": self.etc.parent / "master", "zk_session_timeout": session, "allocation_interval": "100ms"},
            "mesos-slave": {
                "containerizers": containerizers, "executor_registration_timeout": "15mins", "hostname": HOST,
                "ip": HOST, "port": ports["mesos-slave"], "work_dir": self.work / "work",
                "runtime_dir": self.work / "run", "registration_backoff_factor": "100ms",
                "zk_session_timeout": session} | ({"docker_socket": docker.socket} if docker else {}),
            "marathon/conf": {
                "hostname": HOST, "http_address": HOST, "http_port": ports["marathon"],
                "zk_session_timeout": SESSION_SECONDS * 1000, "min_revive_offers_interval": 100},
        }
        for name, content in files.items():
            path = self.etc / name
            if isinstance(content, dict):
                path.mkdir(parents=True)
                for flag, value in content.items():
                    (path / flag).write_text(f"{value}\n")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{content}\n")

    def start(self):
        """Starts what is not running, and waits until all of it works together."""
        for service in self.services:
            if not service.is_running:
                service.start_and_wait()
        return self.wait_until_whole()

    def wait_until_whole(self):
        """Waits until the master has the agent and Marathon; returns the ids of both."""
        framework = wait_for_subscription(self.api, self.master.port)
        wait_for(lambda: page(self.master.port, "/state")["activated_slaves"] == 1, 20, "the master has the agent")
        [agent] = page(self.master.port, "/slaves")["slaves"]
        return framework, agent["id"]

    def tasks(self):
        return {task["id"]: task["ports"][0] for task in self.api.tasks(APP) if task["state"] == "TASK_RUNNING"}

    def wait_for_tasks(self, count):
        """Waits until Marathon shows so many tasks, all of them running, and no deployment; returns id → port."""
        def settled():
            tasks = self.api.tasks(APP)
            return len(tasks) == count == len(self.tasks()) and not self.api.get("/v2/deployments")
        wait_for(settled, 30, f"{count} tasks run", interval=0.05)
        return self.tasks()

    def master_tasks(self):
        state = page(self.master.port, "/state")
        return {task["id"] for framework in state["frameworks"] for task in framework["tasks"]
                if task["state"] == "TASK_RUNNING"}

    def agent_tasks(self):
        state = page(self.agent.port, "/state")
        return {task["id"] for framework in state["frameworks"] for executor in framework["executors"]
                for task in executor["tasks"] if task["state"] == "TASK_RUNNING"}

    def end(self):
        for service in reversed(self.services):
            service.end()
        end_launchers(self.work / "run")


class DockerApp:
    """A web server in Docker containers behind mapped ports."""

    definition = {
        "id": APP, "cpus": 0.1, "mem": 32, "args": ["httpd", "-f", "-p", "80", "-h", "/www"],
        "container": {
            "type": "DOCKER", "portMappings": [{"containerPort": 80, "hostPort": 0}],
            "docker": {"image": IMAGE, "parameters": [{"key": "stop-signal", "value": "SIGKILL"}]}},
        "networks": [{"mode": "container/bridge"}]}
    text = PAGE

    def __init__(self, docker, site):
        self.docker = docker
        self.site = site

    def running(self):
        """What runs: the containers by id, with the time they were started."""
        return {name: item["State"]["StartedAt"] for name, item in self.docker.containers().items()}

    def kill(self, one):
        self.docker.run("kill", one)

    def check(self):
        """The containers have the variables of their tasks."""
        found = {}
        for item in self.docker.containers().values():
            environment = dict(entry.split("=", 1) for entry in item["Config"]["Env"])
            found[environment["MESOS_TASK_ID"]] = int(environment["PORT0"])
            assert environment["PORT_80"] == environment["PORT"] == environment["PORT0"]
            assert (environment["MARATHON_APP_ID"], environment["HOST"]) == (APP, HOST)
            assert environment["MARATHON_APP_DOCKER_IMAGE"] == IMAGE
            assert item["HostConfig"]["Memory"] == 32 << 20
        assert found == self.site.tasks()

    def leftovers(self):
        return list(self.docker.containers(everything=True))


class PlainApp:
    """A web server on a port of the machine."""

    definition = {
        "id": APP, "cpus": 0.1, "mem": 32,
        "cmd": f"echo '{PAGE}' > index.html; exec python3 -m http.server $PORT0"}
    text = PAGE + "\n"

    def __init__(self, site):
        self.site = site

    def _processes(self):
        return processes_with(f"MESOS_SANDBOX={self.site.work}/")

    def running(self):
        """What runs: the servers by their process ids, with the time they were started."""
        servers = set(processes_with("python3\0-m\0http.server\0", "cmdline")) & set(self._processes())
        return {pid: process_start(pid) for pid in servers if process_start(pid)}

    def kill(self, one):
        os.kill(one, signal.SIGKILL)

    def check(self):
        """The agent gives a task's output away."""
        task = next(iter(self.site.tasks()))
        state = page(self.site.agent.port, "/state")
        [directory] = [executor["directory"] for framework in state["frameworks"]
                       for executor in framework["executors"] if executor["id"] == task]
        shown = page(self.site.agent.port, f"/files/read?path={directory}/index.html&offset=0")
        assert shown["data"] == self.text

    def leftovers(self):
        return self._processes()


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    daemon = DockerDaemon(tmp_path_factory.mktemp("docker"))
    yield daemon.start_and_wait()
    daemon.end()


@pytest.fixture(params=["docker,mesos", "mesos"])
def site_and_app(request, testbed, kind):
    """A machine with one of the containerizers, and the app that it is to run."""
    if request.param == "mesos":
        site = Site(testbed, kind, request.param)
        app = PlainApp(site)
    else:
        docker = request.getfixturevalue("docker")
        site = Site(testbed, kind, request.param, docker)
        app = DockerApp(docker, site)
    yield site, app
    site.end()


def fetch(port):
    """The page at a port; None when nobody answers."""
    try:
        status, body = http_get(port, "/", timeout=2)
    except (OSError, http.client.HTTPException):
        return None
    return body.decode() if status == 200 else None


def check_served(site, app):
    """Every task answers at its port."""
    for task, port in site.tasks().items():
        wait_for(lambda: fetch(port) == app.text, 10, f"{task} answers at port {port}", interval=0.05)


def check_files_are_heeded(site):
    """The flags in the files are those that the services have."""
    master = page(site.master.port, "/state")
    assert (master["hostname"], master["flags"]["quorum"]) == (HOST, "1")
    [agent] = page(site.master.port, "/slaves")["slaves"]
    assert (agent["hostname"], agent["port"]) == (HOST, site.agent.port)
    flags = page(site.agent.port, "/state")["flags"]
    assert flags["executor_registration_timeout"] == "15mins"
    assert site.api.get("/v2/leader") == {"leader": f"{HOST}:{site.marathon.port}"}
    configuration = site.api.get("/v2/info")
    assert configuration["marathon_config"]["master"] == f"zk://{HOST}:{site.coordinator.port}/mesos"
    assert configuration["zookeeper_config"]["zk"] == f"zk://{HOST}:{site.coordinator.port}/marathon"


def check_untouched(site, app, ids, before, tasks):
    """All parts found each other again, and the tasks are the same and ran all the time."""
    assert site.wait_until_whole() == ids
    assert site.wait_for_tasks(len(tasks)) == tasks
    wait_for(lambda: site.master_tasks() == set(tasks) == site.agent_tasks(), 15,
             "master and agent have the tasks of Marathon")
    assert app.running() == before
    check_served(site, app)


@pytest.mark.timeout(300)
def test_tutorial(site_and_app):
    """From nothing to a scaled app that outlives a kill of each of its own tasks and of each service."""
    site, app = site_and_app
    ids = site.start()
    check_files_are_heeded(site)

    site.api.change("POST", "/v2/apps", app.definition, status=201)
    check_served(site, app)
    app.check()
    assert site.api.change("PUT", f"/v2/apps{APP}", {"instances": 2})
    tasks = site.wait_for_tasks(2)
    assert len(set(tasks.values())) == 2
    check_served(site, app)

    victim, survivor = app.running()
    app.kill(victim)
    wait_for(lambda: victim not in app.running() and len(app.running()) == 2, 20, "the task is replaced")
    assert survivor in app.running()
    wait_for(lambda: site.tasks().keys() != tasks.keys(), 10, "Marathon knows of it")

    tasks = site.wait_for_tasks(2)
    check_served(site, app)
    before = app.running()
    for service in (site.agent, site.master, site.marathon, site.coordinator):
        service.kill9()
        assert app.running() == before
        assert [fetch(port) for port in tasks.values()] == [app.text] * 2
        service.start_and_wait()
        check_untouched(site, app, ids, before, tasks)
        for other in site.services:
            assert other.is_running, f"{other.name} ended with {other.process.returncode}: {other.tail()}"

    for service in site.services:
        service.kill9()
    assert site.start() == ids
    check_untouched(site, app, ids, before, tasks)

    site.agent.kill9()
    victim, survivor = app.running()
    app.kill(victim)
    site.agent.start_and_wait()
    wait_for(lambda: survivor in (now := app.running()) and len(now) == 2 and victim not in now, 20,
             "the task that died without an agent is replaced, the other lives")
    tasks = site.wait_for_tasks(2)
    check_served(site, app)

    site.api.change("PUT", f"/v2/apps{APP}", {"instances": 3})
    site.wait_for_tasks(3)
    ports = site.tasks().values()
    site.api.change("DELETE", f"/v2/apps{APP}")
    wait_for(lambda: not app.leftovers(), 10, "nothing is left of the app")
    wait_for(lambda: not site.agent_tasks() and not site.master_tasks(), 10, "neither master nor agent has a task")
    assert [fetch(port) for port in ports] == [None] * 3
