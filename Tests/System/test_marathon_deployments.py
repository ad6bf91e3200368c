"""Changes of apps over Marathon's REST API: scaling, updates, versions, restarts, and the deployments they make."""

from datetime import datetime

import pytest

from harness import HOST, Coordinator, Marathon, wait_for
from marathon_cluster import TOO_MUCH, RestAPI, moment


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
    assert answer.headers["Location"] == f"http://{HOST}:{api.port}/made/by-put"
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


def test_kept_versions(testbed, connect):
    """As many versions are kept as `--zk_max_versions` says, in ZooKeeper too: the newest."""
    coordinator = testbed.start(Coordinator)
    marathon = testbed.start(Marathon, coordinator, flags=["--zk_max_versions", 3])
    own = RestAPI(marathon.port)
    wait_for(lambda: own.request("GET", "/v2/info").status == 200, what="Marathon leads")
    own.create("/kept", instances=0)
    for number in range(4):
        last = own.change("PUT", "/v2/apps/kept", {"labels": {"v": str(number)}})["version"]
    versions = own.get("/v2/apps/kept/versions")["versions"]
    assert len(versions) == 3 and versions[0] == last
    assert sorted(connect(coordinator).get_children("/marathon/store/apps/kept")) == sorted(versions)
    marathon.terminate()
    marathon.start_and_wait()
    wait_for(lambda: own.request("GET", "/v2/info").status == 200, 20, "Marathon leads again")
    assert own.get("/v2/apps/kept/versions")["versions"] == versions
    assert own.app("/kept")["labels"] == {"v": "3"}


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
