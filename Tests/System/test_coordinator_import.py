"""How a coordinator takes the data of an Apache ZooKeeper over, and the commands for people."""

import json
import os
import subprocess

import pytest
from kazoo.security import make_digest_acl

from harness import Coordinator, ZooKeeper, programs_path
from wire import Wire


def tool(server, *arguments, check=True):
    """Runs a command of mesos-coordinator on the data of a server that is down."""
    result = subprocess.run(
        [programs_path(), "mesos-coordinator", arguments[0], f"--config={server.configuration}", *arguments[1:]],
        capture_output=True, text=True, timeout=60)
    assert not check or result.returncode == 0, result.stderr
    return result


def fill(client):
    """Nodes of every kind, changed and deleted in many ways."""
    client.create("/tree", b"root")
    for number in range(120):
        path = client.create("/tree/node-", str(number).encode(), sequence=True)
        if number % 3 == 0:
            client.set(path, b"changed" * number)
        if number % 5 == 0:
            client.delete(path)
    client.create("/tree/empty", b"")
    client.create("/tree/secret", b"x", acl=[make_digest_acl("user", "word", all=True)])
    client.set_acls("/tree/empty", [make_digest_acl("user", "word", read=True, admin=True)])
    client.create("/tree/\u00e9\u4e16", "\u00e9".encode())
    client.create("/tree/mine", b"session", ephemeral=True)
    with client.transaction() as transaction:
        transaction.create("/tree/multi")
        transaction.create("/tree/multi/child", b"1")
        transaction.set_data("/tree/multi", b"2")
        transaction.delete("/tree/multi/child")


def tree(client, path="/"):
    """Data, lists and Stats of everything."""
    client.add_auth("digest", "user:word")
    found = {}
    open_paths = [path]
    while open_paths:
        path = open_paths.pop()
        data, stat = client.get(path)
        found[path] = (data, stat, client.get_acls(path)[0])
        open_paths += [f"{path.rstrip('/')}/{child}" for child in client.get_children(path)]
    return found


@pytest.mark.parametrize("snap_count", [100_000, 40], ids=["log", "snapshots"])
def test_import(testbed, connect, snap_count):
    """Every node comes over with its data, its list and its whole Stat, and so do the sessions."""
    source = testbed.start(ZooKeeper, settings={"snapCount": snap_count, "maxSessionTimeout": 60_000})
    client = connect(source)
    with Wire(source.port, timeout=60_000) as session:
        fill(client)
        session.create("/held", flags=1)
        before = tree(client)
        identity = session.session, session.password
        source.kill9()
    target = testbed.new(Coordinator, settings={"maxSessionTimeout": 60_000})
    owner = 12345 if os.geteuid() == 0 else os.geteuid()
    os.chown(target.data, owner, -1)
    said = tool(target, "import", f"--from={source.data}").stdout
    assert f"imported {len(before)} nodes" in said
    # What root imports is the service's.
    assert {path.stat().st_uid for path in target.data.rglob("*")} == {owner}
    assert "whole: " in tool(target, "verify").stdout
    target.start_and_wait()
    assert tree(connect(target)) == before
    with Wire(target.port, session=identity[0], password=identity[1]) as again:
        assert again.session == identity[0]
        assert again.exists("/held")


def test_foreign_data_is_not_taken_for_none(testbed):
    """On the directory of a ZooKeeper a coordinator does not start empty, but says the command that imports."""
    source = testbed.start(ZooKeeper)
    source.kill9()
    target = testbed.new(Coordinator, settings={"dataDir": source.data})
    target.start()
    assert target.wait() == 1
    assert f"mesos-coordinator import --config=ZOO.CFG --from={source.data}" in target.text()


def test_export_and_dump(testbed, connect):
    """`export` writes a line of JSON for each node, `dump` one for people; both leave the data as it is."""
    server = testbed.start(Coordinator)
    client = connect(server)
    client.create("/a/b", b"data", makepath=True)
    client.create("/a/e", ephemeral=True)
    session = client.client_id[0]
    server.kill9()
    lines = [json.loads(line) for line in tool(server, "export").stdout.splitlines()]
    assert {line["path"] for line in lines} >= {"/", "/a", "/a/b", "/zookeeper/config"}
    assert next(line for line in lines if line["path"] == "/a/b")["data"] == "ZGF0YQ=="
    [mine] = [line for line in lines if line["kind"] == "ephemeral"]
    assert (mine["path"], mine["ephemeralOwner"]) == ("/a/e", session)
    assert "/a/b 4 B, version 0\n" in tool(server, "dump").stdout
    assert tool(server, "status", check=False).returncode == 1
    server.restart()
    assert connect(server).get("/a/b")[0] == b"data"
    assert "Mode: standalone" in tool(server, "status").stdout


def test_import_into_data_is_refused(testbed, connect):
    """What a coordinator has is never replaced."""
    source = testbed.start(ZooKeeper)
    source.kill9()
    target = testbed.start(Coordinator)
    connect(target).create("/kept")
    target.kill9()
    result = tool(target, "import", f"--from={source.data}", check=False)
    assert result.returncode == 1
    assert "has data already" in result.stderr
    result = tool(target, "import", "--from=/nonexistent", check=False)
    assert result.returncode == 1
