"""The Python client for Marathon from PyPI, unmodified, as scripts use it."""

import collections
import collections.abc
from datetime import datetime, timezone

import pytest
from marathon import MarathonClient, MarathonHttpError, NotFoundError
from marathon.exceptions import ConflictError
from marathon.models import MarathonApp
from marathon.models.app import MarathonUpgradeStrategy, PortDefinition
from marathon.models.container import MarathonContainer, MarathonContainerPortMapping, MarathonDockerContainer

from harness import HOST, wait_for


@pytest.fixture
def client(cluster, monkeypatch):
    """The client, with the name that it uses and that Python has no more since 3.10."""
    monkeypatch.setattr(collections, "Iterable", collections.abc.Iterable, raising=False)
    return MarathonClient(f"http://{HOST}:{cluster.marathon.port}")


def small(**fields):
    return MarathonApp(**({"cmd": "sleep 3600", "cpus": 0.1, "mem": 32} | fields))


def settle(client):
    """Waits until no deployment runs."""
    wait_for(lambda: not client.list_deployments(), 20, "the deployments end")


def create(client, name, **fields):
    created = client.create_app(name, small(**fields))
    settle(client)
    return created


def running(client, name):
    return {task.id for task in client.list_tasks(name) if task.state == "TASK_RUNNING"}


def test_what_marathon_says_of_itself(cluster, client):
    """ping, get_info, get_leader."""
    port = cluster.marathon.port
    assert client.ping() == b'"pong"', "the client accepts JSON only"
    assert client.get_leader() == {"leader": f"localhost:{port}"}
    info = client.get_info()
    assert (info.name, info.elected, info.leader) == ("marathon", True, f"localhost:{port}")
    assert info.framework_id and info.version
    assert info.marathon_config.hostname == "localhost"
    assert info.marathon_config.mesos_role == "*"
    assert info.http_config.http_port == port
    assert info.zookeeper_config.zk == f"zk://{HOST}:{cluster.coordinator.port}/marathon"


def test_create_and_get(client):
    """create_app returns the app that get_app gives, with all its fields."""
    created = create(
        client, "group/app", env={"A": "b"}, labels={"team": "core"}, instances=2, backoff_seconds=3,
        backoff_factor=1.5, max_launch_delay_seconds=60, kill_selection="OLDEST_FIRST",
        port_definitions=[PortDefinition(0, "tcp", "web")],
        upgrade_strategy=MarathonUpgradeStrategy(minimum_health_capacity=0.5, maximum_over_capacity=0.25))
    assert created.id == "/group/app" and len(created.deployments) == 1
    app = client.get_app("group/app")
    assert (app.id, app.cmd, app.env, app.labels) == ("/group/app", "sleep 3600", {"A": "b"}, {"team": "core"})
    assert (app.instances, app.tasks_running, app.tasks_staged, app.tasks_unhealthy) == (2, 2, 0, 0)
    assert (app.backoff_seconds, app.backoff_factor, app.max_launch_delay_seconds) == (3, 1.5, 60)
    assert app.kill_selection == "OLDEST_FIRST"
    assert app.upgrade_strategy == MarathonUpgradeStrategy(minimum_health_capacity=0.5, maximum_over_capacity=0.25)
    assert app.port_definitions[0].name == "web" and app.port_definitions[0].port >= 10000
    assert app.version == created.version
    assert abs((datetime.now(timezone.utc) - app.version_info.last_config_change_at).total_seconds()) < 60
    assert {task.id for task in app.tasks} == running(client, "group/app")


def test_create_a_docker_app(client):
    """The client's own classes for containers make an app that is taken."""
    mapping = MarathonContainerPortMapping(container_port=80, host_port=0, protocol="tcp")
    created = client.create_app("docker", small(cmd=None, container=MarathonContainer(
        docker=MarathonDockerContainer(image="busybox", network="BRIDGE", port_mappings=[mapping]))))
    assert created.networks == [{"mode": "container/bridge"}]
    container = client.get_app("docker").container
    assert container.docker.image == "busybox"
    assert container.port_mappings[0].container_port == 80


def test_list_apps(client):
    """list_apps, with the filters and embeddings of the client."""
    create(client, "shop/web", labels={"tier": "front"})
    create(client, "other", cmd="sleep 1234")
    assert [app.id for app in client.list_apps()] == ["/other", "/shop/web"]
    assert [app.id for app in client.list_apps(app_id="shop")] == ["/shop/web"]
    assert [app.id for app in client.list_apps(cmd="1234")] == ["/other"]
    assert [app.id for app in client.list_apps(label="tier==front")] == ["/shop/web"]
    assert [app.id for app in client.list_apps(instances=5)] == []
    embedded = client.list_apps(embed_tasks=True, embed_counts=True, embed_deployments=True, embed_failures=True,
                                embed_last_task_failure=True)
    assert [len(app.tasks) for app in embedded] == [1, 1]


def test_scale(client):
    """scale_app to a number and by a difference."""
    create(client, "scaled")
    answer = client.scale_app("scaled", instances=3)
    assert set(answer) == {"version", "deploymentId"}
    settle(client)
    assert len(running(client, "scaled")) == 3
    client.scale_app("scaled", delta=-2)
    settle(client)
    assert len(running(client, "scaled")) == 1 and client.get_app("scaled").instances == 1


def test_update(client):
    """update_app with a change alone, and with a whole app that was read before."""
    create(client, "updated", labels={"a": "b"})
    before = running(client, "updated")
    client.update_app("updated", MarathonApp(cmd="sleep 3601"))
    settle(client)
    app = client.get_app("updated")
    assert (app.cmd, app.labels) == ("sleep 3601", {"a": "b"})
    assert running(client, "updated").isdisjoint(before)
    app.labels["c"] = "d"
    app.instances = 2
    client.update_app("updated", app)
    settle(client)
    app = client.get_app("updated")
    assert (app.labels, app.instances, app.cmd, app.tasks_running) == ({"a": "b", "c": "d"}, 2, "sleep 3601", 2)


def test_unchanged_app_sent_back(client):
    """An app that is read and written back as it is restarts nothing."""
    create(client, "same", env={"A": "b"}, port_definitions=[PortDefinition(0, "tcp", "web")])
    before = client.get_app("same")
    client.update_app("same", client.get_app("same"))
    settle(client)
    assert client.get_app("same") == before


def test_update_several(client):
    """update_apps changes and creates in one deployment."""
    create(client, "one")
    client.update_apps([MarathonApp(id="/one", instances=2), small(id="/two")])
    settle(client)
    assert [(app.id, app.tasks_running) for app in client.list_apps()] == [("/one", 2), ("/two", 1)]


def test_versions(client):
    """list_versions, get_version, rollback_app."""
    create(client, "kept", labels={"v": "1"})
    client.update_app("kept", MarathonApp(labels={"v": "2"}))
    settle(client)
    newest, oldest = client.list_versions("kept")
    assert client.get_version("kept", oldest).labels == {"v": "1"}
    client.rollback_app("kept", oldest)
    settle(client)
    assert client.get_app("kept").labels == {"v": "1"}
    assert len(client.list_versions("kept")) == 3


def test_tasks(client):
    """list_tasks gives tasks with all that belongs to them."""
    create(client, "one", instances=2)
    create(client, "two")
    assert sorted(task.app_id for task in client.list_tasks()) == ["/one", "/one", "/two"]
    assert [task.app_id for task in client.list_tasks("two")] == ["/two"]
    for task in client.list_tasks(host="localhost"):
        assert (task.state, task.role, len(task.ports), len(task.service_ports)) == ("TASK_RUNNING", "*", 1, 1)
        assert task.staged_at <= task.started_at
        assert task.slave_id and task.version and task.ip_addresses[0].ip_address
    assert {endpoint.app_id for endpoint in client.list_endpoints()} == {"/one", "/two"}


def test_kill_task(client):
    """kill_task returns the task, which is replaced; with scale it is not."""
    create(client, "killed", instances=2)
    victim, other = [task.id for task in client.list_tasks("killed")]
    assert client.kill_task("killed", victim).id == victim
    wait_for(lambda: len(now := running(client, "killed")) == 2 and victim not in now, what="the task is replaced")
    answer = client.kill_task("killed", other, scale=True)
    assert set(answer) == {"version", "deploymentId"}
    settle(client)
    assert client.get_app("killed").instances == 1
    assert len(running(client, "killed")) == 1 and other not in running(client, "killed")


def test_kill_tasks(client):
    """kill_tasks and kill_given_tasks."""
    create(client, "killed", instances=2)
    before = running(client, "killed")
    assert {task.id for task in client.kill_tasks("killed", host="localhost")} == before
    wait_for(lambda: len(now := running(client, "killed")) == 2 and not now & before, what="all are replaced")
    victim = sorted(running(client, "killed"))[0]
    assert client.kill_given_tasks([victim], scale=True)
    settle(client)
    assert client.get_app("killed").instances == 1 and victim not in running(client, "killed")


def test_deployments(client):
    """list_deployments shows what goes on; delete_deployment takes it back."""
    create(client, "changed", labels={"v": "1"})
    client.update_app("changed", MarathonApp(cpus=1000.0, labels={"v": "2"}))
    [deployment] = client.list_deployments()
    assert deployment.affected_apps == ["/changed"]
    assert (deployment.current_step, deployment.total_steps) == (1, 1)
    [action] = deployment.current_actions
    assert (action.action, action.app) == ("RestartApplication", "/changed")
    assert deployment.steps[0].actions[0].action == "RestartApplication"
    assert client.get_app("changed").deployments[0].id == deployment.id
    assert set(client.delete_deployment(deployment.id)) == {"version", "deploymentId"}
    settle(client)
    assert client.get_app("changed").labels == {"v": "1"}


def test_force(client):
    """A locked app refuses changes; with force it takes them, and the deployment can be given up."""
    client.create_app("locked", small(cpus=1000.0))
    for change in (lambda: client.scale_app("locked", 2), lambda: client.restart_app("locked"),
                   lambda: client.delete_app("locked")):
        with pytest.raises(ConflictError, match="locked"):
            change()
    client.scale_app("locked", 2, force=True)
    [deployment] = client.list_deployments()
    assert client.delete_deployment(deployment.id, force=True) == {}
    assert client.list_deployments() == []
    client.restart_app("locked", force=True)
    client.delete_app("locked", force=True)
    settle(client)
    assert client.list_apps() == []


def test_restart(client):
    """restart_app replaces the tasks."""
    create(client, "again", instances=2)
    before = running(client, "again")
    assert set(client.restart_app("again")) == {"version", "deploymentId"}
    settle(client)
    assert len(running(client, "again")) == 2 and running(client, "again").isdisjoint(before)


def test_last_failure(client):
    """A failed task is shown with its app."""
    client.create_app("failing", small(cmd="exit 3", backoff_seconds=60))
    app = wait_for(lambda: (app := client.get_app("failing")).last_task_failure and app, what="the task has failed")
    assert app.last_task_failure.state == "TASK_FAILED"
    assert app.last_task_failure.host == "localhost"


def test_delete(client):
    """delete_app leaves nothing."""
    create(client, "gone")
    assert set(client.delete_app("gone")) == {"version", "deploymentId"}
    settle(client)
    assert client.list_apps() == [] and client.list_tasks() == []
    with pytest.raises(NotFoundError, match="App '/gone' does not exist"):
        client.get_app("gone")


def test_errors(client):
    """Errors come as the exceptions of the client, with the messages of the server."""
    with pytest.raises(MarathonHttpError) as error:
        client.create_app("bad", small(cpus=0.0))
    assert error.value.status_code == 422
    assert error.value.error_details == [{"path": "/cpus", "errors": ["error.min"]}]
    create(client, "twice")
    with pytest.raises(ConflictError, match="already exists"):
        client.create_app("twice", small())
    with pytest.raises(NotFoundError):
        client.restart_app("none")
    with pytest.raises(NotFoundError):
        client.list_tasks("none")
