"""Many clients, or much that they keep: everybody is served in time, and the server stays small."""

import contextlib
import os
import re
import resource
import select
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

import wire
from harness import HOST, Coordinator, four_letter_word, wait_for
from wire import Event, Wire

# Clients that are at work meanwhile.


class Work(threading.Thread):
    """A client that does its turn again and again while a block lasts; what goes wrong is raised at its end."""

    def __init__(self, port, timeout=40_000):
        super().__init__(daemon=True)
        self.raw = Wire(port, timeout=timeout)
        self.must_end = threading.Event()
        self.turns = 0
        self.problem = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.must_end.set()
        self.join(20)
        assert not self.is_alive()
        self.raw.socket.close()
        if self.problem:
            raise self.problem
        assert self.turns > 0

    def run(self):
        try:
            while not self.must_end.is_set():
                self.turn()
                self.turns += 1
        except Exception as error:
            self.problem = error


class Bystander(Work):
    """Writes and reads, and has each answered within seconds."""

    deadline = 5

    def __init__(self, port):
        super().__init__(port)
        self.raw.create("/bystander")

    def turn(self):
        data, started = b"%d" % self.turns, time.monotonic()
        assert self.raw.set("/bystander", data).error == 0
        written = time.monotonic()
        assert wire.read_data(self.raw.get("/bystander").body) == data
        assert max(written - started, time.monotonic() - written) < self.deadline
        self.must_end.wait(0.01)


class Load(Work):
    """Has hundreds of writes and reads on their way all the time; their answers are counted only."""

    def __init__(self, port, path):
        super().__init__(port)
        self.raw.create(path)
        put = wire.request(1, wire.SET, wire.text(path) + wire.buffer(bytes(100)) + wire.number(-1))
        pair = put + wire.request(2, wire.GET, wire.text(path) + b"\0")
        self.batch = pair * 200
        self.raw.socket.sendall(pair)
        self.answers = 200 * sum(len(self.raw.read_frame()) + 4 for _ in range(2))
        self.raw.socket.sendall(self.batch)

    def turn(self):
        self.raw.socket.sendall(self.batch)
        left = self.answers
        while left:
            part = self.raw.socket.recv(min(left, 1 << 16))
            assert part, "the server has closed the connection"
            left -= len(part)


class Pinger(Work):
    """Does nothing but ping, several times in its session's time."""

    def __init__(self, port, timeout):
        super().__init__(port, timeout)
        assert self.raw.create(f"/alive{self.raw.session}", flags=wire.EPHEMERAL).error == 0

    def turn(self):
        assert self.raw.ping().error == 0
        self.must_end.wait(self.raw.timeout / 5000)


# Crowds.


def test_unread_answers_are_limited(testbed):
    """A client that asks for much and reads nothing costs little memory, and gets its answers when it reads."""
    server = testbed.start(Coordinator)
    with Wire(server.port) as greedy, Wire(server.port) as other:
        greedy.create("/large", bytes(1_000_000))
        greedy.socket.sendall(wire.request(7, wire.GET, wire.text("/large") + b"\0") * 300)
        # The server has read them all, or has stopped reading, when it has answered this often.
        assert all(other.ping().error == 0 for _ in range(2000))
        assert resident(server) < 150_000
        for _ in range(300):
            assert len(greedy.receive().body) > 1_000_000


def test_ten_thousand_connections(testbed):
    """Ten thousand clients that are silent, slow, or read nothing, are no harm to those that work, and cost little."""
    count = 10_000
    server = start_for(testbed, count)
    before = resident(server)
    with Bystander(server.port), Wire(server.port, timeout=40_000) as worker, contextlib.ExitStack() as crowd:
        worker.create("/large", bytes(100_000))
        requests = wire.request(7, wire.GET, wire.text("/large") + b"\0") * 20
        for number in range(count):
            raw = crowd.enter_context(contextlib.closing(socket.create_connection((HOST, server.port))))
            kind = number % 4
            if kind == 1:
                raw.sendall(wire.connect_request()[:number % 40])
            elif kind == 2:
                raw.sendall(wire.connect_request())
            elif kind == 3 and number % 100 == 3:  # Asks for 2 MB and reads nothing.
                raw.sendall(wire.connect_request() + requests)
        for number in range(200):
            assert worker.create(f"/work{number}").error == 0
            assert worker.exists(f"/work{number}")
        assert figure(server, "Connections") > count // 4
        assert resident(server) - before < 400 << 10
    with Wire(server.port) as worker:
        wait_for(lambda: figure(server, "Connections") <= 2, 30, "the connections have ended")
        assert worker.exists("/work0")


def test_ten_thousand_wait_for_the_disk(testbed):
    """Requests of ten thousand clients that come while the disk does not keep up with one are all answered after."""
    count, writes = 10_000, 5_000
    server = start_for(testbed, count, globalOutstandingLimit=1)
    with Wire(server.port, timeout=40_000) as writer, contextlib.ExitStack() as crowd:
        readers = [crowd.enter_context(contextlib.closing(socket.create_connection((HOST, server.port))))
                   for _ in range(count)]
        for reader in readers:
            reader.sendall(wire.connect_request(40_000))
        for reader in readers:
            receive(reader)
        # Not waited for: the server stops reading it when it has enough.
        writing = threading.Thread(
            target=writer.socket.sendall, args=(wire.request(1, wire.CREATE, wire.create("/w", flags=2)) * writes,))
        writing.start()
        for reader in readers:
            reader.sendall(wire.request(1, wire.EXISTS, wire.text("/") + b"\0"))
        for reader in readers:
            assert struct.unpack(">i", receive(reader)[12:16]) == (0,)
        assert all(writer.receive().error == 0 for _ in range(writes))
        writing.join()


LOOK = wire.request(1, wire.GET, wire.text("/news") + b"\1")


def hear(watcher, new):
    """Reads on to the new data, watching again: the event comes once, and before it, and not before older data."""
    events = []
    while True:
        answer = watcher.receive()
        if isinstance(answer, Event):
            events.append(answer)
        elif wire.read_data(answer.body) == new:
            break
        else:
            assert not events, "older data after the event"
            watcher.socket.sendall(LOOK)
    assert events == [Event(wire.CHANGED, "/news")]


def test_crowd_of_watchers(testbed):
    """Each of thousands who watch a node hears of every change once, before it can see it; others are served."""
    count = 5000
    server = start_for(testbed, count)
    with Bystander(server.port), Wire(server.port, timeout=40_000) as writer, contextlib.ExitStack() as crowd:
        writer.create("/news")
        watchers = [crowd.enter_context(Wire(server.port, timeout=None)) for _ in range(count)]
        for watcher in watchers:
            watcher.socket.sendall(wire.connect_request(40_000) + LOOK)
        for watcher in watchers:
            watcher.read_frame()
            assert watcher.receive().error == 0
        for number in range(5):
            new = b"%d" % number
            writer.send(wire.SET, wire.text("/news") + wire.buffer(new) + wire.number(-1))
            for watcher in watchers:
                watcher.socket.sendall(LOOK)
            for watcher in watchers:
                hear(watcher, new)
            assert writer.receive().error == 0
        for watcher in watchers:
            watcher.ping()
            assert not watcher.events


def test_turns_between_events(testbed):
    """Who asks while thousands of watchers are being told of a change has its answer before half of them."""
    count = 4000
    server = start_for(testbed, count)
    with Wire(server.port, timeout=40_000) as writer, contextlib.ExitStack() as crowd:
        writer.create("/news")
        watchers = [crowd.enter_context(Wire(server.port, timeout=40_000)) for _ in range(count)]
        told = select.poll()
        for watcher in watchers:
            told.register(watcher.socket, select.POLLIN)
        counts = []
        for _ in range(10):
            for watcher in watchers:
                watcher.socket.sendall(LOOK)
            for watcher in watchers:
                assert watcher.receive().error == 0
            # Its answer comes before the events, and so the ping comes while they are under way.
            writer.set("/news", b"new")
            writer.ping()
            counts.append(len(told.poll(0)))
            for watcher in watchers:
                assert watcher.receive() == Event(wire.CHANGED, "/news")
        assert min(counts) < count / 2, counts


def test_sessions_under_load(testbed):
    """While others keep the server busy a session that falls silent ends in its time, and one that pings lives on."""
    server = testbed.start(Coordinator)
    with contextlib.ExitStack() as clients:
        for number in range(3):
            clients.enter_context(Load(server.port, f"/load{number}"))
        for _ in range(3):
            clients.enter_context(Pinger(server.port, 2000))
        observer = clients.enter_context(Wire(server.port))
        quiet_since, times = {}, {}
        for number in range(3):
            raw, path = clients.enter_context(Wire(server.port, timeout=2000)), f"/silent{number}"
            quiet_since[path] = time.monotonic()
            raw.create(path, flags=wire.EPHEMERAL)
            assert observer.exists(path, watch=True)

        def have_ended():
            observer.ping()
            for _, path in observer.events:
                times.setdefault(path, time.monotonic() - quiet_since[path])
            return len(times) == len(quiet_since)

        wait_for(have_ended, 20, "the silent sessions end")
        assert 2 <= min(times.values()) and max(times.values()) < 5


def test_memory_of_nodes(testbed):
    """Two hundred thousand nodes of 100 bytes take what they are, and little more."""
    server = testbed.start(Coordinator)
    before = resident(server)
    with Wire(server.port) as raw:
        for parent in range(200):
            raw.send(wire.MULTI, b"".join(
                wire.multi_header(wire.CREATE) + wire.create(path, bytes(100))
                for path in [f"/{parent}", *(f"/{parent}/{number}" for number in range(999))]) + wire.MULTI_END)
        for _ in range(200):
            assert raw.receive().error == 0
        assert figure(server, "Node count") > 200_000
        assert resident(server) - before < 60 << 10


# What they take.


def start_for(testbed, count, **settings):
    """A server that so many clients may come to."""
    allow_files(count + 1000)
    server = testbed.new(Coordinator, settings={"maxClientCnxns": 0, "tickTime": 2000} | settings)
    return server.start_and_wait(preexec_fn=lambda: allow_files(count + 1000))


def receive(connection):
    """One frame of a socket, without its length."""
    content = b""
    length = 4
    while len(content) < length:
        part = connection.recv(length - len(content))
        assert part, "the server has closed the connection"
        content += part
        if length == 4 and len(content) == 4:
            length += struct.unpack(">i", content)[0]
    return content[4:]


def figure(server, name):
    """A number that `srvr` tells."""
    return int(re.search(rf"{name}: (\d+)", four_letter_word(server.port, "srvr"))[1])


def resident(server):
    """KiB."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())[1])


def allow_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        if os.geteuid() != 0:
            pytest.skip(f"needs {count} open files, allowed are {hard}")
        hard = count
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
