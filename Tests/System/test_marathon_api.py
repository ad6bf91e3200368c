"""The REST API of Marathon, with an agent that runs tasks as plain processes."""

import json
import os
import re
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from golden.cluster import page
from harness import HOST, Marathon, wait_for
from marathon_cluster import Cluster, RestAPI, processes_with

EXAMPLES = json.loads((Path(__file__).parent / "marathon_examples/apps.json").read_text())
TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TOO_MUCH = {"cpus": 1000}


@pytest.fixture(scope="module")
def shared_cluster(shared_testbed):
    return Cluster(shared_testbed)


@pytest.fixture
def cluster(shared_cluster):
    """A cluster without apps; a test must not leave a program dead."""
    yield shared_cluster
    shared_cluster.check_programs()
    shared_cluster.api.delete_all()


@pytest.fixture
def api(cluster):
    return cluster.api


def moment(text):
    assert re.fullmatch(TIMESTAMP, text), text
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# --- Answers in general

def test_headers(api):
    """Every answer of the leader names it and must not be cached or framed."""
    for method, path, body in [("GET", "/v2/apps", None), ("GET", "/v2/apps/none", None), ("POST", "/v2/apps", {})]:
        headers = api.request(method, path, body).headers
        assert headers["X-Marathon-Leader"] == f"http://localhost:{api.port}"
        assert headers["Content-Type"].startswith("application/json")
        assert headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
        assert headers["Pragma"] == "no-cache"
        assert headers["Expires"] == "0"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-XSS-Protection"] == "1; mode=block"


def test_ping(api):
    """`pong` as text, whatever the client accepts, and as JSON for who wants that."""
    answer = api.expect(200, "GET", "/ping")
    assert answer.body == "pong"
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert api.expect(200, "GET", "/ping", headers={"Accept": "*/*"}).body == "pong"
    assert api.expect(200, "GET", "/ping", headers={"Accept": "application/json"}).json == "pong"


def test_redirects_to_pages(api):
    """The root leads to the web pages."""
    for path in ["/", "/ui"]:
        answer = api.expect(302, "GET", path)
        assert answer.headers["Location"].endswith("/ui/")


@pytest.mark.parametrize("path", ["/v2", "/v2/none", "/v2/appsx", "/v2/schemas", "/v2/eventSubscriptions"])
def test_unknown_routes(api, path):
    """Paths that lead nowhere, such as those of resources that were removed."""
    assert api.expect(404, "GET", path).json == {"message": "URI not found"}


@pytest.mark.parametrize("method, path", [
    ("DELETE", "/v2/apps"), ("POST", "/v2/apps/x"), ("GET", "/v2/apps/x/restart"), ("POST", "/v2/deployments"),
    ("GET", "/v2/tasks/delete"), ("POST", "/v2/info"), ("PUT", "/v2/leader"),
])
def test_wrong_methods(api, method, path):
    """Methods that a resource does not have."""
    assert api.request(method, path).status == 405


def test_leader_and_plugins(api):
    """Who leads; no plugins."""
    assert api.get("/v2/leader") == {"leader": f"localhost:{api.port}"}
    assert api.get("/v2/plugins") == {"plugins": []}


def test_info(cluster, api):
    """What this Marathon is, and how it is set up; unset values are null."""
    info = api.get("/v2/info")
    assert info["name"] == "marathon"
    assert info["version"].startswith("1.11.")
    assert info["elected"] is True
    assert info["leader"] == f"localhost:{api.port}"
    frameworks = page(cluster.master.port, "/frameworks")["frameworks"]
    assert [(item["id"], item["name"]) for item in frameworks] == [(info["frameworkId"], "marathon")]
    configuration = info["marathon_config"]
    address = f"zk://{HOST}:{cluster.coordinator.port}"
    expected = {
        "access_control_allow_origin": None, "checkpoint": True, "decline_offer_duration": 120000,
        "env_vars_prefix": None, "executor": "//cmd", "failover_timeout": 604800, "features": [],
        "framework_name": "marathon", "ha": True, "hostname": "localhost", "local_port_min": 10000,
        "local_port_max": 20000, "master": f"{address}/mesos", "max_instances_per_offer": 5, "mesos_role": "*",
        "min_revive_offers_interval": 100, "reconciliation_interval": 600000, "task_launch_timeout": 300000,
        "task_launch_confirm_timeout": 300000, "default_network_name": None,
    }
    assert {name: configuration[name] for name in expected} == expected
    assert info["zookeeper_config"]["zk"] == f"{address}/marathon"
    assert info["zookeeper_config"]["zk_session_timeout"] == 10000
    assert info["http_config"]["http_port"] == api.port


def test_standby_passes_requests_on(cluster, api, testbed):
    """A Marathon that does not lead answers what the leader answers, and says that it passed it on."""
    standby = testbed.start(Marathon, cluster.coordinator)
    other = RestAPI(standby.port)
    wait_for(lambda: other.request("GET", "/v2/leader").status == 200, what="the standby knows the leader")
    answer = other.expect(200, "GET", "/v2/leader")
    assert answer.json == {"leader": f"localhost:{api.port}"}
    assert answer.headers["X-Marathon-Via"] == f"1.1 localhost:{standby.port}"
    assert answer.headers["X-Marathon-Leader"] == f"http://localhost:{api.port}"
    other.start("/by-standby", labels={"with": "label"})
    assert api.app("/by-standby") == other.app("/by-standby")
    selector = "/v2/apps?label=with%20in%20(label)"
    assert [app["id"] for app in other.get(selector)["apps"]] == ["/by-standby"]
    assert other.expect(409, "POST", "/v2/apps", {"id": "/by-standby", "cmd": "true"}).json == {
        "message": "An app with id [/by-standby] already exists."}
    looped = other.request("GET", "/v2/apps", headers={"X-Marathon-Via": f"1.1 localhost:{standby.port}"})
    assert (looped.status, looped.json) == (502, {"message": "Detected proxying loop."})


# --- Definitions, good and bad

def look_up(value, path):
    """The value at a path with dots; None where there is nothing."""
    for part in path.split("."):
        if part == "length":
            return len(value)
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = (value or {}).get(part)
    return value


def contains(value, expected):
    """Whether a value has at least what is expected of it; numbers compare as numbers."""
    if isinstance(expected, dict):
        return isinstance(value, dict) and all(contains(value.get(name), item) for name, item in expected.items())
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(contains, value, expected))
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize("example", EXAMPLES["valid"], ids=lambda example: example["name"])
def test_valid_examples(api, example):
    """Definitions as clients write them are taken, and shown with what they say and with every default."""
    for body in example.get("setup", []):
        api.change("POST", "/v2/apps", body, status=201)
    answer = api.expect(example["status"], example["method"], example["path"], example["body"])
    assert re.fullmatch(UUID, answer.headers["Marathon-Deployment-Id"])
    bodies = example["body"] if isinstance(example["body"], list) else [example["body"]]
    for body in bodies:
        app = api.app("/" + body["id"].removeprefix("/") if "id" in body else example["path"].removeprefix("/v2/apps"))
        for path, expected in example["expect"].items():
            if path.endswith(".range"):
                low, high = expected
                assert low <= look_up(app, path.removesuffix(".range")) <= high, f"{path} of {app}"
            else:
                assert contains(look_up(app, path), expected), f"{path} is not {expected} in {app}"


@pytest.mark.parametrize("example", EXAMPLES["invalid"], ids=lambda example: example["name"])
def test_invalid_examples(api, example):
    """What is refused, with the status, the form and the texts of the original."""
    for body in example.get("setup", []):
        api.expect(201, "POST", "/v2/apps", body)
    answer = api.request(example["method"], example["path"], example.get("body"), text=example.get("text"))
    assert answer.status == example["status"], answer
    error = answer.json
    match example["form"]:
        case "parse":
            empty = example["text"] == ""
            assert error["message"] == ("Please specify data in JSON format" if empty else "Invalid JSON")
            assert isinstance(error["details"], str)
        case "message":
            assert error["message"] == example["errors"]["message"]
        case form:
            assert error["message"] == {"schema": "Invalid JSON", "violation": "Object is not valid"}[form]
            details = {item["path"]: item["errors"] for item in error["details"]}
            assert len(details) == len(error["details"]), "the errors of a path are grouped"
            for path, text in example["errors"].items():
                assert text in details.get(path, []), error


def test_several_errors(api):
    """All that is wrong is told at once."""
    body = {"cmd": "true", "cpus": "1", "mem": -1, "labels": {"a": 1}, "portDefinitions": [{"port": -1}, 5]}
    error = api.expect(422, "POST", "/v2/apps", body).json
    assert error["message"] == "Invalid JSON"
    assert {item["path"]: item["errors"] for item in error["details"]} == {
        "/id": ["error.path.missing"], "/cpus": ["error.expected.jsnumber"], "/mem": ["error.min"],
        "/labels/a": ["error.expected.jsstring"], "/portDefinitions(0)/port": ["error.min"],
        "/portDefinitions(1)": ["error.expected.jsobject"]}


DOCKER = {"type": "DOCKER", "docker": {"image": "busybox"}}
MESOS = {"type": "MESOS"}
PORT = {"containerPort": 80}


@pytest.mark.parametrize("path, text, fields", [
    ("/id", "error.minLength", {"id": ""}),
    ("/id", "error.pattern", {"id": "/-a"}),
    ("/cmd", "error.expected.jsstring", {"cmd": 5}),
    ("/args(1)", "error.expected.jsstring", {"cmd": None, "args": ["a", 1]}),
    ("/args", "error.expected.jsarray", {"cmd": None, "args": "a"}),
    ("/instances", "error.expected.int", {"instances": 1.5}),
    ("/requirePorts", "error.expected.jsboolean", {"requirePorts": "true"}),
    ("/env", "error.expected.jsobject", {"env": ["a"]}),
    ("/role", "error.minLength", {"role": ""}),
    ("/killSelection", "error.unknown.enum.literal", {"killSelection": "RANDOM"}),
    ("/taskKillGracePeriodSeconds", "error.min", {"taskKillGracePeriodSeconds": -1}),
    ("/unreachableStrategy/inactiveAfterSeconds", "error.min", {"unreachableStrategy": {"inactiveAfterSeconds": -1}}),
    ("/upgradeStrategy/maximumOverCapacity", "error.min", {
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": -0.1}}),
    ("/executor", "error.pattern", {"executor": "/a//b"}),
    ("/networks(0)/mode", "error.unknown.enum.literal", {"networks": [{"mode": "bridge"}]}),
    ("/portDefinitions(0)/protocol", "error.unknown.enum.literal", {"portDefinitions": [{"protocol": "sctp"}]}),
    ("/container/docker", "error.expected.jsobject", {"container": {"docker": "busybox"}}),
    ("/container/docker/image", "error.minLength", {"container": {"docker": {"image": ""}}}),
    ("/container/docker/network", "error.unknown.enum.literal", {
        "container": {"docker": {"image": "busybox", "network": "bridge"}}}),
    ("/container/docker/parameters(0)/value", "error.path.missing", {
        "container": {"docker": {"image": "busybox", "parameters": [{"key": "a"}]}}}),
    ("/container/portMappings(0)/hostPort", "error.max", {
        "container": DOCKER | {"portMappings": [{"hostPort": 65536}]}, "networks": [{"mode": "container/bridge"}]}),
    ("/container/volumes(0)/mode", "error.unknown.enum.literal", {
        "container": DOCKER | {"volumes": [{"containerPath": "/a", "hostPath": "/b", "mode": "XX"}]}}),
    ("/container/volumes(0)/containerPath", "error.minLength", {
        "container": DOCKER | {"volumes": [{"containerPath": "", "hostPath": "/b", "mode": "RO"}]}}),
])
def test_wrong_types_and_ranges(api, path, text, fields):
    """The schema says what is wrong and where."""
    error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600"} | fields).json
    assert error["message"] == "Invalid JSON"
    assert {"path": path, "errors": [text]} in error["details"], error


@pytest.mark.parametrize("path, text, fields", [
    ("/env/keys(0)", "must not be empty", {"env": {"": "a"}}),
    ("/acceptedResourceRoles", "must not be empty", {"acceptedResourceRoles": []}),
    ("/acceptedResourceRoles", "acceptedResourceRoles can only contain", {"acceptedResourceRoles": ["other"]}),
    ("/networks", "Bridge networks may not have names", {
        "container": DOCKER, "networks": [{"mode": "container/bridge", "name": "a"}]}),
    ("/networks", "Host networks may not have names or labels", {"networks": [{"mode": "host", "labels": {"a": "b"}}]}),
    ("/networks", "Duplicate networks are not allowed", {
        "container": MESOS, "networks": [{"mode": "container", "name": "a"}, {"mode": "container", "name": "a"}]}),
    ("/networks",
     "May specify a single host network, single bridge network, or else 1-to-n container networks", {
         "container": DOCKER, "networks": [{"mode": "container/bridge"}, {"mode": "container/bridge"}]}),
    ("/", "may only specify a single container network when using the Docker container engine", {
        "container": DOCKER, "networks": [{"mode": "container", "name": "a"}, {"mode": "container", "name": "b"}]}),
    ("/", "portMappings are not allowed with host-networking", {"container": DOCKER | {"portMappings": [PORT]}}),
    ("/", "must not specify both container.docker.network and networks", {
        "container": {"docker": {"image": "busybox", "network": "HOST"}}, "networks": [{"mode": "host"}]}),
    ("/container/portMappings", "Port names must be unique.", {
        "container": DOCKER | {"portMappings": [PORT | {"name": "a"}, PORT | {"name": "a"}]},
        "networks": [{"mode": "container/bridge"}]}),
    ("/container/docker/network", "must be empty", {
        "container": MESOS | {"docker": {"image": "busybox", "network": "BRIDGE"}}}),
    ("/container/docker/portMappings", "must be empty", {
        "container": MESOS | {"docker": {"image": "busybox", "portMappings": [PORT]}},
        "networks": [{"mode": "container/bridge"}]}),
    ("/container/docker/credential", "must be empty", {
        "container": MESOS | {"docker": {"image": "busybox", "credential": {"principal": "a"}}}}),
    ("/container/docker/pullConfig", "pullConfig is not supported with Docker containerizer", {
        "container": {"docker": {"image": "busybox", "pullConfig": {"secret": "s"}}}}),
])
def test_rules(api, path, text, fields):
    """Definitions that are well formed and make no sense are refused, in the words of the original."""
    body = {"id": "/x", "cmd": "sleep 3600", "instances": 0} | fields
    error = api.expect(422, "POST", "/v2/apps", body).json
    assert error["message"] == "Object is not valid"
    texts = [found for item in error["details"] if item["path"] == path for found in item["errors"]]
    assert any(found.startswith(text) for found in texts), error


@pytest.mark.parametrize("text, fields", [
    ("unsupported docker network type NONE", {"container": {"docker": {"image": "busybox", "network": "NONE"}}}),
    ("cannot specify both portMappings and docker.portMappings", {
        "container": {"docker": {"image": "busybox", "portMappings": [PORT]}, "portMappings": [PORT]},
        "networks": [{"mode": "container/bridge"}]}),
])
def test_conflicts_of_old_and_new_forms(api, text, fields):
    """Forms that cannot be brought together are refused by a message alone."""
    error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", "instances": 0} | fields).json
    assert error == {"message": text}


@pytest.mark.parametrize("given, absolute", [
    ("a/../b", "/b"), ("/a/./b", "/a/b"), ("a.b/c-1", "/a.b/c-1"), ("/a//b/", "/a/b")])
def test_ids_are_made_absolute(api, given, absolute):
    """Dots in ids are resolved against the root."""
    created = api.expect(201, "POST", "/v2/apps", {"id": given, "cmd": "sleep 3600", "instances": 0}).json
    assert created["id"] == absolute
    assert api.app(absolute)["id"] == absolute


@pytest.mark.parametrize("given", ["/", "..", "/.", "/a/tasks", "/versions"])
def test_ids_that_no_app_has(api, given):
    """The root and the words that end the paths of the API are no ids of apps."""
    error = api.expect(422, "POST", "/v2/apps", {"id": given, "cmd": "sleep 3600", "instances": 0}).json
    assert error["details"][0]["path"] == "/id"


@pytest.mark.parametrize("field, value", [
    ("healthChecks", [{"protocol": "HTTP"}]), ("check", {"tcp": {"port": 1}}),
    ("constraints", [["hostname", "UNIQUE"]]),
    ("readinessChecks", [{"name": "ready"}]), ("fetch", [{"uri": "http://host.example/file"}]),
    ("uris", ["http://host.example/file"]), ("dependencies", ["/other"]), ("secrets", {"s": {"source": "p"}}),
    ("residency", {"taskLostBehavior": "WAIT_FOREVER"}), ("gpus", 1), ("resourceLimits", {"cpus": "unlimited"}),
    ("ipAddress", {"networkName": "net"}), ("tty", True), ("executorResources", {"cpus": 1}),
])
def test_what_is_not_supported_is_refused(api, field, value):
    """A definition that asks for what this version does not do is refused by name, and nothing is created."""
    error = api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", field: value}).json
    assert error == {"message": "Object is not valid", "details": [
        {"path": f"/{field}", "errors": ["is not supported by this version"]}]}
    api.get("/v2/apps/x", 404)


@pytest.mark.parametrize("field, value", [
    ("linuxInfo", {"seccomp": {"profileName": "default.json"}}), ("linuxInfo", {"ipcInfo": {"mode": "PRIVATE"}}),
    ("volumes", [{"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}]),
    ("volumes", [{"containerPath": "/data", "mode": "RW", "external": {"name": "v", "provider": "dvdi"}}]),
    ("volumes", [{"containerPath": "/data", "secret": "s"}]),
    ("docker", {"image": "busybox", "pullConfig": {"secret": "s"}}),
])
def test_containers_that_are_not_supported_are_refused(api, field, value):
    """A container that would run without something it asks for does not run."""
    body = {"id": "/x", "cmd": "sleep 3600", "container": {"type": "MESOS", field: value}}
    assert api.expect(422, "POST", "/v2/apps", body).json["message"] == "Object is not valid"
    api.get("/v2/apps/x", 404)


def test_own_executors_are_refused(api):
    """A task is not run by the command executor when its app names another one."""
    api.expect(422, "POST", "/v2/apps", {"id": "/x", "cmd": "sleep 3600", "executor": "/opt/executor"})


@pytest.mark.parametrize("text", [
    "[", "[" * 100_000, '{"a":' * 50_000, '{"id": "/x", "cmd": "true"} trailing', '{"id": "/x", "cmd": "tr\u0000ue"}',
    b'{"id": "/x", "cmd": "\xff\xfe"}', '"/x"', "5", "null", "[]", '{"id": "/x", "cmd": "true", "instances": 1e99}',
    '{"id": "/x", "cmd": "true", "cpus": 1e999}', '{"id": "/x", "cmd": "true", "mem": NaN}',
    '{"id": "/x", "cmd": "true", "backoffSeconds": 99999999999999999999}',
], ids=range(14))
def test_strange_bodies(api, text):
    """Bodies that no client should send are refused, and Marathon goes on."""
    answer = api.request("POST", "/v2/apps", text=text)
    assert answer.status in (400, 422), answer
    assert answer.json["message"] == "Invalid JSON"
    api.get("/v2/apps/x", 404)


def test_paths_with_slashes(api):
    """A leading slash may be left out or doubled, one at the end is ignored."""
    api.create("/a/b/c")
    for path in ["/v2/apps/a/b/c", "/v2/apps//a/b/c", "/v2/apps/a/b/c/"]:
        assert api.get(path)["app"]["id"] == "/a/b/c"
    for path in ["/v2/apps/a/b", "/v2/apps/a", "/v2/apps/a/b/c/d", "/v2/apps/A%20B", "/v2/apps/..%2f..%2fetc"]:
        assert re.fullmatch("App '.*' does not exist", api.get(path, 404)["message"])


# --- Creating and showing

def test_create(api):
    """The answer to a new app is its definition with counts and its deployment, but no version info yet."""
    answer = api.expect(201, "POST", "/v2/apps", {"id": "/new/app", "cmd": "sleep 3600", "cpus": 0.1, "mem": 32})
    app = answer.json
    assert answer.headers["Location"].endswith("/new/app")
    assert app["deployments"] == [{"id": answer.headers["Marathon-Deployment-Id"]}]
    assert [app[f"tasks{name}"] for name in ("Staged", "Running", "Healthy", "Unhealthy")] == [0, 0, 0, 0]
    assert "versionInfo" not in app and "tasks" not in app
    written = """id backoffFactor backoffSeconds cpus disk executor instances labels maxLaunchDelaySeconds mem gpus
        networks requirePorts killSelection upgradeStrategy unreachableStrategy version role portDefinitions"""
    assert set(written.split()) <= set(app)
    moment(app["version"])


def test_deployed_app(cluster, api):
    """A deployed app runs, and shows its task with all that belongs to one."""
    app = api.start("/deployed", instances=1)
    assert (app["tasksRunning"], app["tasksStaged"], app["tasksHealthy"], app["tasksUnhealthy"]) == (1, 0, 0, 0)
    assert app["deployments"] == []
    assert app["versionInfo"] == {"lastScalingAt": app["version"], "lastConfigChangeAt": app["version"]}
    [task] = app["tasks"]
    assert re.fullmatch(rf"deployed\.instance-{UUID}\._app\.\d+", task["id"])
    [agent] = page(cluster.master.port, "/slaves")["slaves"]
    expected = {
        "appId": "/deployed", "state": "TASK_RUNNING", "host": "localhost", "slaveId": agent["id"], "role": "*",
        "version": app["version"], "servicePorts": [app["portDefinitions"][0]["port"]], "healthCheckResults": [],
        "localVolumes": []}
    assert {name: task[name] for name in expected} == expected
    assert moment(app["version"]) <= moment(task["stagedAt"]) <= moment(task["startedAt"])
    assert 31000 <= task["ports"][0] <= 32000
    cluster.wait_for_agent_tasks({task["id"]})
    assert api.tasks("/deployed") == [task]


def test_lists(api):
    """GET /v2/apps filters by command, id and labels, and embeds what is asked for."""
    api.start("/shop/api", "sleep 1111", labels={"team": "core", "tier": "one"})
    api.start("/shop/web", "sleep 2222", labels={"team": "core", "tier": "two"}, instances=2)
    api.start("/other", "sleep 3333")

    def ids(query):
        return [app["id"] for app in api.get(f"/v2/apps?{query}")["apps"]]

    everything = ["/other", "/shop/api", "/shop/web"]
    assert ids("") == everything
    assert ids("id=SHOP") == ids("id=shop") == ids("id=/shop/") == ["/shop/api", "/shop/web"]
    assert ids("cmd=SLEEP") == everything and ids("cmd=p%203") == ["/other"]
    assert ids("id=shop&cmd=1111") == ["/shop/api"]
    assert ids("label=team") == ids("label=team==core") == ["/shop/api", "/shop/web"]
    assert ids("label=tier!=one") == ids("label=tier%20notin%20(one,three)") == ["/shop/web"]
    assert ids("label=tier%20in%20(one,two),team") == ["/shop/api", "/shop/web"]
    assert ids("label=tier==one,team==none") == [] and ids("label=none") == []
    error = api.get("/v2/apps?label=tier%20near%20one", 422)
    assert error["message"].startswith("Can not parse label selector")
    assert all("tasks" not in app and "lastTaskFailure" not in app for app in api.get("/v2/apps")["apps"])
    assert {app["id"]: app["tasksRunning"] for app in api.get("/v2/apps")["apps"]} == {
        "/other": 1, "/shop/api": 1, "/shop/web": 2}
    for embed in ["apps.tasks", "app.tasks", "tasks"]:
        assert [len(app["tasks"]) for app in api.get(f"/v2/apps?embed={embed}&id=shop")["apps"]] == [1, 2]
    assert [app["id"] for app in api.get("/v2/apps/shop/*")["*"]] == ["/shop/api", "/shop/web"]
    assert len(api.get("/v2/apps/shop/*/tasks")["tasks"]) == 3
    assert "does not exist" in api.get("/v2/apps/none/*", 404)["message"]


def test_task_lists(api):
    """GET /v2/tasks shows the tasks of all apps, of those that wait none, and chooses by status."""
    api.start("/one", instances=2)
    api.start("/two")
    api.create("/waiting", **TOO_MUCH)
    everything = api.get("/v2/tasks")["tasks"]
    assert sorted(task["appId"] for task in everything) == ["/one", "/one", "/two"]
    assert api.get("/v2/tasks?status=running")["tasks"] == everything
    assert api.get("/v2/tasks?status[]=running&status[]=staging")["tasks"] == everything
    assert api.get("/v2/tasks?status=staging")["tasks"] == []
    assert api.get("/v2/apps/waiting/tasks")["tasks"] == []
    assert api.get("/v2/apps/none/tasks", 404) == {"message": "App '/none' does not exist"}
    waiting = api.app("/waiting")
    assert (waiting["tasksStaged"], waiting["tasksRunning"]) == (0, 0)


def test_parallel_creation(api):
    """Apps that many clients create at once all come to run; one of the same name is created once."""
    with ThreadPoolExecutor(16) as pool:
        deployments = list(pool.map(lambda number: api.create(f"/many/app-{number}"), range(12)))
        body = {"id": "/same", "cmd": "sleep 3600", "cpus": 0.1, "mem": 32}
        answers = list(pool.map(lambda _: api.request("POST", "/v2/apps", body).status, range(8)))
    assert sorted(answers) == [201] + [409] * 7
    for deployment in deployments:
        api.wait_for_deployment(deployment)
    apps = api.get("/v2/apps?id=/many/")["apps"]
    assert [app["tasksRunning"] for app in apps] == [1] * 12
    assert len({app["version"] for app in apps}) == 12
    assert len({app["portDefinitions"][0]["port"] for app in apps}) == 12


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


# --- Changes

def test_scale(cluster, api):
    """PUT of `instances` starts and kills as many as it takes, and leaves the others alone."""
    before = api.start("/scaled")
    answer = api.change("PUT", "/v2/apps/scaled", {"instances": 12})
    app = api.app("/scaled")
    assert app["tasksRunning"] == 12 and len(app["tasks"]) == 12
    assert before["tasks"][0] in app["tasks"]
    assert app["version"] == answer["version"]
    assert app["versionInfo"] == {
        "lastScalingAt": answer["version"], "lastConfigChangeAt": before["versionInfo"]["lastConfigChangeAt"]}
    ports = [task["ports"][0] for task in app["tasks"]]
    assert len(set(ports)) == 12
    api.change("PUT", "/v2/apps/scaled", {"instances": 3})
    left = api.task_ids("/scaled")
    assert len(left) == 3 and left <= {task["id"] for task in app["tasks"]}
    cluster.wait_for_agent_tasks(left)
    api.change("PUT", "/v2/apps/scaled", {"instances": 0})
    assert api.app("/scaled")["tasks"] == []
    cluster.wait_for_agent_tasks(set())


@pytest.mark.parametrize("selection, survivor", [("YOUNGEST_FIRST", 0), ("OLDEST_FIRST", 2)])
def test_kill_selection(api, selection, survivor):
    """`killSelection` says which task goes when an app shrinks."""
    started = [api.start("/chosen", killSelection=selection)["tasks"][0]["id"]]
    for count in (2, 3):
        api.change("PUT", "/v2/apps/chosen", {"instances": count})
        started += api.task_ids("/chosen") - set(started)
    api.change("PUT", "/v2/apps/chosen", {"instances": 1})
    assert api.task_ids("/chosen") == {started[survivor]}


def test_update_that_changes_nothing(api):
    """It has a deployment that is over at once, and restarts nothing."""
    before = api.start("/same", labels={"a": "b"})
    answer = api.expect(200, "PUT", "/v2/apps/same", {"labels": {"a": "b"}, "cpus": 0.1, "instances": 1})
    assert set(answer.json) == {"version", "deploymentId"}
    assert answer.headers["Marathon-Deployment-Id"] == answer.json["deploymentId"]
    assert api.get("/v2/deployments") == []
    assert api.app("/same") == before


def test_own_definition_sent_back(api):
    """What GET gives can be sent back, but for its version, and changes nothing."""
    before = api.start("/echo", labels={"a": "b"}, env={"C": "d"}, portDefinitions=[{"port": 0, "name": "web"}])
    body = {name: value for name, value in before.items() if name != "version"}
    api.change("PUT", "/v2/apps/echo", body)
    assert api.app("/echo") == before


def test_put_creates(api):
    """PUT of an unknown id creates the app; the path's id wins over the body's."""
    body = {"id": "/ignored", "cmd": "sleep 3600", "cpus": 0.1, "mem": 32}
    answer = api.expect(201, "PUT", "/v2/apps/made/by-put", body)
    assert set(answer.json) == {"version", "deploymentId"}
    assert answer.headers["Location"].endswith("/made/by-put")
    api.wait_for_deployment(answer.json["deploymentId"])
    assert api.app("/made/by-put")["tasksRunning"] == 1
    api.get("/v2/apps/ignored", 404)


def test_put_replaces(api):
    """`partialUpdate=false` makes the body the whole definition; otherwise it changes the fields it has."""
    api.start("/part", labels={"a": "b"}, env={"C": "d"})
    api.change("PUT", "/v2/apps/part", {"env": {"E": "f"}, "cpus": None})
    app = api.app("/part")
    assert (app["labels"], app["env"], app["cpus"]) == ({"a": "b"}, {"E": "f"}, 0.1)
    api.change("PUT", "/v2/apps/part?partialUpdate=false", {"cmd": "sleep 3600", "cpus": 0.2, "mem": 32})
    app = api.app("/part")
    assert (app["labels"], "env" in app, app["cpus"]) == ({}, False, 0.2)


def test_arrays(api):
    """PUT of an array changes and creates several apps in one deployment; PATCH creates none."""
    api.start("/one")
    app = {"cmd": "sleep 3600", "cpus": 0.1, "mem": 32}
    answer = api.expect(200, "PUT", "/v2/apps", [{"id": "/one", "instances": 2}, {"id": "/two"} | app | TOO_MUCH])
    [deployment] = api.get("/v2/deployments")
    assert deployment["id"] == answer.json["deploymentId"] == answer.headers["Marathon-Deployment-Id"]
    assert sorted(deployment["affectedApps"]) == ["/one", "/two"]
    assert api.app("/one")["version"] == api.app("/two")["version"] == answer.json["version"]
    wait_for(lambda: api.app("/one")["tasksRunning"] == 2, what="the app that can be scaled is scaled")
    error = api.expect(404, "PATCH", "/v2/apps?force=true", [{"id": "/one", "instances": 1}, {"id": "/three"} | app])
    assert error.json == {"message": "App '/three' does not exist"}
    assert api.app("/one")["instances"] == 2, "a change of several apps is made as a whole or not at all"
    api.change("PATCH", "/v2/apps?force=true", [{"id": "/one", "instances": 1}, {"id": "/two", "cpus": 0.1}])
    assert [app["tasksRunning"] for app in api.get("/v2/apps")["apps"]] == [1, 1]
    api.expect(422, "PUT", "/v2/apps", {"id": "/one"})
    api.expect(422, "PUT", "/v2/apps", [{"instances": 1}])


def test_patch(api):
    """PATCH changes the fields it has, and never creates."""
    before = api.start("/patched", env={"A": "b"})
    answer = api.change("PATCH", "/v2/apps/patched", {"labels": {"c": "d"}})
    app = api.app("/patched")
    assert (app["labels"], app["env"], app["version"]) == ({"c": "d"}, {"A": "b"}, answer["version"])
    assert api.task_ids("/patched").isdisjoint(task["id"] for task in before["tasks"]), "a label is configuration"
    api.expect(404, "PATCH", "/v2/apps/none", {"cmd": "sleep 3600"})


def test_update_of_the_command(cluster, api):
    """`args` take the place of `cmd` and the other way round; the tasks are those of the new definition."""
    api.start("/command", "sleep 3600")
    api.change("PUT", "/v2/apps/command", {"args": ["sh", "-c", "echo end > done.txt; sleep 3600"]})
    app = api.app("/command")
    assert "cmd" not in app and app["args"][0] == "sh"
    cluster.wait_for_file(app["tasks"][0]["id"], "done.txt")
    api.change("PUT", "/v2/apps/command", {"cmd": "sleep 3601"})
    app = api.app("/command")
    assert "args" not in app and app["cmd"] == "sleep 3601"


def test_versions(api):
    """Every version of an app is kept, newest first, and can be brought back."""
    first = api.start("/kept", labels={"v": "1"})
    api.change("PUT", "/v2/apps/kept", {"instances": 2})
    api.change("PUT", "/v2/apps/kept", {"labels": {"v": "3"}})
    versions = api.get("/v2/apps/kept/versions")["versions"]
    assert len(versions) == 3 and versions == sorted(versions, reverse=True)
    assert (versions[0], versions[-1]) == (api.app("/kept")["version"], first["version"])
    old = api.get(f"/v2/apps/kept/versions/{versions[1]}")
    assert (old["version"], old["instances"], old["labels"]) == (versions[1], 2, {"v": "1"})
    assert "app" not in old and "tasksRunning" not in old
    assert api.get("/v2/apps/kept/versions/2015-01-01T00:00:00.000Z", 404)["message"] == (
        "App '/kept' does not exist in version 2015-01-01T00:00:00.000Z")
    assert api.get("/v2/apps/kept/versions/yesterday", 422) == {
        "message": "Invalid timestamp provided 'yesterday'. Expecting ISO-8601 datetime string."}
    assert api.get("/v2/apps/none/versions", 404) == {"message": "App '/none' does not exist"}
    answer = api.change("PUT", "/v2/apps/kept", {"version": first["version"]})
    app = api.app("/kept")
    assert (app["labels"], app["instances"], app["tasksRunning"]) == ({"v": "1"}, 1, 1)
    assert app["version"] == answer["version"] == api.get("/v2/apps/kept/versions")["versions"][0]
    assert api.expect(404, "PUT", "/v2/apps/kept", {"version": "2015-01-01T00:00:00.000Z"}).json["message"].startswith(
        "App '/kept' does not exist")
    assert api.expect(422, "PUT", "/v2/apps/kept", {"version": "yesterday"}).status == 422


def test_version_in_another_zone(api):
    """A version may be written with any offset from UTC."""
    app = api.start("/zoned")
    version = app["version"].replace("Z", "%2B00:00")
    assert api.get(f"/v2/apps/zoned/versions/{version}")["version"] == app["version"]
    there = moment(app["version"]).astimezone(datetime.fromisoformat("2000-01-01T00:00:00+02:00").tzinfo)
    assert api.get(f"/v2/apps/zoned/versions/{there.isoformat(timespec='milliseconds').replace('+', '%2B')}")[
        "version"] == app["version"]


def test_restart(api):
    """A restart replaces every task, and changes nothing but the version."""
    before = api.start("/again", instances=2)
    answer = api.change("POST", "/v2/apps/again/restart")
    app = api.app("/again")
    assert app["tasksRunning"] == 2 and len(app["tasks"]) == 2
    assert {task["id"] for task in app["tasks"]}.isdisjoint(task["id"] for task in before["tasks"])
    assert app["version"] == answer["version"] != before["version"]
    assert app["versionInfo"] == {
        "lastConfigChangeAt": answer["version"], "lastScalingAt": before["versionInfo"]["lastScalingAt"]}
    changing = ("version", "versionInfo", "tasks")
    assert {k: v for k, v in app.items() if k not in changing} == {k: v for k, v in before.items() if k not in changing}
    assert api.expect(404, "POST", "/v2/apps/none/restart").json == {"message": "App '/none' does not exist"}


@pytest.mark.parametrize("instances, minimum, over, fewest, most", [
    (3, 1, 1, 3, 6), (4, 0.5, 0, 2, 4), (4, 1, 0, 4, 5), (1, 0, 0, 0, 1), (5, 0.75, 0.2, 4, 6),
])
def test_rolling_restart(api, instances, minimum, over, fewest, most):
    """During a restart never fewer tasks run than minimumHealthCapacity says, and never more than
    maximumOverCapacity allows."""
    strategy = {"minimumHealthCapacity": minimum, "maximumOverCapacity": over}
    before = {task["id"] for task in api.start("/rolling", instances=instances, upgradeStrategy=strategy)["tasks"]}
    api.expect(200, "POST", "/v2/apps/rolling/restart")
    samples = []

    def is_over():
        app = api.app("/rolling")
        samples.append((app["tasksRunning"], len(app["tasks"])))
        return not app["deployments"]

    wait_for(is_over, 30, "the restart is over", interval=0.002)
    assert min(running for running, _ in samples) >= fewest, samples
    assert max(tasks for _, tasks in samples) <= most, samples
    after = api.task_ids("/rolling")
    assert len(after) == instances and after.isdisjoint(before)


def test_rolling_restart_waits_for_new_tasks(api):
    """Old tasks live on while no new one comes up."""
    before = api.start("/stuck", instances=2)
    api.expect(200, "PUT", "/v2/apps/stuck", TOO_MUCH)
    api.start("/meanwhile")
    app = api.app("/stuck")
    assert app["tasks"] == before["tasks"] and app["tasksRunning"] == 2
    assert len(app["deployments"]) == 1
    api.change("PUT", "/v2/apps/stuck?force=true", {"cpus": 0.2})
    assert api.task_ids("/stuck").isdisjoint(task["id"] for task in before["tasks"])


# --- Deployments and locks

def test_deployments(api):
    """What a deployment shows: its steps, the one at work, the apps it changes."""
    deployment = api.create("/waiting", **TOO_MUCH)
    action = {"action": "ScaleApplication", "app": "/waiting"}
    assert api.get("/v2/deployments") == [{
        "id": deployment, "version": api.app("/waiting")["version"], "affectedApps": ["/waiting"], "affectedPods": [],
        "steps": [{"actions": [{"action": "StartApplication", "app": "/waiting"}]}, {"actions": [action]}],
        "currentActions": [action | {"readinessCheckResults": []}], "currentStep": 2, "totalSteps": 2}]
    api.start("/running")
    api.expect(200, "PUT", "/v2/apps/running", TOO_MUCH)
    plans = {plan["affectedApps"][0]: plan for plan in api.get("/v2/deployments")}
    assert plans["/running"]["steps"] == [{"actions": [{"action": "RestartApplication", "app": "/running"}]}]
    assert api.expect(404, "DELETE", "/v2/deployments/none").json == {"message": "DeploymentPlan none does not exist"}


def test_stop_deployment(api):
    """Deleting an app is a deployment too, which lasts until its tasks are gone."""
    api.start("/slow", "trap 'while ! test -e go; do sleep 0.05; done; exit' TERM; while :; do sleep 0.05; done",
              taskKillGracePeriodSeconds=2)
    answer = api.expect(200, "DELETE", "/v2/apps/slow").json
    [plan] = api.get("/v2/deployments")
    assert (plan["id"], plan["affectedApps"]) == (answer["deploymentId"], ["/slow"])
    assert plan["steps"] == [{"actions": [{"action": "StopApplication", "app": "/slow"}]}]
    api.get("/v2/apps/slow", 404)
    assert [task["appId"] for task in api.get("/v2/tasks")["tasks"]] == ["/slow"]
    api.wait_for_deployment(plan["id"])
    assert api.get("/v2/tasks")["tasks"] == []


def test_lock(api):
    """An app that is deployed takes no other change unless it is forced; other apps do."""
    deployment = api.create("/locked", **TOO_MUCH)
    changes = [("PUT", "/v2/apps/locked", {"instances": 2}), ("POST", "/v2/apps/locked/restart", None),
               ("PATCH", "/v2/apps/locked", {"instances": 2}), ("DELETE", "/v2/apps/locked?force=false", None),
               ("PUT", "/v2/apps", [{"id": "/locked", "instances": 2}])]
    for method, path, body in changes:
        assert api.expect(409, method, path, body).json == {
            "message": "App is locked by one or more deployments. Override with the option '?force=true'. View details "
                       "at '/v2/deployments/<DEPLOYMENT_ID>'.", "deployments": [{"id": deployment}]}
    assert api.app("/locked")["instances"] == 1
    api.start("/free")
    api.change("PUT", "/v2/apps/locked?force=true", {"cpus": 0.1})
    assert api.app("/locked")["tasksRunning"] == 1
    assert api.get("/v2/deployments") == []


def test_force_is_spelled_in_many_ways(api):
    """`True`, as Python writes it, is true, and `False` is false."""
    api.create("/locked", **TOO_MUCH)
    api.expect(409, "PUT", "/v2/apps/locked?force=False", {"instances": 2})
    api.expect(409, "DELETE", "/v2/apps/locked?force=False")
    api.expect(200, "PUT", "/v2/apps/locked?force=True", {"instances": 2})


def test_delete_is_forced(api):
    """A delete breaks the lock by default."""
    api.create("/locked", **TOO_MUCH)
    api.change("DELETE", "/v2/apps/locked")
    api.get("/v2/apps/locked", 404)
    assert api.expect(404, "DELETE", "/v2/apps/locked").json == {"message": "App '/locked' does not exist"}


def test_roll_back(api):
    """A deployment that is taken back leaves its apps as they were."""
    before = api.start("/changed", labels={"v": "1"})
    deployment = api.expect(200, "PUT", "/v2/apps/changed", {"labels": {"v": "2"}} | TOO_MUCH).json["deploymentId"]
    answer = api.change("DELETE", f"/v2/deployments/{deployment}")
    assert set(answer) == {"version", "deploymentId"}
    app = api.app("/changed")
    assert (app["labels"], app["cpus"], app["tasksRunning"]) == ({"v": "1"}, 0.1, 1)
    assert len(app["tasks"]) == len(before["tasks"])
    created = api.create("/created", **TOO_MUCH)
    api.change("DELETE", f"/v2/deployments/{created}")
    api.get("/v2/apps/created", 404)


def test_give_up_a_deployment(api):
    """Forced, a deployment is only stopped: the app stays as it is, and unlocked."""
    deployment = api.create("/given-up", **TOO_MUCH)
    answer = api.expect(202, "DELETE", f"/v2/deployments/{deployment}?force=true")
    assert answer.body == ""
    assert api.get("/v2/deployments") == []
    assert api.app("/given-up")["cpus"] == 1000
    api.change("PUT", "/v2/apps/given-up", {"cpus": 0.1})


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
