"""A coordinator that is killed again and again while clients write and watch. `ROUNDS=n` kills it so often."""

import os
import random
import threading
import time

import pytest

import wire
from harness import Coordinator, wait_for
from wire import Closed, Event, Wire

ROUNDS = int(os.environ.get("ROUNDS", 100))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 30)))
#: So small that kills come while snapshots are written and new segments of the log begin.
SETTINGS = {"snapSizeLimitInKb": 64, "preAllocSize": 64, "jute.maxbuffer": 262_144}
FILLING = bytes(200_000)


class Client(threading.Thread):
    """Makes sequential and ephemeral nodes and counts a counter up, over all kills, with one session as long as the
    server keeps it."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number = port, number
        self.must_end = threading.Event()
        self.acknowledged = []
        self.ephemerals = {}
        self.zxid, self.session, self.password = 0, 0, bytes(16)
        self.problem = None
        self.start()

    def run(self):
        while not self.must_end.is_set():
            try:
                with Wire(self.port, timeout=4000, session=self.session, password=self.password, zxid=self.zxid) as raw:
                    self.session, self.password = raw.session, raw.password or bytes(16)
                    self.work(raw)
            except (Closed, OSError):
                self.must_end.wait(0.02)

    def work(self, raw):
        while not self.must_end.is_set() and self.session:
            for path, flags in (("/q/n-", wire.SEQUENTIAL), (f"/e/{self.number}-", wire.SEQUENTIAL | wire.EPHEMERAL)):
                if (reply := raw.create(path, str(self.number).encode(), flags)).error:
                    self.problem = reply
                    return self.must_end.set()
                self.zxid = max(self.zxid, reply.zxid)
                path = wire.read_text(reply.body)[0]
                self.acknowledged.append(path)
                if flags & wire.EPHEMERAL:
                    self.ephemerals.setdefault(self.session, set()).add(path.removeprefix("/e/"))
            raw.set("/counter", str(len(self.acknowledged)).encode() + FILLING)


class Watcher:
    """Watches with one session; what happens while it is away it has to hear when it is back."""

    def __init__(self, port):
        self.port, self.zxid, self.session, self.password = port, 0, 0, bytes(16)

    def round(self, new, kill_and_restart):
        """Watches the counter, which all set, and what nobody but this client changes, once and right before the kill;
        hears of each change when the server is back."""
        with Wire(self.port, timeout=4000, session=self.session, password=self.password) as raw:
            self.session, self.password = raw.session, raw.password
            self.watch(raw, new)
            kill_and_restart(lambda: self.change(new))
        with Wire(self.port, timeout=4000, session=self.session, password=self.password, zxid=self.zxid) as raw:
            assert raw.session == self.session, "the session did not survive"
            raw.socket.settimeout(15)
            watches = wire.set_watches(self.zxid, ["/counter", "/once"], [new], ["/once"])
            assert raw.call(wire.SET_WATCHES, watches, xid=-8).error == 0
            assert sorted(event for event in raw.events if event.path != "/counter") == sorted([
                Event(wire.CHANGED, "/once"), Event(wire.CREATED, new), Event(wire.CHILD, "/once")])
            while Event(wire.CHANGED, "/counter") not in raw.events:
                raw.events.append(raw.receive())

    def watch(self, raw, new):
        assert not raw.exists(new, watch=True)
        raw.call(wire.CHILDREN, wire.text("/once") + b"\1")
        raw.get("/counter", watch=True)
        self.zxid = raw.get("/once", watch=True).zxid

    def change(self, new):
        with Wire(self.port) as raw:
            assert raw.set("/once", new.encode()).error == 0
            assert raw.create(new).error == 0


@pytest.mark.timeout(300)
def test_kills(testbed):
    """No acknowledged write is lost, no number comes twice, no ephemeral node outlives its session or goes before it,
    no watch is lost."""
    print(f"SEED={SEED} ROUNDS={ROUNDS}")
    source = random.Random(SEED)
    server = testbed.start(Coordinator, settings=SETTINGS)
    with Wire(server.port) as raw:
        for path in ("/q", "/e", "/counter", "/once"):
            raw.create(path)
    files = set()
    clients = [Client(server.port, number) for number in range(4)]
    watcher = Watcher(server.port)

    def kill_and_restart(change):
        time.sleep(source.uniform(0, 0.1))  # The moment of the kill is what is varied.
        change()
        server.kill9()
        files.update(path.name for path in server.data.glob("coordinator/*"))
        server.restart()

    for number in range(ROUNDS):
        before = [len(client.acknowledged) for client in clients]
        wait_for(lambda: any(len(client.acknowledged) > count for client, count in zip(clients, before)), 20,
                 "clients are at work")
        watcher.round(f"/once/{number}", kill_and_restart)
    for client in clients:
        client.must_end.set()
    for client in clients:
        client.join(10)
        assert client.problem is None, client.problem
    check(server, clients)
    wait_for(lambda: not list(server.data.glob("coordinator/*.new")), 10, "no unfinished snapshot is there")
    unfinished = [name for name in files if name.endswith(".new")]
    segments = [name for name in files if name.startswith("log.")]  # Each start begins one.
    assert ROUNDS < 100 or len(unfinished) > 3 and len(segments) > ROUNDS + 10, "kills met what is large"


def check(server, clients):
    survivors = 0
    for client in clients:
        with Wire(server.port, timeout=4000, session=client.session, password=client.password, zxid=client.zxid) as raw:
            if raw.session:  # It lives, now at least: so does each of its nodes.
                survivors += 1
                assert client.ephemerals.get(raw.session, set()) <= children(raw, "/e")
    assert survivors
    numbered = [path for client in clients for path in client.acknowledged if path.startswith("/q/")]
    assert len(numbered) == len(set(numbered)) > ROUNDS
    with Wire(server.port) as raw:
        assert {path.removeprefix("/q/") for path in numbered} <= children(raw, "/q")
        wait_for(lambda: not children(raw, "/e"), 30, "the nodes of sessions that ended are gone")


def children(raw, path):
    """Their names; asking keeps the session alive."""
    body = raw.call(wire.CHILDREN, wire.text(path) + b"\0").body
    count, offset, names = int.from_bytes(body[:4], "big"), 4, set()
    for _ in range(count):
        name, offset = wire.read_text(body, offset)
        names.add(name)
    return names
