"""What a coordinator keeps through kills, restarts, full and damaged disks."""

import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

import pytest

import wire
from harness import Coordinator, wait_for
from wire import Closed, Event, Wire

NOT_READ_ONLY = -119


class Writer(threading.Thread):
    """Creates numbered nodes, several at a time, until the server is gone; keeps what was acknowledged."""

    window = 8

    def __init__(self, port, prefix):
        super().__init__(daemon=True)
        self.raw = Wire(port)
        self.prefix = prefix
        self.acknowledged = 0
        self.sent = 0
        self.problem = None
        self.start()

    def run(self):
        try:
            while True:
                while self.sent < self.acknowledged + self.window:
                    path = f"/{self.prefix}{self.sent:06}"
                    self.sent += 1
                    self.raw.send(wire.CREATE, wire.create(path, path.encode()))
                if (reply := self.raw.receive()).error != 0:
                    self.problem = reply
                    return
                self.acknowledged += 1
        except (Closed, OSError):
            pass
        finally:
            self.raw.socket.close()

    def check(self, children):
        """What is there is all that was acknowledged, and a first part of what was sent."""
        self.join(10)
        assert not self.is_alive() and self.problem is None
        names = sorted(name for name in children if name.startswith(self.prefix))
        assert names == [f"{self.prefix}{number:06}" for number in range(len(names))]
        assert self.acknowledged <= len(names) <= self.sent


def test_kill_loses_nothing_acknowledged(testbed, kind, connect):
    """After each of several kills under load every acknowledged write is there, and no write without those before."""
    server = testbed.start(kind)
    writers = []
    for round_number in range(3):
        new = [Writer(server.port, f"{round_number}-{writer}-") for writer in range(4)]
        enough = 30 + 60 * round_number
        wait_for(lambda: min(writer.acknowledged for writer in new) >= enough, 20, "the writers are at work")
        assert server.kill9() == -signal.SIGKILL
        writers += new
        server.restart()
        client = connect(server)
        children = client.get_children("/")
        for writer in writers:
            writer.check(children)
    for name in children:
        if name != "zookeeper":
            assert client.get(f"/{name}")[0] == f"/{name}".encode()


def test_state_is_the_same_after_restarts(testbed, kind):
    """Data, the whole Stat of every node, sequence counters and null data survive kills; zxids go on from there."""
    server = testbed.start(kind)
    paths = ["/", "/a", "/a/b", "/null", "/empty", "/a/q-0000000003"]
    with Wire(server.port) as raw:
        raw.create("/a", b"0")
        raw.create("/a/b", b"1" * 5000)
        raw.create("/a/c")
        raw.create("/null", None)
        raw.create("/empty", b"")
        raw.set("/a", b"2")
        raw.delete("/a/c")
        raw.create("/a/gone", flags=wire.EPHEMERAL)
        raw.call(wire.MULTI, b"".join([
            wire.multi_header(wire.CREATE), wire.create("/a/q-", flags=wire.SEQUENTIAL), wire.multi_header(wire.SET),
            wire.text("/a/b"), wire.buffer(b"3"), wire.number(0), wire.MULTI_END]))
        raw.call(wire.CLOSE)
    states = []
    for _ in range(3):
        with Wire(server.port) as raw:
            states.append({path: raw.get(path).body for path in paths})
            newest = raw.ping().zxid
            assert raw.exists("/a/q-0000000003") and not raw.exists("/a/gone") and not raw.exists("/a/c")
        server.restart()
    assert states[0] == states[1] == states[2]
    with Wire(server.port) as raw:
        reply = raw.create("/a/q-", flags=wire.SEQUENTIAL)
        assert wire.read_text(reply.body)[0] == "/a/q-0000000004"
        assert reply.zxid > newest


def test_sessions_survive_a_restart(testbed, kind):
    """A session and its ephemeral nodes go on after a kill; a session that nobody takes up again ends in its time."""
    server = testbed.start(kind)
    with Wire(server.port) as first, Wire(server.port, timeout=1000) as dead:
        first.create("/first", flags=wire.EPHEMERAL)
        dead.create("/dead", flags=wire.EPHEMERAL)
        server.kill9()
    down = time.monotonic()
    server.restart()
    with Wire(server.port, session=first.session, password=first.password) as again:
        assert again.session == first.session
        if again.exists("/dead", watch=True):
            wait_for(lambda: again.ping() and again.events, what="the dead session ends")
        assert time.monotonic() - down >= 1.0
        assert again.events == [Event(wire.DELETED, "/dead")]
        assert again.exists("/first")
        assert again.create("/second", flags=wire.EPHEMERAL).error == 0
        assert again.call(wire.CLOSE).error == 0
    with Wire(server.port) as observer:
        assert not observer.exists("/first") and not observer.exists("/second")


def test_kazoo_client_lives_through_a_kill(testbed, connect):
    """A kazoo client comes back with its session, its ephemeral nodes and its DataWatch."""
    # Not tried with Apache ZooKeeper: a client that comes while that starts may be left without an answer.
    server = testbed.start(Coordinator, settings={"maxSessionTimeout": 15_000})
    # A busy machine may take longer for a restart than the usual session lasts.
    client, states = connect(server, timeout=15), []
    client.add_listener(states.append)
    session = client.client_id
    client.create("/a", b"1", ephemeral=True)
    values = []
    client.DataWatch("/a", lambda data, stat: values.append(data))
    server.restart()
    wait_for(lambda: states == ["SUSPENDED", "CONNECTED"], timeout=30, what="the client is connected again")
    assert client.client_id == session
    assert client.exists("/a").ephemeralOwner == session[0]
    client.set("/a", b"2")
    wait_for(lambda: values[-1] == b"2", what="the watch tells of the write")


def test_sigterm_stops_with_status_0(testbed, connect):
    """SIGTERM ends the program soon and cleanly though clients are connected; what they wrote is kept."""
    server = testbed.start(Coordinator)
    client = connect(server)
    client.create("/a", b"1")
    client.create("/e", ephemeral=True)
    assert server.terminate(timeout=5) == 0
    server.restart()
    wait_for(lambda: client.connected, timeout=30, what="the client is connected again")
    assert client.get("/a")[0] == b"1"
    assert client.exists("/e")


def test_sigterm_as_soon_as_the_port_answers(testbed):
    """From the moment that clients can connect SIGTERM is a request to stop, and no sudden end."""
    for _ in range(5):
        server = testbed.new(Coordinator).start()
        wait_for(lambda: accepts(server.port), what="the port answers", interval=0)
        assert server.terminate() == 0


def accepts(port):
    try:
        Wire(port, timeout=None).socket.close()
        return True
    except ConnectionRefusedError:
        return False


@pytest.mark.parametrize("is_same_port", [True, False], ids=["same-port", "other-port"])
def test_second_start_harms_nothing(testbed, is_same_port):
    """A second start with the data of a running server is refused, and what that acknowledges afterwards is kept."""
    server = testbed.start(Coordinator)
    second = testbed.new(Coordinator, port=server.port if is_same_port else None, settings={"dataDir": server.data})
    with Wire(server.port) as raw:
        raw.create("/before")
        second.start()
        wait_for(lambda: not second.is_running or "serving" in second.text(), what="the second one has decided")
        assert raw.create("/after").error == 0
        second.end()
    server.restart()
    with Wire(server.port) as raw:
        assert raw.exists("/before")
        assert raw.exists("/after")
    assert second.wait() == 1


def test_full_disk(testbed):
    """Without room for its log a server goes on reading and refuses to write; nothing acknowledged is lost, and it
    writes again when there is room."""
    def limit():
        # The hard limit stays, so that the test can give room again.
        resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, resource.RLIM_INFINITY))

    server = testbed.new(Coordinator)
    server.start_and_wait(preexec_fn=limit, restore_signals=False)  # Python ignores SIGXFSZ, so that writes fail.
    acknowledged = 0
    with Wire(server.port) as raw:
        while (answer := raw.create(f"/{acknowledged}", bytes(200_000))).error == 0:
            acknowledged += 1
        assert answer.error == NOT_READ_ONLY
        assert acknowledged > 5
        assert len(wire.read_data(raw.get("/0").body)) == 200_000
        assert raw.create("/small").error == NOT_READ_ONLY
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_for(lambda: raw.create("/small").error == 0, 30, "there is room again")
    assert "File too large" in server.text()
    server.kill9()
    server.restart()
    with Wire(server.port) as raw:
        assert raw.exists("/small")
        for number in range(acknowledged):
            assert len(wire.read_data(raw.get(f"/{number}").body)) == 200_000


def test_full_file_system(testbed):
    """The same on a file system of its own that has no room left, and then has some again."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    server = testbed.new(Coordinator, settings={"preAllocSize": 4096})
    filler = server.data / "filler"
    mount = f"mount -t tmpfs -o size=40m tmpfs {server.data} && head -c 8M /dev/zero > {filler}"
    server.arguments = ["unshare", "--mount", "sh", "-c", f"{mount} && exec \"$@\"", "sh", *server.arguments]
    server.start_and_wait()
    acknowledged = 0
    with Wire(server.port) as raw:
        while (answer := raw.create(f"/{acknowledged}", bytes(200_000))).error == 0:
            acknowledged += 1
        assert answer.error == NOT_READ_ONLY
        assert acknowledged > 5
        assert len(wire.read_data(raw.get("/0").body)) == 200_000
        subprocess.run(["nsenter", "-t", str(server.process.pid), "-m", "rm", str(filler)], check=True, timeout=10)
        wait_for(lambda: raw.create("/small").error == 0, 30, "there is room again")
        for number in range(acknowledged):
            assert len(wire.read_data(raw.get(f"/{number}").body)) == 200_000
    assert "there is no room for the" in server.text()
    assert "the disk has room again" in server.text()


#: A sync that fails from the moment on that a file is there.
FAILING_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#define TEXT(name) #name
#define NAME(name) TEXT(name)
int CALL(int file) {
    if (access(getenv("SYNC_FAILS"), F_OK) == 0) return errno = EIO, -1;
    return ((int (*)(int)) dlsym(RTLD_NEXT, NAME(CALL)))(file);
}
"""


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_disk_that_does_not_sync(testbed, tmp_path, call):
    """After a sync that failed, of the log or of its directory, nothing is acknowledged: the program ends and names the
    file. What was acknowledged before is there when it starts again."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    library, trigger = tmp_path / "failing.so", tmp_path / "sync-fails"
    subprocess.run(["cc", "-shared", "-fPIC", f"-DCALL={call}", "-o", library, "-xc", "-"], input=FAILING_SYNC.encode(),
                   check=True, timeout=60)
    server = testbed.new(Coordinator)
    usual = server.environment
    server.environment = usual | {"LD_PRELOAD": str(library), "SYNC_FAILS": str(trigger)}
    server.start_and_wait()
    acknowledged = 0
    with Wire(server.port) as raw, Wire(server.port) as other:
        assert raw.create("/before").error == 0
        trigger.touch()
        with pytest.raises((Closed, OSError)):
            for number in range(100):  # A directory is synced when a segment of the log is full.
                assert raw.create(f"/{number}", bytes(200_000)).error == 0
                acknowledged += 1
        with pytest.raises((Closed, OSError)):
            other.create("/after")
    assert server.wait() > 0
    assert re.search(rf"{call} {server.data}/coordinator\b.*: Input/output error", server.tail(1))
    assert call == "fsync" or acknowledged == 0
    server.environment = usual
    server.start_and_wait()
    with Wire(server.port) as raw:
        assert raw.exists("/before")
        for number in range(acknowledged):
            assert len(wire.read_data(raw.get(f"/{number}").body)) == 200_000


def test_large_record(testbed):
    """A write of the largest size that the configuration allows is still there after a restart."""
    size = 17 << 20
    server = testbed.start(Coordinator, settings={"jute.maxbuffer": 32 << 20})
    with Wire(server.port) as raw:
        if raw.create("/large", bytes(size)).error == 0:
            server.restart()
            with Wire(server.port) as again:
                assert len(wire.read_data(again.get("/large").body)) == size


def log_files(server):
    return sorted(server.data.glob("coordinator/log.*"))


@pytest.mark.parametrize("cut", [lambda content: content[:-3], lambda content: content[:-3] + bytes(4096)],
                         ids=["short", "zeros"])
def test_torn_last_record(testbed, cut):
    """A record that a power cut tore is left out; everything before it is kept, and writing goes on."""
    server = testbed.start(Coordinator)
    with Wire(server.port) as raw:
        for number in range(10):
            raw.create(f"/{number}", b"content")
        raw.set("/9", b"torn write")
    server.kill9()
    newest = log_files(server)[-1]
    newest.write_bytes(cut(newest.read_bytes().rstrip(b"\0")))
    for new in ("/a", "/b", None):
        server.restart()
        with Wire(server.port) as raw:
            assert [wire.read_data(raw.get(f"/{number}").body) for number in range(10)] == [b"content"] * 10
            if new:
                assert raw.create(new).error == 0
            else:
                assert raw.exists("/a") and raw.exists("/b")


def test_damage_in_the_middle_of_the_log(testbed):
    """A changed byte before other records is no torn end: the start is refused, with the name of the file."""
    server = testbed.start(Coordinator)
    with Wire(server.port) as raw:
        for number in range(10):
            raw.create(f"/{number}", b"content %d" % number)
    server.kill9()
    newest = log_files(server)[-1]
    newest.write_bytes(newest.read_bytes().replace(b"content 4", b"content x"))
    before = newest.read_bytes()
    assert server.start().wait() == 1
    assert str(newest) in server.tail(1)
    assert newest.read_bytes() == before


def test_snapshot(testbed):
    """When the log has grown a snapshot takes its place; kills around it lose nothing."""
    server = testbed.start(Coordinator)
    chunk = bytes(900_000)
    with Wire(server.port) as raw:
        raw.create("/e", flags=wire.EPHEMERAL)
        for number in range(4):
            raw.create(f"/{number}")
        for version in range(20):
            for number in range(4):
                raw.set(f"/{number}", b"%04d" % version + chunk)
        wait_for(lambda: raw.ping() and list(server.data.glob("coordinator/snapshot.*")), 20, "a snapshot is there")
        for number in range(4):
            raw.set(f"/{number}", b"last")
        server.restart()
        with Wire(server.port, session=raw.session, password=raw.password) as again:
            assert again.session == raw.session
            assert [wire.read_data(again.get(f"/{number}").body) for number in range(4)] == [b"last"] * 4
            assert again.exists("/e")
            assert again.call(wire.CLOSE).error == 0
    server.restart()
    with Wire(server.port) as raw:
        assert not raw.exists("/e")
        assert wire.read_data(raw.get("/3").body) == b"last"
