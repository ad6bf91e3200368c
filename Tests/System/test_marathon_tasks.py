"""The tasks of Marathon's apps: what they get, how they are killed, what follows their end."""

import os
import re
import signal
import time
import uuid

import pytest

from golden.cluster import page
from harness import wait_for
from marathon_cluster import moment, processes_with


# --- What a task gets

def test_environment(cluster, api):
    """A task finds its ids, its ports, its resources and the labels of its app in its environment; the app's own
    variables win."""
    labels = {"team": "core", "HAPROXY_GROUP": "external", "with spaces.and-more": "ok"}
    app = api.start(
        "/group/env", "env > env.txt; echo end >> env.txt; sleep 3600", labels=labels,
        env={"MINE": "with space", "EMPTY": "", "MARATHON_APP_RESOURCE_DISK": "own"},
        portDefinitions=[{"port": 0, "name": "http"}, {"port": 7777, "name": "admin"}])
    [task] = app["tasks"]
    text = cluster.wait_for_file(task["id"], "env.txt")
    environment = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    first, second = map(str, task["ports"])
    service = app["portDefinitions"][0]["port"]
    expected = {
        "MESOS_TASK_ID": task["id"], "MARATHON_APP_ID": "/group/env", "MARATHON_APP_VERSION": app["version"],
        "MARATHON_APP_RESOURCE_CPUS": "0.1", "MARATHON_APP_RESOURCE_MEM": "32.0", "MARATHON_APP_RESOURCE_DISK": "own",
        "MARATHON_APP_RESOURCE_GPUS": "0", "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
        "MARATHON_APP_LABEL_TEAM": "core", "MARATHON_APP_LABEL_HAPROXY_GROUP": "external",
        "MARATHON_APP_LABEL_WITH_SPACES_AND_MORE": "ok", "HOST": "localhost", "PORT": first, "PORT0": first,
        "PORT1": second, "PORTS": f"{first},{second}", "PORT_HTTP": first, "PORT_ADMIN": second,
        f"PORT_{service}": first, "PORT_7777": second, "MINE": "with space", "EMPTY": ""}
    assert {name: environment.get(name) for name in expected} == expected
    assert set(environment["MARATHON_APP_LABELS"].split()) == {"TEAM", "HAPROXY_GROUP", "WITH_SPACES_AND_MORE"}
    assert "MARATHON_APP_DOCKER_IMAGE" not in environment


def test_no_ports_no_variables(cluster, api):
    """An app without ports gets none, and no variables of them."""
    app = api.start("/no-ports", "env > env.txt; echo end >> env.txt; sleep 3600", portDefinitions=[])
    [task] = app["tasks"]
    assert task["ports"] == task["servicePorts"] == app["portDefinitions"] == []
    assert not re.search("^PORT", cluster.wait_for_file(task["id"], "env.txt"), re.MULTILINE)


def test_arguments(cluster, api):
    """`args` are a program and its arguments; no shell touches them."""
    script = 'printf "%s\\n" "$@" end > out.txt; sleep 3600'
    app = api.start("/args", None, args=["sh", "-c", script, "x", "$HOME", "a  b"])
    assert cluster.wait_for_file(app["tasks"][0]["id"], "out.txt") == "$HOME\na  b\n"
    assert "cmd" not in app


def test_task_as_mesos_sees_it(cluster, api):
    """The task of an app has a name, labels, resources and discovery information made of the app."""
    ports = [{"port": 0, "name": "http", "protocol": "tcp"}, {"port": 0, "protocol": "udp"}]
    app = api.start("/a/b/c", cpus=0.25, mem=48, disk=16, labels={"key": "value"}, portDefinitions=ports)
    [shown] = app["tasks"]
    [framework] = page(cluster.master.port, "/state")["frameworks"]
    [task] = framework["tasks"]
    assert (task["id"], task["name"], task["state"]) == (shown["id"], "c.b.a", "TASK_RUNNING")
    assert task["labels"] == [{"key": "key", "value": "value"}]
    resources = task["resources"]
    assert (resources["cpus"], resources["mem"], resources["disk"]) == (0.25, 48, 16)
    for port in shown["ports"]:
        assert any(int(low) <= port <= int(high) for low, high in re.findall(r"(\d+)-(\d+)", resources["ports"]))
    discovery = task["discovery"]
    assert (discovery["visibility"], discovery["name"]) == ("FRAMEWORK", "c.b.a")
    assert [(port["number"], port["protocol"]) for port in discovery["ports"]["ports"]] == list(
        zip(shown["ports"], ["tcp", "udp"]))
    assert discovery["ports"]["ports"][0]["name"] == "http"


def test_docker_app(cluster, api):
    """A Docker app is stored with its image, network and mappings. An agent that has no docker fails its tasks, which
    is shown, and the app waits before the next one."""
    mappings = [{"containerPort": 80, "hostPort": 0, "name": "web"}, {"containerPort": 81, "hostPort": 0}]
    container = {"type": "DOCKER", "docker": {"image": "busybox"}, "portMappings": mappings}
    api.create("/docker", None, container=container, networks=[{"mode": "container/bridge"}], backoffSeconds=60)
    app = wait_for(lambda: (found := api.app("/docker")).get("lastTaskFailure") and found, 20, "a task has failed")
    assert app["networks"] == [{"mode": "container/bridge"}]
    mappings = app["container"]["portMappings"]
    assert [mapping["containerPort"] for mapping in mappings] == [80, 81]
    assert all(10000 <= mapping["servicePort"] <= 20000 for mapping in mappings)
    assert "portDefinitions" not in app
    failure = app["lastTaskFailure"]
    assert failure["state"] in ("TASK_FAILED", "TASK_ERROR") and failure["message"]
    assert failure["appId"] == "/docker" and failure["version"] == app["version"]
    assert failure["taskId"].startswith("docker.instance-")
    assert len(app["deployments"]) == 1, "its deployment stays open"


def test_bridge_without_docker(api):
    """A container in bridge mode that is not Docker's never runs on the host's network instead: an agent without such
    a network says so."""
    api.create("/bridge", container={"type": "MESOS", "portMappings": [{"containerPort": 80, "hostPort": 0}]},
               networks=[{"mode": "container/bridge"}], backoffSeconds=60)
    app = wait_for(lambda: (found := api.app("/bridge")).get("lastTaskFailure") and found, 20, "a task has failed")
    assert "neither volumes nor networks" in app["lastTaskFailure"]["message"]


def test_service_ports(api):
    """Service ports are the lowest free ones, stay with their app, and may be given and shared."""
    first = api.start("/first")["portDefinitions"][0]["port"]
    second = api.start("/second")["portDefinitions"][0]["port"]
    assert (first, second) == (10000, 10001)
    api.change("DELETE", "/v2/apps/first")
    assert api.start("/third")["portDefinitions"][0]["port"] == first
    api.change("PUT", "/v2/apps/second", {"portDefinitions": [{"port": 0, "name": "new"}], "labels": {"a": "b"}})
    assert api.app("/second")["portDefinitions"] == [{"port": second, "name": "new", "protocol": "tcp", "labels": {}}]
    for name in ("/given", "/shared"):
        assert api.start(name, ports=[9000])["portDefinitions"][0]["port"] == 9000


def test_required_ports(api):
    """With `requirePorts` a task gets exactly the ports defined, and waits for them."""
    fixed = {"portDefinitions": [{"port": 31777}], "requirePorts": True}
    assert api.start("/first", **fixed)["tasks"][0]["ports"] == [31777]
    waiting = api.create("/second", **fixed)
    api.start("/third")
    assert api.tasks("/second") == []
    api.change("DELETE", "/v2/apps/first")
    api.wait_for_deployment(waiting)
    assert api.tasks("/second")[0]["ports"] == [31777]


# --- Kills

def test_kill_one(api):
    """A task that is killed is replaced."""
    before = api.start("/killed", instances=2)
    victim, other = [task["id"] for task in before["tasks"]]
    answer = api.expect(200, "DELETE", f"/v2/apps/killed/tasks/{victim}")
    assert set(answer.json) == {"task"} and answer.json["task"]["id"] == victim
    wait_for(lambda: victim not in (ids := api.task_ids("/killed")) and len(ids) == 2, what="the task is replaced")
    assert other in api.task_ids("/killed")
    assert api.expect(404, "DELETE", f"/v2/apps/killed/tasks/{victim}").json == {
        "message": f"Task '{victim}' does not exist"}
    assert api.expect(404, "DELETE", f"/v2/apps/none/tasks/{other}").json == {"message": "App '/none' does not exist"}


def test_kill_one_and_scale(api):
    """With `scale` exactly that task goes, and the app shrinks."""
    before = api.start("/killed", instances=3)
    victim = before["tasks"][0]["id"]
    answer = api.change("DELETE", f"/v2/apps/killed/tasks/{victim}?scale=true")
    assert set(answer) == {"version", "deploymentId"}
    assert api.app("/killed")["instances"] == 2
    assert api.task_ids("/killed") == {task["id"] for task in before["tasks"][1:]}


def test_kill_all(api):
    """All tasks of an app, or those on a host, are killed and replaced; with `scale` they are gone for good."""
    before = {task["id"] for task in api.start("/killed", instances=3)["tasks"]}
    assert api.expect(200, "DELETE", "/v2/apps/killed/tasks?host=elsewhere").json == {"tasks": []}
    assert api.task_ids("/killed") == before
    answer = api.expect(200, "DELETE", "/v2/apps/killed/tasks?host=localhost")
    assert {task["id"] for task in answer.json["tasks"]} == before
    wait_for(lambda: (app := api.app("/killed"))["tasksRunning"] == 3
             and before.isdisjoint(task["id"] for task in app["tasks"]), what="the tasks are replaced")
    assert set(api.change("DELETE", "/v2/apps/killed/tasks?host=*&scale=true")) == {"version", "deploymentId"}
    app = api.app("/killed")
    assert (app["instances"], app["tasks"]) == (0, [])
    assert api.expect(400, "DELETE", "/v2/apps/killed/tasks?scale=true&wipe=true").json == {
        "message": "You cannot use scale and wipe at the same time."}


def test_kill_a_list(api):
    """Tasks of several apps are killed by their ids; unknown ones are passed over, what is no id is refused."""
    one = api.start("/one", instances=2)["tasks"]
    two = api.start("/two", instances=2)["tasks"]
    victims = [one[0]["id"], two[0]["id"]]
    unknown = one[0]["id"].replace("one.", "gone.")
    answer = api.expect(200, "POST", "/v2/tasks/delete", {"ids": [*victims, unknown]})
    assert {task["id"] for task in answer.json["tasks"]} == set(victims)
    wait_for(lambda: all(app["tasksRunning"] == 2 for app in api.get("/v2/apps")["apps"])
             and not set(victims) & {task["id"] for task in api.get("/v2/tasks")["tasks"]}, what="both are replaced")
    victims = [one[1]["id"], two[1]["id"]]
    answer = api.change("POST", "/v2/tasks/delete?scale=true", {"ids": victims})
    assert set(answer) == {"version", "deploymentId"}
    assert [(app["instances"], app["tasksRunning"]) for app in api.get("/v2/apps")["apps"]] == [(1, 1), (1, 1)]
    assert not set(victims) & {task["id"] for task in api.get("/v2/tasks")["tasks"]}
    error = api.expect(400, "POST", "/v2/tasks/delete", {"ids": ["nonsense"]}).json
    assert error["message"].startswith("Invalid task id 'nonsense'.")
    assert api.expect(422, "POST", "/v2/tasks/delete", {}).json["details"] == [
        {"path": "/ids", "errors": ["error.path.missing"]}]


def test_grace_period(cluster, api):
    """A task gets a SIGTERM and the grace period of its app to end by itself; then it is killed."""
    body = "while :; do sleep 0.02; done"
    polite = f"trap 'sleep 0.2; echo end > bye.txt; exit 0' TERM; echo end > up.txt; {body}"
    deaf = f"trap '' TERM; echo end > up.txt; {body}"
    tasks = {}
    for name, command, grace in [("/polite", polite, 30), ("/deaf", deaf, 1)]:
        tasks[name] = api.start(name, command, taskKillGracePeriodSeconds=grace)["tasks"][0]["id"]
        cluster.wait_for_file(tasks[name], "up.txt")
    for name in tasks:
        api.change("DELETE", f"/v2/apps{name}")
    assert cluster.read_file(tasks["/polite"], "bye.txt") == "end\n"
    cluster.wait_for_agent_tasks(set())


@pytest.fixture
def app_id():
    """The id of an app that no other test run has: its processes are found by it. All of them end with the test."""
    name = f"/only-{uuid.uuid4()}"
    yield name
    for pid in processes_with(f"MARATHON_APP_ID={name}\0"):
        os.kill(pid, signal.SIGKILL)


def check_gone(cluster, app_id):
    """Neither the agent nor the master has a task, and there is no process of the app."""
    cluster.wait_for_agent_tasks(set())
    wait_for(lambda: [framework["tasks"] for framework in page(cluster.master.port, "/state")["frameworks"]] == [[]],
             what="the master has no task")
    wait_for(lambda: not processes_with(f"MARATHON_APP_ID={app_id}\0"), 5, f"the processes of {app_id} have ended")


def test_delete_leaves_nothing(cluster, api, app_id):
    """A deleted app has no task, no version and no process left, not even of its children; its name is free."""
    api.start(app_id, "sleep 3600 & sleep 3600 & wait", instances=2)
    assert len(processes_with(f"MARATHON_APP_ID={app_id}\0")) >= 4
    assert set(api.change("DELETE", f"/v2/apps{app_id}")) == {"version", "deploymentId"}
    check_gone(cluster, app_id)
    api.get(f"/v2/apps{app_id}", 404)
    api.get(f"/v2/apps{app_id}/versions", 404)
    assert api.start(app_id)["tasksRunning"] == 1
    assert len(api.get(f"/v2/apps{app_id}/versions")["versions"]) == 1


def test_delete_ends_daemons(cluster, api, app_id):
    """Children that went into a session of their own end with their task."""
    [task] = api.start(app_id, "setsid sleep 3600 & echo end > up.txt; wait")["tasks"]
    cluster.wait_for_file(task["id"], "up.txt")
    api.change("DELETE", f"/v2/apps{app_id}")
    check_gone(cluster, app_id)


def test_delete_while_launching(cluster, api, app_id):
    """Tasks that are killed while they are launched leave no process behind, at whichever moment the kill comes."""
    for milliseconds in range(0, 45, 3):
        api.create(app_id, instances=4)
        time.sleep(milliseconds / 1000)
        api.change("DELETE", f"/v2/apps{app_id}")
    check_gone(cluster, app_id)


def test_delete_forgets_failures(api):
    """A new app does not show the failures of an old one of the same name."""
    api.create("/failing", "exit 3", backoffSeconds=600)
    failures_of(api, "/failing", 1)
    api.change("DELETE", "/v2/apps/failing")
    assert "lastTaskFailure" not in api.start("/failing")


# --- Tasks that end

def failures_of(api, app_id, count, timeout=20):
    """The first failures of an app, each of another task."""
    failures = {}

    def enough():
        failure = api.app(app_id).get("lastTaskFailure")
        if failure:
            failures[failure["taskId"]] = failure
        return len(failures) >= count

    wait_for(enough, timeout, f"{count} tasks of {app_id} have failed")
    return list(failures.values())


def test_backoff(api):
    """A task that fails is replaced after a delay that grows with each failure."""
    api.create("/growing", "exit 3", backoffSeconds=1, backoffFactor=2)
    failures = failures_of(api, "/growing", 3)
    times = [moment(failure["timestamp"]) for failure in failures]
    assert (times[1] - times[0]).total_seconds() >= 1
    assert (times[2] - times[1]).total_seconds() >= 2
    app = api.app("/growing")
    for failure in failures:
        assert (failure["appId"], failure["state"], failure["host"]) == ("/growing", "TASK_FAILED", "localhost")
        assert failure["version"] == app["version"] and "3" in failure["message"]
    embedded = api.get("/v2/apps?embed=apps.lastTaskFailure")["apps"][0]["lastTaskFailure"]
    assert embedded == app["lastTaskFailure"]


def test_change_ends_the_backoff(api):
    """A new configuration starts at once, however long the old one has to wait."""
    api.create("/mended", "exit 3", backoffSeconds=600, maxLaunchDelaySeconds=3600)
    failures_of(api, "/mended", 1)
    api.start("/meanwhile")
    assert api.tasks("/mended") == []
    api.change("PUT", "/v2/apps/mended?force=true", {"cmd": "sleep 3600"})
    assert api.app("/mended")["tasksRunning"] == 1


def test_delay_has_a_limit(api):
    """Delays grow up to maxLaunchDelaySeconds."""
    api.create("/impatient", "exit 3", backoffSeconds=600, maxLaunchDelaySeconds=0)
    failures_of(api, "/impatient", 3)


def test_finished_tasks_are_replaced(cluster, api):
    """A task that ends well is replaced too, and is no failure."""
    api.create("/finishing", "echo end > done.txt", backoffSeconds=0)
    seen = set()

    def some():
        seen.update(api.task_ids("/finishing"))
        return len(seen) >= 3

    wait_for(some, 20, "three tasks have run", interval=0.001)
    assert "lastTaskFailure" not in api.app("/finishing")


def test_killed_process_is_replaced(cluster, api):
    """A task whose process is killed from outside has failed, and is replaced."""
    command = "echo $$ > pid.txt; echo end >> pid.txt; while :; do sleep 0.05; done"
    [task] = api.start("/struck", command, backoffSeconds=0)["tasks"]
    os.kill(int(cluster.wait_for_file(task["id"], "pid.txt")), signal.SIGKILL)
    [failure] = failures_of(api, "/struck", 1)
    assert (failure["taskId"], failure["state"]) == (task["id"], "TASK_FAILED")
    assert "9" in failure["message"] or "kill" in failure["message"].lower()
    wait_for(lambda: api.app("/struck")["tasksRunning"] == 1, what="it is replaced")
