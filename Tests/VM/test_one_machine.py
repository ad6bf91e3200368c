"""One machine, from nothing to nothing: installed, configured, used, hurt, upgraded and removed as the documents say. The
tests are chapters of one story, in the order of the file."""

import json
import re
import shutil
import time

import pytest

from conftest import REPOSITORY, copy_repository
from manual import Manual
from repacked import upgraded
from services import AGENT, MARATHON, MASTER, Client, wait_for
from services import Marathon as MarathonAPI

SERVICES = ["zookeeper", "mesos-master", "mesos-slave", "marathon"]
PORTS = {"zookeeper": 2181, "mesos-master": MASTER, "marathon": MARATHON, "mesos-slave": AGENT}
PACKAGES = ["mesos-common", "mesos", "marathon", "mesosphere-zookeeper"]
#: The cgroup of what the agent runs.
TASKS = "/sys/fs/cgroup/mesos.slice/mesos-tasks.service"
#: The services' for ZooKeeper, from `test_restart` on.
PASSWORD = "s3cret-w0rd"
#: How long an instance may be silent, in seconds: a request that is given up after 10, and a late answer to the next.
SILENCE = 20
#: Directories in which an installation could leave something, and what in them is not the packages' own.
PLACES = "/etc /usr /opt /srv /root /var"
NOT_OURS = re.compile(
    r"/var/(lib/(apt|dpkg|docker|containerd|systemd/(catalog|coredump|timers|timesync))|cache|log/(journal|apt)|tmp)(/|$)"
    r"|/var/log/(dpkg\.log|alternatives\.log|[bw]tmp|lastlog|faillog)|/etc/(passwd|shadow|group|gshadow|subuid|subgid|\.pwd)")


class Story:
    """What the chapters share."""

    def __init__(self, site, figures):
        self.site = site
        self.figures = figures
        [self.machine] = site.machines
        self.run = self.machine.run
        self.marathon = MarathonAPI(site)
        self.quick_start = Manual("README.md")
        self.manual = Manual("docs/operating.md")
        self.clients = []

    def wait_until_whole(self, timeout=180):
        """Waits until master, agent and Marathon know each other."""
        def whole():
            state = self.site.get(self.machine, MASTER, "/state")
            return state["activated_slaves"] == 1 and [item for item in state["frameworks"] if item["connected"]]
        wait_for(whole, timeout, "the master has an agent and a framework")
        wait_for(lambda: self.site.request(self.machine, MARATHON, "/ping")[0] == 200, timeout, "Marathon answers")

    def urls(self, app):
        return [f"http://{self.machine.address}:{task['ports'][0]}/" for task in self.marathon.tasks(app).values()]

    def fetch(self, url, timeout=60):
        """The page of an instance, once it answers."""
        def answered():
            status, text = self.site.cluster.network.request("GET", url, timeout=5)
            return text if status == 200 else None
        return wait_for(answered, timeout, f"{url} answers")

    def pid(self, service):
        return int(self.run(f"systemctl show --property=MainPID --value {service}"))

    def keeper(self):
        """The process that keeps the cgroup of the tasks, as text; empty when there is none."""
        return self.run(f"cat {TASKS}/keeper/cgroup.procs || true").strip()

    def running(self):
        """Everything that runs for tasks: Docker's containers and launchers with the time that each was started."""
        docker = self.run("docker ps --quiet --no-trunc | xargs -r docker inspect --format '{{.Id}} {{.State.StartedAt}}'")
        launchers = self.run("ps -C mesos-launcher -o pid=,lstart= | sort || true")
        return sorted(docker.splitlines()), sorted(launchers.splitlines())

    def tasks(self):
        return {task["id"] for task in self.marathon.get("/v2/tasks")["tasks"] if task["state"] == "TASK_RUNNING"}

    def group(self, task):
        """The cgroup of a native task. Its processes may come and go while they are asked."""
        return "/sys/fs/cgroup" + wait_for(lambda: self.run(f"""
            for process in $(grep -lsz '^MESOS_TASK_ID={task}$' /proc/[0-9]*/environ); do
                process=${{process%/environ}}
                test "$(cat $process/comm)" != mesos-launcher || continue
                cut -d: -f3 $process/cgroup | grep /mesos && break
            done 2>/dev/null || true""").strip(), 30, f"a process of {task} is found")

    def check_untouched(self, before, what):
        """Nothing of the tasks was started again, and every instance of every app answered all the time."""
        running, tasks, since = before
        self.wait_until_whole()
        wait_for(lambda: self.tasks() == tasks, 120, f"Marathon has its tasks again after {what}")
        assert self.running() == running, what
        gaps = {client.urls[0]: client.longest_gap(since) for client in self.clients}
        self.figures.append(f"{what}: no instance was silent for more than {max(gaps.values()):.1f} s")
        assert max(gaps.values()) < SILENCE, (what, gaps)

    def before(self):
        return self.running(), self.tasks(), time.monotonic()

    def watch(self):
        """Asks each instance of the apps from now on."""
        self.clients = [Client(self.site.cluster.network, [url], 1, 10)
                        for app in ("/web", "/native", "/process") for url in self.urls(app)]
        for client in self.clients:
            client.start()

    def stop_watching(self):
        for client in self.clients:
            client.stop()
        self.clients = []


@pytest.fixture(scope="module")
def site(make_site):
    return make_site("one", "n1")


@pytest.fixture(scope="module")
def story(site, packages, figures):
    story = Story(site, figures)
    copy_repository(packages, story.machine)
    story.files = set(files(story))
    yield story
    story.stop_watching()


def files(story):
    return [path for path in story.run(f"find {PLACES} -xdev | sort", 300).splitlines() if not NOT_OURS.match(path)]


WEB_SERVER = "echo hello from $MESOS_TASK_ID > index.html; exec busybox httpd -f -p $PORT0 -h ."


def test_install(story, figures):
    story.started = time.monotonic()
    story.manual_output = story.quick_start.run(story.machine, "Install")
    figures.append(f"apt install: {time.monotonic() - story.started:.0f} s")
    sizes = story.run(f"dpkg-query -W -f '${{Package}} ${{Version}} ${{Installed-Size}}\\n' {' '.join(PACKAGES)}")
    figures.extend(f"installed: {name} {version}: {int(size) / 1024:.1f} MiB"
                   for name, version, size in map(str.split, sizes.splitlines()))
    services = " ".join(SERVICES)
    assert story.run(f"systemctl is-enabled {services}").split() == ["enabled"] * len(SERVICES)
    wait_for(lambda: story.run(f"systemctl is-active {services} || true").split() == ["active"] * len(SERVICES), 60,
             "the services run as soon as they are installed")


def test_configure(story, figures):
    story.quick_start.run(story.machine, "Configure")
    story.wait_until_whole()
    story.manual.run(story.machine, "Packages and services")
    for service in SERVICES:
        status = story.run(f"systemctl show --property=StatusText --value {service}").strip()
        assert status, f"{service} tells systemd nothing"
        figures.append(f"status of {service}: {status}")
    assert story.run("systemctl is-active mesos-agent").strip() == "active"
    assert story.pid("mesos-agent") == story.pid("mesos-slave")


def test_web_pages(story):
    for port, path in ((MASTER, "/"), (MARATHON, "/ui/")):
        status, text = story.site.request(story.machine, port, path)
        assert status == 200 and "<html" in text.lower(), (port, text[:200])


def test_docker_app(story, figures):
    """A Docker app with a bridge network and a mapped port, reached on its host port and scaled."""
    story.quick_start.run(story.machine, "An app")
    [task] = story.marathon.wait_for_tasks("/web", 1)
    [url] = story.urls("/web")
    assert story.fetch(url).startswith("Hello")
    figures.append(f"from apt install to the first running app: {time.monotonic() - story.started:.0f} s")
    story.quick_start.run(story.machine, "Two of it")
    tasks = story.marathon.wait_for_tasks("/web", 2)
    assert task in tasks
    urls = story.urls("/web")
    assert len({story.fetch(url) for url in urls}) == 2
    drivers = story.run("docker ps --quiet | xargs docker inspect --format '{{.HostConfig.NetworkMode}}'")
    assert drivers.split() == ["bridge"] * 2
    check_docker_limits(story)
    assert not story.quick_start.unused


def check_docker_limits(story):
    """Each container of /web is in a scope of systemd, with the app's memory as its limit."""
    containers = story.run("docker ps --quiet --no-trunc").split()
    assert len(containers) == 2
    limit = int(story.marathon.get("/v2/apps/web")["app"]["mem"]) << 20
    for container in containers:
        assert re.fullmatch("[0-9a-f]{64}", container), container
        scope = f"/sys/fs/cgroup/system.slice/docker-{container}.scope"
        assert story.run(f"cat {scope}/memory.max").strip() == str(limit)


def test_idle_sizes(story, figures):
    for service in SERVICES:
        resident = story.run(f"grep VmRSS /proc/{story.pid(service)}/status").split()[1]
        figures.append(f"resident: {service}: {int(resident) / 1024:.1f} MiB")


def test_native_app(story):
    """A task of the mesos containerizer is in a cgroup of its own with its limits, which it cannot raise, root or not."""
    story.marathon.create("/native", cmd=f"echo max > /sys/fs/cgroup/memory.max; {WEB_SERVER}", mem=48, portDefinitions=[{"port": 0}])
    [task] = story.marathon.wait_for_tasks("/native", 1)
    [url] = story.urls("/native")
    assert task in story.fetch(url)
    group = story.group(task)
    assert group.startswith(f"{TASKS}/"), group
    limits = json.loads(story.run(
        f"cd {group} && jq -n --arg m $(cat memory.max) --arg p $(cat pids.max) --arg c $(cat cpu.weight) '$ARGS.named'"))
    assert limits["m"] == str(48 << 20)
    assert int(limits["p"]) > 100
    assert limits["c"] == "10"


def test_journal(story):
    """journalctl shows a task's life, in structured fields."""
    printed = story.manual.run(story.machine, "Journal")
    assert any("TASK_RUNNING" in text for text in printed)
    [task] = story.marathon.tasks("/native")
    lines = story.run(f"journalctl -o json MESOS_TASK_ID={task}").splitlines()
    entries = [json.loads(line) for line in lines]
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} >= {"mesos-agent", "mesos-master", "marathon"}
    for entry in entries:
        assert entry["PRIORITY"] in "34567" and entry["MESOS_FRAMEWORK_ID"] and entry["MESOS_COMPONENT"], entry
    assert "/native" in {entry.get("MARATHON_APP_ID") for entry in entries}


def failure(story, app):
    """What Marathon knows of an app's last task that failed."""
    return story.marathon.get(f"/v2/apps{app}")["app"].get("lastTaskFailure")


def test_memory_limit(story):
    """A task that wants more memory than it has ends, with the reason; its neighbours do not notice."""
    neighbours = story.running()
    story.marathon.create("/hungry", cmd="exec perl -e 'my @a; push @a, q(x) x 4194304 while 1'",
                          backoffSeconds=600, maxLaunchDelaySeconds=3600)
    failed = wait_for(lambda: failure(story, "/hungry"), 120, "the hungry task fails")
    assert failed["state"] == "TASK_FAILED"
    assert failed["message"] == "Memory limit exceeded: Requested: 32MB Maximum Used: 32MB"
    story.marathon.delete("/hungry")
    story.marathon.wait_until_gone("/hungry")
    assert story.running() == neighbours


def delete_native(story, app, group):
    """Deletes an app, and waits until the cgroup of its task is gone."""
    story.marathon.delete(app)
    story.marathon.wait_until_gone(app)
    wait_for(lambda: story.run(f"test -e {group} || echo gone").strip() == "gone", 60, f"the cgroup of {app} is gone")


def test_processor_limit(story):
    """With the agent's flag for it, a task gets no more of a processor than its cpus."""
    neighbours = story.running()
    # The other flag is the next chapter's, which thus needs no restart of its own.
    story.run("cd /etc/mesos-slave && echo true > cgroups_enable_cfs && echo 200 > cgroups_pids_max")
    story.run("systemctl restart mesos-slave")
    story.wait_until_whole()
    story.marathon.create("/busy", cmd="while :; do :; done", cpus=0.1)
    [task] = story.marathon.wait_for_tasks("/busy", 1)
    group = story.group(task)
    assert story.run(f"cat {group}/cpu.max").split() == ["10000", "100000"]
    wait_for(lambda: int(story.run(f"sed -n 's/^nr_throttled //p' {group}/cpu.stat")) > 0, 60, "the task is held back")
    delete_native(story, "/busy", group)
    assert story.running() == neighbours


def test_fork_bomb(story):
    """A fork bomb stays within its cgroup's number of processes, and ends with its app."""
    neighbours = story.running()
    # Half a processor, as its cpus are a limit here: it has to come to that number, and to end, in time.
    story.marathon.create("/bomb", cmd="exec bash -c 'bomb() { bomb | bomb & }; bomb; sleep 3600'", cpus=0.5, mem=256)
    [task] = story.marathon.wait_for_tasks("/bomb", 1)
    group = story.group(task)
    wait_for(lambda: int(story.run(f"sed -n 's/^max //p' {group}/pids.events")) > 0, 120, "the bomb meets its limit")
    assert int(story.run(f"cat {group}/pids.current")) <= 200
    assert story.fetch(story.urls("/native")[0])
    delete_native(story, "/bomb", group)
    assert story.running() == neighbours
    story.run("cd /etc/mesos-slave && rm cgroups_enable_cfs cgroups_pids_max")


def test_process_app(story):
    """Another containerizer is put in front; the tasks of the others go on."""
    neighbours = story.running()
    story.manual.run(story.machine, "Change a setting")
    story.wait_until_whole()
    story.marathon.create("/process", cmd=WEB_SERVER, portDefinitions=[{"port": 0}])
    [task] = story.marathon.wait_for_tasks("/process", 1)
    assert task in story.fetch(story.urls("/process")[0])
    docker, launchers = story.running()
    assert set(docker) == set(neighbours[0]) and set(launchers) > set(neighbours[1])
    # Of the reloads, which the manual has behind the restart.
    wait_for(lambda: all("the configuration was read again" in story.run(f"journalctl -u {service}")
                         for service in SERVICES), 30, "each service has read its configuration again")


def test_doctor(story):
    """Nothing is wrong with a machine that was set up as told and works."""
    wait_for(lambda: re.search("^0 errors, ", story.run("mesos doctor || true"), re.M), 60, "the doctor finds no error")


def test_restart(story):
    """Tasks run on while any service is restarted, also when it has a password for ZooKeeper from then on."""
    story.watch()
    before = story.before()
    pids = [story.pid(service) for service in SERVICES]
    # It stays for the rest of the story: what Marathon writes with it, nobody can read without.
    story.run(f"sed -i 's,^zk://,zk://services:{PASSWORD}@,' /etc/mesos/zk && chmod 600 /etc/mesos/zk")
    assert story.run("stat -c '%a %U' /etc/mesos/zk").split() == ["600", "root"]
    story.manual.run(story.machine, "Restart")
    story.check_untouched(before, "a restart")
    assert all(story.pid(service) != pid for service, pid in zip(SERVICES, pids))


def test_password(story):
    """Each service has the password from a file that root alone may read, and shows it to nobody."""
    assert story.marathon.get("/v2/leader")["leader"] == f"{story.machine.address}:{MARATHON}"
    hidden = f"zk://xxxxxxxx:xxxxxxxx@{story.machine.address}:2181/"
    for port, page in ((MASTER, "/flags"), (AGENT, "/flags"), (MARATHON, "/v2/info")):
        status, text = story.site.request(story.machine, port, page)
        assert status == 200 and hidden in text.replace("\\/", "/") and PASSWORD not in text, text
    # With all fields: the command line of who wrote a line is one.
    assert story.run(f"journalctl --no-pager -o export | grep -c --text -F {PASSWORD} || true").strip() == "0"


#: What goes wrong with a machine, and what the doctor says of it.
AILMENTS = {
    "systemctl stop marathon": "marathon is enabled, but not started",
    "systemctl disable --quiet mesos-master": "mesos-master runs, but is not enabled",
    "chmod 644 /etc/mesos/zk": "everybody on the machine can read it",
    "echo /x > /etc/mesos-slave/modules": "the flag modules has no effect",
}


def test_doctor_mends(story):
    """The commands that the doctor names mend what it has found."""
    for damage in AILMENTS:
        story.run(damage)
    found = {what: [finding for finding in doctor(story)["findings"] if what in finding["what"]]
             for what in AILMENTS.values()}
    assert all(len(findings) == 1 for findings in found.values()), found
    for [finding] in found.values():
        story.run(finding["mend"])
    story.wait_until_whole()
    wait_until_healthy(story)
    left = [finding for finding in doctor(story)["findings"] if any(what in finding["what"] for what in found)]
    assert not left, left


def doctor(story):
    return json.loads(story.run("mesos doctor --json || true"))


def wait_until_healthy(story, timeout=60):
    """Waits until the doctor finds no error; names what it found last otherwise."""
    errors = []

    def healthy():
        errors[:] = [finding for finding in doctor(story)["findings"] if finding["severity"] == "error"]
        return not errors
    try:
        wait_for(healthy, timeout, "the doctor finds no error")
    except AssertionError as error:
        raise AssertionError(f"{error}: {errors}") from None


def wait_until_restarted(story, service, pid):
    wait_for(lambda: story.pid(service) not in (0, pid), 90, f"{service} is started again")
    wait_for(lambda: story.run(f"systemctl is-active {service} || true").strip() == "active", 120, f"{service} serves")


@pytest.mark.parametrize("service", SERVICES)
def test_kill(story, service):
    """A service that is killed is started again by systemd, and its tasks have run on."""
    before = story.before()
    pid = story.pid(service)
    story.run(f"kill -9 {pid}")
    wait_until_restarted(story, service, pid)
    story.check_untouched(before, f"a kill of {service}")


def test_watchdog(story):
    """A service that hangs is ended and started again by systemd."""
    before = story.before()
    pid = story.pid("marathon")
    story.run(f"kill -STOP {pid}")
    wait_until_restarted(story, "marathon", pid)
    assert "Watchdog timeout" in story.run("journalctl --unit marathon --no-pager --lines 50")
    story.check_untouched(before, "a watchdog's restart of marathon")


def test_kill_keeper(story):
    """When the process that keeps the cgroup of the tasks is killed, they go on in it, and so does the agent."""
    (docker, launchers), tasks, since = story.before()
    keeper, agent = story.keeper(), story.pid("mesos-slave")
    # It is the launcher's program too.
    others = [line for line in launchers if line.split()[0] != keeper]
    assert len(others) == len(launchers) - 1, (keeper, launchers)
    story.run(f"kill -9 {keeper}")
    wait_for(lambda: story.run(f"test -e /proc/{keeper} || echo gone").strip() == "gone", 30, "the process has ended")
    story.check_untouched(((docker, others), tasks, since), "a kill of the process that keeps the cgroup of the tasks")
    assert story.run("systemctl is-active mesos-tasks").strip() == "active"
    assert story.pid("mesos-slave") == agent


def test_upgrade(story, packages, tmp_path):
    """apt's upgrade keeps the administrator's edits, starts the new programs, and leaves the tasks alone."""
    newer = upgraded(packages, tmp_path / "apt", "zzvm1")
    story.run(f"rm -rf {REPOSITORY}")
    copy_repository(newer, story.machine)
    edited = "/etc/zookeeper/conf/zoo.cfg /etc/mesos/zk /etc/mesos-slave/containerizers"
    # With owners and modes: one of them holds a password.
    edits = story.run(f"cat {edited}; stat -c '%a %U %n' {edited}")
    before = story.before()
    pids = [story.pid(service) for service in SERVICES]
    story.manual.run(story.machine, "Upgrade")
    versions = story.run(f"dpkg-query -W -f '${{Version}}\\n' {' '.join(PACKAGES)}").split()
    assert all(version.endswith("zzvm1") for version in versions), versions
    assert story.run(f"cat {edited}; stat -c '%a %U %n' {edited}") == edits
    story.check_untouched(before, "an upgrade")
    assert all(story.pid(service) != pid for service, pid in zip(SERVICES, pids))


def test_reboot(story, figures):
    """After a reboot the services are back, and so are the apps, each as often as it should be."""
    story.stop_watching()
    tasks = story.tasks()
    start = time.monotonic()
    story.machine.reboot()
    figures.append(f"reboot: {time.monotonic() - start:.0f} s")
    story.wait_until_whole(300)
    wait_for(lambda: not story.tasks() & tasks, 300, "the agent tells of the tasks that the reboot ended")
    for app, count in (("/web", 2), ("/native", 1), ("/process", 1)):
        story.marathon.wait_for_tasks(app, count)
        for url in story.urls(app):
            assert "ello" in story.fetch(url)
    figures.append(f"from the reboot to all apps: {time.monotonic() - start:.0f} s")
    assert len(story.run("pgrep -f '^busybox httpd'").split()) == 2
    assert len(story.run("docker ps --quiet").split()) == 2
    wait_for(lambda: story.run("docker ps --all --quiet") == story.run("docker ps --quiet"), 60,
             "the containers that the reboot ended are removed")
    assert story.run("systemctl --failed --no-legend") == ""


def left_over(story):
    """Processes, mounts and cgroups of ours."""
    return story.run("""
        pgrep -a 'mesos|marathon' || true
        ps -eo args | grep '^busybox httpd' || true
        findmnt --list --noheadings --output TARGET | grep -E 'mesos|marathon' || true
        find /sys/fs/cgroup -type d | grep -E 'mesos|marathon|zookeeper|docker-' || true
        docker ps --all --quiet
    """)


def test_stop(story):
    """Stopping the agent leaves its tasks to the next; stopping the tasks leaves nothing of them."""
    before = story.running()
    story.run("systemctl stop mesos-slave")
    assert story.running() == before
    story.run("systemctl start mesos-slave")
    story.wait_until_whole()
    story.marathon.wait_for_tasks("/web", 2)
    assert len(story.run("docker ps --quiet").split()) == 2
    story.ended = story.tasks()
    story.manual.run(story.machine, "Stop")
    assert story.run("docker ps --all --quiet") == ""
    wait_for(lambda: "docker-" not in left_over(story), 30, "systemd has removed the scopes of the containers")
    assert left_over(story) == ""


def test_keeper_alone(story):
    """When the process that keeps the tasks' cgroup is killed and no task is there, it and the agent start again."""
    story.run("systemctl start mesos-slave")
    keeper, agent = story.keeper(), story.pid("mesos-slave")
    story.run(f"kill -9 {keeper}")
    wait_for(lambda: story.keeper() not in ("", keeper), 90, "another process keeps the cgroup")
    wait_for(lambda: story.pid("mesos-slave") not in (0, agent), 90, "the agent is started again")
    wait_for(lambda: story.run("systemctl is-active mesos-slave || true").strip() == "active", 120, "the agent serves")


def test_purge(story):
    """Nothing of the packages is left, neither on disk nor in the system's tables, though tasks ran."""
    for service, port in PORTS.items():
        # Who starts a service may use it at once.
        story.run(f"systemctl start {service} && bash -c 'exec 3<> /dev/tcp/{story.machine.address}/{port}'")
    wait_for(lambda: not story.tasks() & story.ended, 300, "the agent tells of the tasks that the stop ended")
    for app, count in (("/web", 2), ("/native", 1), ("/process", 1)):
        story.marathon.wait_for_tasks(app, count)
    story.manual.run(story.machine, "Removal")
    assert story.run("docker ps --all --quiet") == ""
    story.run(f"rm -rf {REPOSITORY}")
    left = set(files(story)) - story.files
    assert not left, sorted(left)
    assert left_over(story) == ""
    assert story.run("systemctl list-unit-files --no-legend 'mesos*' marathon.service zookeeper.service || true") == ""
    assert story.run("systemctl --failed --no-legend") == ""
    assert not story.manual.unused, "blocks of the document that no test has run"
