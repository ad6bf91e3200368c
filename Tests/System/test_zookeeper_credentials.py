"""Services that prove to a ZooKeeper who they are: `zk://user:password@…` (Mesos's and Marathon's flag `zk`)."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

from harness import HOST, Coordinator, Marathon, Master, ZooKeeper, http_get, wait_for
from marathon_cluster import ProcessAgent, RestAPI

PASSWORD = "s3cret-w0rd"


def start(testbed, kind, *positional, **options):
    """A program whose zk:// URLs have a user and a password."""
    program = testbed.new(kind, *positional, **options)
    program.arguments = [
        argument.replace(f"zk://{HOST}", f"zk://services:{PASSWORD}@{HOST}") if isinstance(argument, str) else argument
        for argument in program.arguments]
    return program.start_and_wait()


@pytest.fixture(params=[Coordinator, ZooKeeper], ids=["coordinator", "ZooKeeper"])
def coordinator(request, testbed):
    return testbed.start(request.param)


@pytest.fixture
def connect(coordinator):
    clients = []

    def connect(**options):
        clients.append(KazooClient(f"{HOST}:{coordinator.port}", **options))
        clients[-1].start()
        return clients[-1]

    yield connect
    for client in clients:
        client.stop()
        client.close()


def test_credentials(testbed, coordinator, connect):
    """An app runs; what the services write is theirs: of Mesos's everybody may read, of Marathon's nobody else. The
    password is in no page and in no log."""
    programs = [start(testbed, Master, coordinator)]
    programs.append(start(testbed, ProcessAgent, coordinator))
    programs.append(start(testbed, Marathon, coordinator))
    api = RestAPI(programs[-1].port)
    wait_for(lambda: api.request("GET", "/v2/leader").status == 200, 60, "Marathon leads")
    api.create("/app")
    wait_for(lambda: api.get("/v2/apps//app")["app"]["tasksRunning"] == 1, 60, "the app runs")
    stranger, owner = connect(), connect(auth_data=[("digest", f"services:{PASSWORD}")])
    name = next(name for name in stranger.get_children("/mesos") if name.startswith("json.info_"))
    assert stranger.get(f"/mesos/{name}")[0]
    with pytest.raises(NoAuthError):
        stranger.set("/mesos", b"")
    with pytest.raises(NoAuthError):
        stranger.get_children("/marathon")
    assert {entry.id.scheme for entry in owner.get_acls("/marathon")[0]} == {"digest"}
    for program, pages in zip(programs, [("/state", "/flags"), ("/state", "/flags"), ("/v2/info",)]):
        assert PASSWORD not in program.text()
        for page in pages:
            status, body = http_get(program.port, page)
            assert status == 200
            assert PASSWORD not in str(body), page
    api.delete_all()
