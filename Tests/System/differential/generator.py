"""Steps of a run, made from a seed alone.

What they would do is not worked out: names, versions and identities are so few that many steps meet. Steps refer to
each other by name only, so that any of them can be left out and the rest still makes sense.
"""

import base64
import hashlib
import random

from differential.player import Step

CLIENTS = 4
SUPER = "super:secret"


def digest(credentials):
    """The id of a digest identity: the user, and a hash of user and password."""
    return credentials.split(":")[0] + ":" + base64.b64encode(hashlib.sha1(credentials.encode()).digest()).decode()


NAMES = ["a", "a", "a", "b", "b", "c", "ä", "q-0000000000", "q-0000000001", "0000000001"]
DEPTH = 3
STRANGE_PATHS = [
    "/", "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/none", "", "a", "a/b", "/a/", "//",
    "//a", "/a//b", "/a/./b", "/a/..", "/.", "/a\0", "/\x01", "/a/\ufff0", "/a\ud7ff", "/\u0301", "/a b"]
#: Only read: Apache ZooKeeper 3.8 ends for good when it finds something else in them than a quota.
QUOTAS = ["/zookeeper/quota/a/zookeeper_stats"] * 3 + ["/zookeeper/quota/a", "/zookeeper/quota/a/zookeeper_limits"]
LIMITS = ["count=3,bytes=-1", "count=-1,bytes=5", "count=2,bytes=9=;byteHardLimit=-1;countHardLimit=-1"]
IDS = [
    (31, "world", "anyone"), (31, "world", "anyone"), (31, "auth", ""), (31, "digest", digest("u:p")),
    (31, "digest", digest("v:q")), (31, "ip", "127.0.0.1"), (31, "ip", "127.0.0.0/8"), (31, "ip", "10.1.2.3")]
STRANGE_IDS = [
    (31, "world", "someone"), (31, "world", ""), (31, "digest", "nocolon"), (31, "digest", ""),
    (31, "digest", "a:b:c"), (31, "ip", "nowhere"), (31, "ip", "10.0.0.0/99"), (31, "none", "x"), (31, "", ""),
    (31, "auth", "ignored"), (0, "world", "anyone"), (63, "world", "anyone"), (-1, "world", "anyone")]
CREDENTIALS = ["u:p", "u:p", "v:q", "u:wrong", "w:" + "x" * 40, "ä:ö"]
STRANGE_AUTHENTICATIONS = [
    ("digest", b"nocolon"), ("digest", b""), ("digest", b":"), ("digest", b"super:wrong"), ("none", b"u:p"),
    ("world", b"anyone"), ("auth", b""), ("ip", b"127.0.0.1"), ("", b""), ("digest", None)]
ANY, DATA, CHILDREN = 3, 2, 1
PERSISTENT, RECURSIVE = 0, 1
CREATE_FLAGS = [0, 0, 0, 0, 1, 1, 1, 2, 3]
STRANGE_FLAGS = [4, 5, 6, 7, -1, 100]

#: How often a kind comes.
WEIGHTS = {
    "create": 14, "create2": 6, "createContainer": 3, "createTTL": 3, "delete": 10, "setData": 10, "exists": 8,
    "getData": 8, "getChildren": 6, "getChildren2": 5, "getACL": 4, "setACL": 5, "getAllChildrenNumber": 2,
    "getEphemerals": 2, "sync": 1, "multi": 8, "multiRead": 3, "addWatch": 5, "removeWatches": 3, "checkWatches": 3,
    "auth": 4, "whoAmI": 2, "ping": 2, "pipeline": 5, "settle": 4, "close": 3, "disconnect": 4, "resume": 2,
    "set_watches_since": 5, "greet": 1, "resume_from_the_future": 0.5, "resume_with_wrong_password": 0.5,
    "unknown": 0.3, "reconfig": 0.3, "quota": 1.5, "restart": 0.2, "crash": 0.8}

#: What a pipeline may hold: no request that may end its connection with answers under way.
PIPELINED = [
    "create", "create2", "createContainer", "createTTL", "delete", "setData", "exists", "getData", "getChildren",
    "getChildren2", "getACL", "setACL", "getAllChildrenNumber", "getEphemerals", "sync", "multi", "multiRead",
    "addWatch", "ping", "whoAmI"]
IN_MULTI = ["create", "create", "create2", "createContainer", "createTTL", "delete", "delete", "setData", "check"]


class Generator:
    """Makes the steps of one seed, without the kinds that are told to be left out."""

    def __init__(self, seed, without=()):
        self._seed = seed
        self._random = random.Random(seed)
        self._weights = {kind: weight for kind, weight in WEIGHTS.items() if kind not in without}
        self._names = []
        self._created = ["/a", "/a/a", "/b"]
        self._watches = [["/"] for _ in range(CLIENTS)]
        self._client = 0

    def steps(self, count):
        """Some nodes to begin with, then anything; at the end what every client has still to be told."""
        first = [Step(path, 0, "create", (path, b"", [(31, "world", "anyone")], 0)) for path in self._created]
        return first + [self._step(name) for name in range(count)] + [Step("end", 0, "settle", ())]

    def _step(self, name):
        kind, = self._random.choices(list(self._weights), self._weights.values())
        self._client = self._random.randrange(CLIENTS)
        arguments = getattr(self, f"_{kind}")()
        self._names.append(name)
        return Step(name, self._client, kind, arguments)

    # Values.

    def _chance(self, probability):
        return self._random.random() < probability

    def _path(self):
        if self._chance(0.07):
            return self._random.choice(STRANGE_PATHS)
        if self._chance(0.7):
            return self._random.choice(self._created[-12:])
        parent = self._random.choice(["", *self._created[-12:]])
        path = parent + "/" + self._random.choice(NAMES)
        return path if path.count("/") <= DEPTH else parent

    def _own_path(self):
        """A path that no other client watches."""
        return f"/own-{self._client}" + self._random.choice(["", "/a"])

    def _watched_path(self):
        if self._chance(0.03):
            return self._random.choice(QUOTAS)
        path = self._own_path() if self._chance(0.2) else self._path() or "/"
        self._watches[self._client] = [*self._watches[self._client][-7:], path]
        return path

    def _new_path(self, flags):
        """A path to create; the names behind which a number is put are few too."""
        path = self._path()
        if flags in (2, 3, 6):
            return path.rpartition("/")[0] + self._random.choice(["/q-", "/q-", "/"])
        if path in STRANGE_PATHS:
            return path
        if self._chance(0.1):
            return self._own_path()
        self._created.append(path)
        return path

    def _data(self):
        return self._random.choice([b"", None, b"1", b"22", b"\xff\0", b"long" * 9])

    def _version(self):
        return self._random.choice([-1, -1, -1, -1, -1, -1, 0, 0, 0, 1, 2, 3, -2, 2**31 - 1])

    def _acl(self):
        if self._chance(0.75):
            return [(31, "world", "anyone")]
        if self._chance(0.1):
            # kazoo writes the empty id of "auth" as a null text. Elsewhere Apache ZooKeeper trips over null texts, and
            # tells of a marshalling error where ours tells of an invalid list.
            return self._random.choice([[], None, [(31, "auth", None)], [(31, "auth", None)]])
        entries = []
        for _ in range(self._random.choice([1, 1, 2, 3])):
            permissions, scheme, name = self._random.choice(STRANGE_IDS if self._chance(0.15) else IDS)
            masked = permissions if self._chance(0.5) else permissions & self._random.randrange(32)
            entries.append((masked, scheme, name))
        return entries

    def _flags(self, usual):
        return self._random.choice(STRANGE_FLAGS if self._chance(0.05) else usual)

    def _is_persistent(self, path):
        """Whether this client watches a path persistently. A path never gets both kinds of one client: there Apache
        ZooKeeper 3.8 forgets the persistent watch, and ours keeps both."""
        return random.Random(f"{self._seed} {self._client} {path}").random() < 0.35

    def _watched(self):
        path = self._watched_path()
        return path, self._chance(0.7) and not self._is_persistent(path)

    def _paths(self, is_persistent):
        """Paths to be watched again."""
        paths = [self._watched_path() for _ in range(self._random.randrange(3))]
        return [path for path in paths if self._is_persistent(path) == is_persistent]

    # Requests.

    def _create(self):
        flags = self._flags(CREATE_FLAGS)
        return self._new_path(flags), self._data(), self._acl(), flags

    _create2 = _create

    def _createContainer(self):
        return self._path(), self._data(), self._acl(), self._flags([4])

    def _createTTL(self):
        flags = self._flags([5, 5, 6])
        # None ends while the run lasts. -1 with flags of another kind would end Apache ZooKeeper 3.8 for good.
        wrong = [0, -1, 1 << 40, 1 << 62] if flags in (5, 6) else [0, 1 << 40]
        ttl = self._random.choice([10**6, 10**7, 0xffffffffff] if self._chance(0.85) else wrong)
        return self._new_path(flags), self._data(), self._acl(), flags, ttl

    def _delete(self):
        return self._path(), self._version()

    _check = _delete

    def _setData(self):
        return self._path(), self._data(), self._version()

    def _setACL(self):
        return self._path(), self._acl(), self._version()

    _exists = _getData = _getChildren = _getChildren2 = _watched

    def _getACL(self):
        return self._path(),

    _getAllChildrenNumber = _sync = _getACL

    def _getEphemerals(self):
        return self._random.choice(["", "/", "/a", "/b/", self._random.choice(self._created)]),

    def _ping(self):
        return ()

    _whoAmI = _unknown = _settle = _close = _disconnect = _restart = _crash = _ping
    _resume_from_the_future = _resume_with_wrong_password = _ping

    def _multi(self):
        if not self._chance(0.5):
            kinds = self._random.choices(self._known(IN_MULTI), k=self._random.choice([0, 1, 1, 2, 2, 3, 5]))
            return [(kind, getattr(self, f"_{kind}")()) for kind in kinds],
        # One that is likely to succeed: the operations build on each other.
        path = f"{self._path()}/{self._random.choice(NAMES)}"
        child = self._random.choice(["/q-", "/a", "/b"])
        everybody, version = [(31, "world", "anyone")], self._random.choice([-1, -1, 0, 1])
        chain = [
            ("create", (path, b"", everybody, self._random.choice([0, 0, 1]))), ("check", (path, version)),
            ("setData", (path, b"1", version)), ("create2", (path + child, None, everybody, 2)),
            ("create", (path + child, b"2", everybody, 0)), ("setData", (path + child, b"3", 0)),
            ("delete", (path + child, -1)), ("delete", (path, -1))]
        return [step for step in chain if self._chance(0.4)],

    def _multiRead(self):
        kinds = self._random.choices(["getData", "getChildren"], k=self._random.choice([0, 1, 2, 3, 5]))
        return [(kind, (self._path(), False)) for kind in kinds],

    def _known(self, kinds):
        return [kind for kind in kinds if kind in self._weights or kind == "check"]

    def _pipeline(self):
        kinds = self._random.choices(self._known(PIPELINED), k=self._random.randrange(2, 8))
        return [(kind, getattr(self, f"_{kind}")()) for kind in kinds],

    def _auth(self):
        if self._chance(0.2):
            return self._random.choice(STRANGE_AUTHENTICATIONS)
        return "digest", (SUPER if self._chance(0.1) else self._random.choice(CREDENTIALS)).encode()

    def _reconfig(self):
        return "server.100=127.0.0.1:1:2:observer;127.0.0.1:3", "", "", -1

    def _quota(self):
        """A quota as the Java client sets one: three nodes, which count what is below a path from then on."""
        top = "/zookeeper/quota/" + self._random.choice("aab")
        if self._chance(0.4):
            names = ["/zookeeper_limits", "/zookeeper_stats", ""]
            return [("delete", (top + name, -1)) for name in names],
        everybody = [(31, "world", "anyone")]
        return [("create", (top, b"", everybody, 0)),
                ("create", (top + "/zookeeper_limits", self._random.choice(LIMITS).encode(), everybody, 0)),
                ("create", (top + "/zookeeper_stats", b"count=0,bytes=0", everybody, 0))],

    # Watches.

    def _addWatch(self):
        path = self._watched_path()
        while not self._is_persistent(path):
            path = self._watched_path()
        return path, self._random.choice([PERSISTENT, RECURSIVE] if self._chance(0.97) else [2, -1])

    def _removeWatches(self):
        path = self._random.choice(self._watches[self._client])
        return path, ANY if self._is_persistent(path) else self._kind_of_watch()

    def _checkWatches(self):
        """Apache ZooKeeper 3.8 answers for the watches of all clients: only paths of one client are asked for."""
        own = [path for path in self._watches[self._client] if path.startswith("/own")]
        return self._random.choice(own or [self._own_path()]), self._kind_of_watch()

    def _kind_of_watch(self):
        return self._random.choice([ANY, DATA, CHILDREN] if self._chance(0.95) else [0, 6, -1])

    def _set_watches_since(self):
        """Any zxid that was seen, or none."""
        name = self._random.choice([*self._names[-30:], None])
        lists = [self._paths(False) for _ in range(3)]
        if self._chance(0.5):
            return "setWatches", name, lists
        return "setWatches2", name, [*lists, self._paths(True), self._paths(True)]

    # Connections.

    def _resume(self):
        return self._random.choice([40_000, 40_000, 30_000, 1 << 30]),

    def _greet(self):
        timeout = self._random.choice([0, 1, -1, 3999, 4000, 4001, 10_000, 40_000, 40_001, 2**31 - 1, -2**31])
        return timeout, self._random.choice([b"", b"\0", b"\1"])
