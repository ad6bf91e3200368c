"""The REST API of Marathon, with an agent that runs tasks as plain processes: answers in general, creating, lists."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from golden.cluster import page
from harness import HOST, Coordinator, Marathon, wait_for
from marathon_cluster import TOO_MUCH, UUID, RestAPI, moment


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
    assert api.expect(302, "GET", "/").headers["Location"] == f"http://{HOST}:{api.port}/ui/"
    assert api.expect(302, "GET", "/ui").headers["Location"] == "/ui/"


@pytest.mark.parametrize("host, shown", [
    ("marathon.example:8080", "marathon.example:8080"), ("marathon.example:80", "marathon.example"),
    ("[::1]:8080", "[::1]:8080"), ("", None), ("a b/<c>", None)])
def test_location_by_host(api, host, shown):
    """A new app is at a whole URL: the server as the client named it, or as it names itself, and the app's id."""
    body = {"id": "/new/app", "cmd": "sleep 3600", "instances": 0}
    answer = api.expect(201, "POST", "/v2/apps", body, headers={"Host": host})
    assert answer.headers["Location"] == f"http://{shown or f'localhost:{api.port}'}/new/app"


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


#: Every field of the three parts of GET /v2/info with its type; None where it is not set by default.
INFO = {
    "marathon_config": {
        "access_control_allow_origin": None, "checkpoint": bool, "decline_offer_duration": int,
        "default_network_name": None, "env_vars_prefix": None, "executor": str, "failover_timeout": int,
        "features": list, "framework_name": str, "ha": bool, "hostname": str, "launch_token": int,
        "launch_token_refresh_interval": int, "leader_proxy_connection_timeout_ms": int,
        "leader_proxy_read_timeout_ms": int, "local_port_max": int, "local_port_min": int, "master": str,
        "max_instances_per_offer": int, "mesos_bridge_name": str, "mesos_heartbeat_failure_threshold": int,
        "mesos_heartbeat_interval": int, "mesos_leader_ui_url": str, "mesos_role": str, "mesos_user": str,
        "new_group_enforce_role": str, "min_revive_offers_interval": int, "offer_matching_timeout": int,
        "on_elected_prepare_timeout": int, "reconciliation_initial_delay": int, "reconciliation_interval": int,
        "scale_apps_initial_delay": int, "scale_apps_interval": int, "store_cache": bool,
        "task_launch_confirm_timeout": int, "task_launch_timeout": int, "task_lost_expunge_initial_delay": int,
        "task_lost_expunge_interval": int, "task_reservation_timeout": int, "webui_url": None,
        "maintenance_mode": bool,
    },
    "zookeeper_config": {
        "zk": str, "zk_compression": bool, "zk_compression_threshold": int, "zk_connection_timeout": int,
        "zk_max_node_size": int, "zk_max_versions": int, "zk_session_timeout": int, "zk_timeout": int,
    },
    "http_config": {"http_port": int, "https_port": int},
}


def test_info(cluster, api):
    """What this Marathon is, and how it is set up; unset values are null."""
    info = api.get("/v2/info")
    assert set(info) == {"name", "version", "buildref", "elected", "leader", "frameworkId", *INFO}
    assert info["name"] == "marathon"
    assert info["version"].startswith("1.11.")
    assert info["elected"] is True
    assert info["leader"] == f"localhost:{api.port}"
    frameworks = page(cluster.master.port, "/frameworks")["frameworks"]
    assert [(item["id"], item["name"]) for item in frameworks] == [(info["frameworkId"], "marathon")]
    for part, fields in INFO.items():
        assert {name: type(value) for name, value in info[part].items()} == {
            name: kind or type(None) for name, kind in fields.items()}
    address = f"zk://{HOST}:{cluster.coordinator.port}"
    expected = {
        "failover_timeout": 604800, "features": [], "hostname": "localhost", "master": f"{address}/mesos",
        "min_revive_offers_interval": 100, "mesos_leader_ui_url": f"http://localhost:{cluster.master.port}/",
        "launch_token": 100, "leader_proxy_connection_timeout_ms": 5000, "mesos_bridge_name": "mesos-bridge",
        "mesos_heartbeat_interval": 15000, "new_group_enforce_role": "off", "maintenance_mode": True,
    }
    assert {name: info["marathon_config"][name] for name in expected} == expected
    assert info["zookeeper_config"] == {
        "zk": f"{address}/marathon", "zk_compression": True, "zk_compression_threshold": 65536,
        "zk_connection_timeout": 10000, "zk_max_node_size": 1024000, "zk_max_versions": 50,
        "zk_session_timeout": 10000, "zk_timeout": 10000}
    assert info["http_config"] == {"http_port": api.port, "https_port": 8443}


def test_info_of_flags(testbed):
    """What was given is shown, lists as lists, and passwords of ZooKeeper not at all."""
    marathon = testbed.start(Marathon, testbed.start(Coordinator), flags=[
        "--access_control_allow_origin", "http://a, http://b", "--default_network_name", "net", "--launch_tokens", 7,
        "--disable_maintenance_mode", "--webui_url", "http://ui", "--mesos_leader_ui_url", "http://mesos:5050",
        "--zk_timeout", 1234, "--mesos_user", "nobody", "--enable_features", "secrets"])
    own = RestAPI(marathon.port)
    wait_for(lambda: own.request("GET", "/v2/info").status == 200, what="Marathon leads")
    info = own.get("/v2/info")
    expected = {
        "access_control_allow_origin": ["http://a", "http://b"], "default_network_name": "net", "launch_token": 7,
        "maintenance_mode": False, "webui_url": "http://ui", "mesos_leader_ui_url": "http://mesos:5050",
        "mesos_user": "nobody", "features": ["secrets"]}
    assert {name: info["marathon_config"][name] for name in expected} == expected
    assert info["zookeeper_config"]["zk_timeout"] == 1234


# --- Creating and showing

def test_create(api):
    """The answer to a new app is its definition with counts and its deployment, but no version info yet."""
    answer = api.expect(201, "POST", "/v2/apps", {"id": "/new/app", "cmd": "sleep 3600", "cpus": 0.1, "mem": 32})
    app = answer.json
    assert answer.headers["Location"] == f"http://{HOST}:{api.port}/new/app"
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
