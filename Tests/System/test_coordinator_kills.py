"""A coordinator that is killed again and again while clients write and watch. `ROUNDS=n` kills it so often."""

import os
import random
import struct
import threading
import time

import pytest

import wire
from harness import Coordinator, wait_for
from wire import Closed, Event, Wire

ROUNDS = int(os.environ.get("ROUNDS", 100))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 30)))
SESSION_EXPIRED = -112


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
            raw.set("/counter", str(len(self.acknowledged)).encode())


class Watcher:
    """Watches the counter with one session; what happens while it is away it has to hear when it is back."""

    def __init__(self, port):
        self.port, self.zxid, self.session, self.password = port, 0, 0, bytes(16)

    def round(self, kill_and_restart):
        """Sets a watch, lets the server be killed, and hears of the counter's change afterwards."""
        with Wire(self.port, timeout=4000, session=self.session, password=self.password) as raw:
            self.session, self.password = raw.session, raw.password
            reply = raw.get("/counter", watch=True)
            self.zxid = reply.zxid
            kill_and_restart()
        with Wire(self.port, timeout=4000, session=self.session, password=self.password, zxid=self.zxid) as raw:
            assert raw.session == self.session, "the session did not survive"
            raw.send(wire.SET_WATCHES, struct.pack(">q", self.zxid) + wire.vector([wire.text("/counter")])
                     + wire.vector([]) + wire.vector([]), xid=-8)
            raw.socket.settimeout(15)
            while not isinstance(raw.receive(), Event):
                pass


@pytest.mark.timeout(300)
def test_kills(testbed):
    """No acknowledged write is lost, no number comes twice, no ephemeral node outlives its session or goes before it,
    no watch is lost."""
    print(f"SEED={SEED} ROUNDS={ROUNDS}")
    source = random.Random(SEED)
    server = testbed.start(Coordinator)
    with Wire(server.port) as raw:
        for path in ("/q", "/e", "/counter"):
            raw.create(path)
    clients = [Client(server.port, number) for number in range(4)]
    watcher = Watcher(server.port)

    def kill_and_restart():
        time.sleep(source.uniform(0, 0.1))  # The moment of the kill is what is varied.
        server.kill9()
        server.restart()

    for _ in range(ROUNDS):
        before = [len(client.acknowledged) for client in clients]
        wait_for(lambda: any(len(client.acknowledged) > count for client, count in zip(clients, before)), 20,
                 "clients are at work")
        watcher.round(kill_and_restart)
    for client in clients:
        client.must_end.set()
    for client in clients:
        client.join(10)
        assert client.problem is None, client.problem
    check(server, clients)


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
