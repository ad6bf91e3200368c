"""Clients of other makers against our coordinator and against Apache ZooKeeper: zkCli.sh, the C library, cli_mt."""

import re
import subprocess
from pathlib import Path

import pytest

import c_client
from c_client import CClient, Failed
from harness import HOST, wait_for

ZKCLI = Path("/usr/share/zookeeper/bin/zkCli.sh")
CLI_MT = Path("/usr/lib/zookeeper/bin/cli_mt")
CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4
DIGEST = "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ="


@pytest.fixture(scope="module")
def server(kind, shared_testbed):
    """A server with every kind of node, for all tests of this file."""
    return shared_testbed.start(kind, settings={"tickTime": 2000, "extendedTypesEnabled": "true"})


# zkCli.sh, the shell of the Java client.


class Transcript:
    """What zkCli.sh printed: its answers line by line, and the events it was told of."""

    EVENT = re.compile(r"WatchedEvent state:\w+ type:(\w+) path:(\S+)")

    def __init__(self, text):
        self.text = text
        self.events = sorted(event for event in self.EVENT.findall(text) if event[0] != "None")
        # Events come from a thread of their own, between any two lines.
        self.lines = [line for line in text.splitlines() if not re.match("$|WATCHER|WatchedEvent", line)]

    def expect(self, *patterns):
        """Each pattern matches a whole line, in this order, with any lines between."""
        rest = iter(self.lines)
        for pattern in patterns:
            assert any(re.fullmatch(pattern, line) for line in rest), f"no line like {pattern!r} in\n{self.text}"


def zkcli(server, *commands):
    """Types commands into one zkCli.sh, which ends after the last."""
    if not ZKCLI.exists():
        pytest.skip("zkCli.sh is not installed: apt-get install zookeeper")
    typed = "".join(f"{command}\n" for command in [*commands, "quit"])
    done = subprocess.run(
        [ZKCLI, "-server", f"{HOST}:{server.port}"], input=typed, text=True, timeout=50, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert "Loss" not in done.stdout, done.stdout
    return Transcript(done.stdout)


def test_zkcli_nodes(server):
    """Nodes are created, listed, read, written and deleted; watches on the way fire once each."""
    shell = zkcli(
        server, "create /cli one", "create -s -e /cli-q two", "ls -w /cli", "get -w /cli", "set /cli two",
        "get -s /cli", "set -v 7 /cli three", "create /cli/a", "create /cli/a/b text", "stat /cli", "ls -R /cli",
        "getEphemerals /cli", "getAllChildrenNumber /cli", "sync /cli", "delete /cli", "deleteall /cli", "get /cli")
    shell.expect(
        "Created /cli", r"Created /cli-q\d{10}", r"\[\]", "one", "two", "dataVersion = 1", "dataLength = 3",
        "version No is not valid : /cli", "Created /cli/a", "Created /cli/a/b", "cversion = 1", "numChildren = 1",
        "/cli", "/cli/a", "/cli/a/b", r"\[/cli-q\d{10}\]", "2", "Sync is OK", "Node not empty: /cli",
        "Node does not exist: /cli")
    assert shell.events == [("NodeChildrenChanged", "/cli"), ("NodeDataChanged", "/cli")]


def test_zkcli_kinds_of_nodes(server):
    """Containers and nodes with a time to live are made as well; the latter are no ephemeral ones."""
    shell = zkcli(
        server, "create -c /cli-box text", "stat /cli-box", "create -t 600000 /cli-ttl text", "stat /cli-ttl",
        "create -s -t 600000 /cli-ttl-", "deleteall /cli-box", "deleteall /cli-ttl")
    shell.expect(
        "Created /cli-box", "ephemeralOwner = 0x0", "dataLength = 4", "Created /cli-ttl", "ephemeralOwner = 0x0",
        "dataLength = 4", r"Created /cli-ttl-\d{10}")


def test_zkcli_permissions(server):
    """A node of an identity is its own, until its list says otherwise."""
    zkcli(
        server, "addauth digest u:p", "whoami", "create /cli-secret hidden auth::cdrwa", "getAcl /cli-secret",
    ).expect(*["ip: 127.0.0.1|digest: u"] * 2, "Created /cli-secret", f"'digest,'{re.escape(DIGEST)}", ": cdrwa")
    zkcli(
        server, "get /cli-secret", "set /cli-secret x", "setAcl /cli-secret world:anyone:cdrwa",
    ).expect(*["Insufficient permission : /cli-secret"] * 3)
    zkcli(
        server, "addauth digest u:p", "get /cli-secret", "setAcl -s /cli-secret world:anyone:r", "set /cli-secret x",
        "getAcl /cli-secret", "delete /cli-secret",
    ).expect("hidden", "aclVersion = 1", "Insufficient permission : /cli-secret", "'world,'anyone", ": r")
    zkcli(server, "create /cli-bad text digest:nocolon:r", "create /cli-bad text world:anyone:").expect(
        "KeeperErrorCode = InvalidACL.*")


def test_zkcli_quota(server):
    """A quota counts the nodes and bytes below a path."""
    shell = zkcli(
        server, "create /cli-quota 12345", "setquota -n 5 /cli-quota", "create /cli-quota/a 678",
        "listquota /cli-quota", "delete /cli-quota/a", "set /cli-quota 1", "listquota /cli-quota",
        "delquota -n /cli-quota", "listquota /cli-quota", "deleteall /cli-quota")
    shell.expect(
        "Output quota for /cli-quota count=5,.*", "Output stat for /cli-quota count=2,bytes=8",
        "Output quota for /cli-quota count=5,.*", "Output stat for /cli-quota count=1,bytes=1",
        "Output quota for /cli-quota count=-1,.*")


def test_zkcli_watches(server):
    """Persistent watches last until they are removed; a recursive one tells of everything below."""
    shell = zkcli(
        server, "create /cli-w", "addWatch -m PERSISTENT /cli-w", "set /cli-w 1", "set /cli-w 2", "create /cli-w/a",
        "delete /cli-w/a", "removewatches /cli-w", "set /cli-w 3", "create /cli-r",
        # zkCli.sh keeps a mode it was told until it is told another one.
        "addWatch -m PERSISTENT_RECURSIVE /cli-r", "create /cli-r/b", "create /cli-r/b/c", "set /cli-r/b/c 1",
        "deleteall /cli-r", "deleteall /cli-w")
    assert shell.events == sorted([
        *[("NodeDataChanged", "/cli-w")] * 2, *[("NodeChildrenChanged", "/cli-w")] * 2,
        ("PersistentWatchRemoved", "/cli-w"), ("NodeCreated", "/cli-r/b"), ("NodeCreated", "/cli-r/b/c"),
        ("NodeDataChanged", "/cli-r/b/c"), ("NodeDeleted", "/cli-r/b/c"), ("NodeDeleted", "/cli-r/b"),
        ("NodeDeleted", "/cli-r")])


# The C client.


@pytest.fixture
def client(server):
    """A session of the C library, whose nodes go when the test is over."""
    try:
        client = CClient(server.port)
    except OSError:
        pytest.skip(f"{c_client.LIBRARY} is not installed: apt-get install libzookeeper-mt2")
    client.create("/c")
    yield client
    client.authenticate("digest", b"u:p")
    remove(client, "/c")
    client.close()


def remove(client, path):
    for name in client.children(path)[0]:
        remove(client, f"{path}/{name}")
    client.delete(path)


def test_c_client_nodes(client):
    """Data and versions come and go as they are; errors are told by their codes."""
    assert client.create("/c/a", b"one") == "/c/a"
    assert client.create("/c/null", None) == "/c/null"
    assert client.create("/c/q-", mode=2) == "/c/q-0000000002"
    assert client.get("/c/a")[0] == b"one" and client.get("/c/null")[0] is None
    assert client.set("/c/a", b"two", 0).version == 1
    assert client.children("/c")[0] == ["a", "null", "q-0000000002"]
    stat = client.exists("/c")
    assert (stat.numChildren, stat.cversion, stat.ephemeralOwner) == (3, 3, 0) and stat.pzxid > stat.czxid
    for call, code in [
            (lambda: client.create("/c/a"), -110), (lambda: client.create("/c/none/a"), -101),
            (lambda: client.set("/c/a", b"", 0), -103), (lambda: client.delete("/c"), -111),
            (lambda: client.get("/c/none"), -101)]:
        with pytest.raises(Failed) as failed:
            call()
        assert failed.value.args == (code,)


def test_c_client_kinds_of_nodes(client):
    """The library makes containers, and nodes with a time to live, which it has a call of its own for."""
    assert client.create("/c/box", mode=4) == "/c/box"
    assert client.create("/c/ttl", mode=5, ttl=600_000) == "/c/ttl"
    assert client.create("/c/ttl-", mode=6, ttl=600_000) == "/c/ttl-0000000002"
    assert client.exists("/c/ttl").ephemeralOwner == 0
    client.create("/c/e", mode=1)
    assert client.exists("/c/e").ephemeralOwner != 0


def test_c_client_watches(client):
    """Watches fire once; one that is removed does not."""
    client.create("/c/a")
    client.get("/c/a", watch=True)
    client.children("/c", watch=True)
    client.set("/c/a", b"1")
    client.set("/c/a", b"2")
    client.delete("/c/a")
    assert [client.events.get(timeout=10) for _ in range(2)] == [(CHANGED, "/c/a"), (CHILD, "/c")]
    with pytest.raises(Failed):
        client.exists("/c/a", watch=True)
    client.children("/c", watch=True)
    client.remove_watches("/c", 1)
    client.create("/c/a")
    assert client.events.get(timeout=10) == (CREATED, "/c/a") and client.events.empty()


def test_c_client_permissions(client):
    """An identity is added to the session, and lists name it."""
    client.authenticate("digest", b"u:p")
    client.create("/c/mine", b"1", acl=c_client.entries((31, "auth", "")))
    assert client.acl("/c/mine")[0] == [(31, "digest", DIGEST)]
    client.set_acl("/c/mine", c_client.entries((1, "world", "anyone"), (31, "digest", DIGEST)))
    acl, stat = client.acl("/c/mine")
    assert acl == [(1, "world", "anyone"), (31, "digest", DIGEST)] and stat.aversion == 1
    with pytest.raises(Failed) as failed:
        client.create("/c/bad", acl=c_client.entries((31, "none", "x")))
    assert failed.value.args == (-114,)


def test_c_client_transaction(client):
    """All or nothing, with a code for each step."""
    good = client.transaction(
        ("create", "/c/a", b"1"), ("set", "/c/a", b"2", 0), ("check", "/c/a", 1), ("create", "/c/b", b""),
        ("delete", "/c/b", 0))
    assert good == [0] * 5 and client.get("/c/a")[0] == b"2"
    bad = client.transaction(("set", "/c/a", b"3", -1), ("check", "/c/a", 7), ("delete", "/c/a", -1))
    assert bad == [0, -103, -2] and client.get("/c/a")[0] == b"2"


def cli_mt(server, *commands):
    """Types commands into the C client's shell, each when the one before it was answered."""
    if not CLI_MT.exists():
        pytest.skip("cli_mt is not installed: apt-get install zookeeper-bin")
    answer = ""
    for command in commands:
        done = subprocess.run(
            [CLI_MT, "--host", f"{HOST}:{server.port}", "--cmd", command], text=True, timeout=20,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        answer += done.stdout
    return answer


def test_cli_mt(server):
    """The shell of the C client, one session a command."""
    answer = cli_mt(
        server, "create /shell", "create +c /shell/box", "create +s /shell/q-", "create +t=600000 /shell/ttl",
        "set /shell text", "get /shell", "ls /shell", "delete /shell/box", "delete /shell/q-0000000001",
        "delete /shell/ttl", "delete /shell", "get /shell")
    codes = [int(code) for code in re.findall(r"rc = (-?\d+)", answer)]
    assert codes == [0] * 11 + [-101], answer
    assert "value_len = 4\ntext" in answer and "name = /shell/q-0000000001" in answer
