"""Two servers that are played the same steps, where they first differ, and the fewest steps that lead there."""

import base64
import hashlib
import shutil
import struct
import time
from collections import namedtuple

import wire
from differential.generator import CLIENTS, SUPER
from differential.player import Player
from differential.records import OPERATIONS, Reader, View
from harness import Coordinator, ZooKeeper
from wire import Closed, Wire

Difference = namedtuple("Difference", "step expected actual")

#: Settings that both need: kinds of nodes that are off otherwise, nobody's nodes taken away, and a super user. Ours
#: looks each half tick whether a snapshot is due: the tick is short, and the sessions are long all the same.
SETTINGS = {
    "tickTime": 200, "minSessionTimeout": 4000, "maxSessionTimeout": 40_000, "maxClientCnxns": 0,
    "extendedTypesEnabled": "true", "znode.container.checkIntervalMs": 3_600_000,
    "DigestAuthenticationProvider.superDigest":
        "super:" + base64.b64encode(hashlib.sha1(SUPER.encode()).digest()).decode()}
#: What makes each take snapshots within a run: Apache ZooKeeper one about every 60 changes, ours nearly at every look.
SNAPSHOTS = {Coordinator: {"snapSizeLimitInKb": 1}, ZooKeeper: {"snapCount": 60}}

RESERVED = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"]
#: What is left of the stat of a reserved node when the nodes of a run are gone.
COUNTED = ("version", "cversion", "aversion", "numChildren")


class Cleaner(Wire):
    """Removes what a run has left, with the rights to do so."""

    def __init__(self, port):
        super().__init__(port, 40_000)
        self._do("auth", "digest", SUPER.encode(), xid=-4)

    def _do(self, kind, *arguments, xid=None):
        operation = OPERATIONS[kind]
        return self.call(operation.code, operation.encode(*arguments), xid)

    def children(self, path):
        reply = self._do("getChildren", path, False)
        return [] if reply.error else Reader(reply.body, View()).texts()

    def remove_below(self, path):
        for name in self.children(path):
            child = f"{path.rstrip('/')}/{name}"
            if child not in RESERVED:
                self._do("setACL", child, [(31, "world", "anyone")], -1)
            self.remove_below(child)
            if child not in RESERVED:
                self._do("delete", child, -1)

    def reset(self):
        """Removes all nodes; returns what tells whether two servers are alike again."""
        for path in RESERVED[:3]:
            self._do("setACL", path, [(31, "world", "anyone")], -1)
        self.remove_below("/")
        state = []
        for path in RESERVED:
            reply = self._do("getData", path, False)
            reader = Reader(reply.body, View())
            data, stat = (reader.buffer(), reader.stat()) if reply.error == 0 else (None, {})
            state.append((path, data, *(stat.get(name) for name in COUNTED)))
        self.call(wire.CLOSE)
        return state


class Pair:
    """The server that decides what is right, and the one that is tested."""

    def __init__(self, testbed, expected, actual, settings=None):
        self._servers = [testbed.new(kind, settings=SETTINGS | SNAPSHOTS[kind] | (settings or {}))
                         for kind in (expected, actual)]
        #: Those that restarts met.
        self.snapshots = set()

    def _start(self):
        """Starts both from nothing."""
        for server in self._servers:
            server.end()
            shutil.rmtree(server.data)
            server.data.mkdir()
            server.start_and_wait()

    def _be_alike(self):
        """Empties both; starts new ones if they cannot be brought to be alike."""
        try:
            if all(server.is_running for server in self._servers) and self._reset(0) == self._reset(1):
                return
        except (Closed, OSError, AssertionError):
            pass
        self._start()

    def _reset(self, index):
        with Cleaner(self._servers[index].port) as cleaner:
            return cleaner.reset()

    def play(self, steps):
        """Plays the steps on both; returns the first Difference, or None."""
        self._be_alike()
        players = [Player(server.port, CLIENTS) for server in self._servers]
        try:
            for step in steps:
                if step.kind in ("restart", "crash"):  # A crash is that of the tested one alone.
                    self._restart(players, self._servers if step.kind == "restart" else self._servers[1:])
                    continue
                expected, actual = players[0].play(step), self._see(players[1], step)
                if expected != actual:
                    return Difference(step, expected, actual)
            return None
        finally:
            for player in players:
                self._end(player)
            assert self._servers[0].is_running, "what was asked has ended the server that decides what is right"

    def _restart(self, players, servers):
        """Ends servers as a power cut would; what was answered is there again, and the sessions go on."""
        for player in players:
            player.drop()
        for server in servers:
            server.kill9()
            self.snapshots.update(server.data.glob("*/snapshot.*"))
            server.start_and_wait()

    @staticmethod
    def _see(player, step):
        """A reply that cannot be read, or none, is something seen as well."""
        try:
            return player.play(step)
        except (OSError, Closed, AssertionError, LookupError, ValueError, struct.error) as error:
            return [f"{type(error).__name__}: {error}"]

    @staticmethod
    def _end(player):
        try:
            player.end()
        except (OSError, Closed, AssertionError):
            pass

    def shrink(self, steps, difference, seconds=60):
        """Leaves out steps as long as the last one still differs; returns what is left."""
        deadline = time.monotonic() + seconds
        steps = steps[:steps.index(difference.step) + 1]
        size = len(steps) // 2
        while size:
            start = 0
            while start + size < len(steps) and time.monotonic() < deadline:
                fewer = steps[:start] + steps[start + size:]
                again = self.play(fewer)
                if again is not None and again.step == difference.step:
                    steps, difference = fewer, again
                else:
                    start += size
            size //= 2
        return steps, difference
