"""Requests as bytes, and replies as values that two servers must agree on.

Numbers that a server chooses for itself are told by what they stand for: a session by its client, a zxid by how many
successful writes had happened by then, a time by whether it is that of its zxid.
"""

import bisect
import struct
import time
from collections import namedtuple

from wire import buffer, number, text, vector

Operation = namedtuple("Operation", "code encode decode is_write", defaults=[False])

MULTI_END = struct.pack(">i?i", -1, True, -1)


class View:
    """What the numbers of one server mean."""

    def __init__(self):
        self.clients = {}
        self._writes = []
        self._times = {}

    def wrote(self, zxid):
        """Notes the zxid of a successful write; zxids grow."""
        if not self._writes or zxid > self._writes[-1]:
            self._writes.append(zxid)

    def zxid(self, zxid):
        """How many successful writes there were up to it. Failed ones may count or not in the server's zxid."""
        return zxid if zxid <= 0 else f"after write {bisect.bisect_right(self._writes, zxid)}"

    def is_write(self, zxid):
        return bool(self._writes) and self._writes[bisect.bisect_right(self._writes, zxid) - 1] == zxid

    def time(self, zxid, milliseconds):
        """Whether it can be the time of that zxid: all changes of a transaction happen at one time."""
        if milliseconds == 0:
            return 0
        if abs(milliseconds / 1000 - time.time()) > 3600:
            return f"far off: {milliseconds}"
        return "right" if self._times.setdefault(zxid, milliseconds) == milliseconds else "not that of its zxid"

    def owner(self, session):
        return self.clients.get(session, session)


class Reader:
    """Takes a reply apart."""

    def __init__(self, body, view):
        self.body, self.offset, self.view = body, 0, view

    def _take(self, form):
        value, = struct.unpack_from(form, self.body, self.offset)
        self.offset += struct.calcsize(form)
        return value

    def int(self):
        return self._take(">i")

    def long(self):
        return self._take(">q")

    def bool(self):
        return self._take(">?")

    def buffer(self):
        length = self.int()
        if length < 0:
            return None
        self.offset += length
        assert self.offset <= len(self.body), "a buffer is longer than its reply"
        return bytes(self.body[self.offset - length:self.offset])

    def text(self):
        content = self.buffer()
        return content if content is None else content.decode(errors="replace")

    def vector(self, item):
        return [item(self) for _ in range(self.int())]

    def texts(self):
        """Names, whose order is the server's own affair."""
        return sorted(self.vector(Reader.text))

    def stat(self):
        czxid, mzxid, ctime, mtime = (self.long() for _ in range(4))
        version, cversion, aversion = (self.int() for _ in range(3))
        owner, length, children, pzxid = self.long(), self.int(), self.int(), self.long()
        view = self.view
        return {
            "czxid": view.zxid(czxid), "mzxid": view.zxid(mzxid), "pzxid": view.zxid(pzxid),
            "of writes": [view.is_write(zxid) for zxid in (czxid, mzxid, pzxid)],
            "ctime": view.time(czxid, ctime), "mtime": view.time(mzxid, mtime),
            "version": version, "cversion": cversion, "aversion": aversion, "owner": view.owner(owner),
            "dataLength": length, "numChildren": children}

    def acl(self):
        return self.vector(lambda reader: (reader.int(), reader.text(), reader.text()))

    def rest(self):
        return self.body[self.offset:]


def flag(value):
    return bytes([value])


def acl_bytes(entries):
    """A list of (permissions, scheme, id); None is the null list."""
    if entries is None:
        return number(-1)
    return vector(number(permissions) + text(scheme) + null_or_text(name) for permissions, scheme, name in entries)


def null_or_text(value):
    """kazoo writes the null text for an empty one."""
    return buffer(None) if value is None else text(value)


def create_bytes(path, data, acl, flags, ttl=None):
    return text(path) + buffer(data) + acl_bytes(acl) + number(flags) + (b"" if ttl is None else struct.pack(">q", ttl))


def versioned(path, version):
    return text(path) + number(version)


def watched(path, watch):
    return text(path) + flag(watch)


def texts(paths):
    return vector(map(text, paths))


def set_watches_bytes(zxid, *lists):
    return struct.pack(">q", zxid) + b"".join(map(texts, lists))


def nothing(*_):
    return None


def multi_bytes(operations):
    """`operations` are pairs of a kind and its arguments."""
    parts = []
    for kind, arguments in operations:
        operation = OPERATIONS[kind]
        parts.append(struct.pack(">i?i", operation.code, False, -1) + operation.encode(*arguments))
    return b"".join(parts) + MULTI_END


def multi_results(reader):
    """What came of each operation: type, the two errors, and a result of the type."""
    decoders = {operation.code: operation.decode for operation in OPERATIONS.values()}
    results = []
    while True:
        kind, done, error = reader.int(), reader.bool(), reader.int()
        if done:
            return results + [("end", kind, error)]
        results.append((kind, error, Reader.int(reader) if kind == -1 else decoders[kind](reader)))


def path_and_stat(reader):
    return reader.text(), reader.stat()


def data_and_stat(reader):
    return reader.buffer(), reader.stat()


def children_and_stat(reader):
    return reader.texts(), reader.stat()


def acl_and_stat(reader):
    return reader.acl(), reader.stat()


def identities(reader):
    return sorted(reader.vector(lambda item: (item.text(), item.text())))


OPERATIONS = {
    "create": Operation(1, create_bytes, Reader.text, True),
    "delete": Operation(2, versioned, nothing, True),
    "exists": Operation(3, watched, Reader.stat),
    "getData": Operation(4, watched, data_and_stat),
    "setData": Operation(5, lambda path, data, version: text(path) + buffer(data) + number(version), Reader.stat, True),
    "getACL": Operation(6, text, acl_and_stat),
    "setACL": Operation(
        7, lambda path, acl, version: text(path) + acl_bytes(acl) + number(version), Reader.stat, True),
    "getChildren": Operation(8, watched, Reader.texts),
    "sync": Operation(9, text, Reader.text),
    "ping": Operation(11, lambda: b"", nothing),
    "getChildren2": Operation(12, watched, children_and_stat),
    # Only in a multi: alone it ends Apache ZooKeeper 3.8 for good.
    "check": Operation(13, versioned, nothing),
    "multi": Operation(14, multi_bytes, multi_results, True),
    "create2": Operation(15, create_bytes, path_and_stat, True),
    "reconfig": Operation(
        16, lambda joining, leaving, members, version: text(joining) + text(leaving) + text(members)
        + struct.pack(">q", version), data_and_stat, True),
    "checkWatches": Operation(17, versioned, nothing),
    "removeWatches": Operation(18, versioned, nothing),
    "createContainer": Operation(19, create_bytes, path_and_stat, True),
    "createTTL": Operation(21, create_bytes, path_and_stat, True),
    "multiRead": Operation(22, multi_bytes, multi_results),
    "auth": Operation(100, lambda scheme, data: number(0) + text(scheme) + buffer(data), nothing),
    "setWatches": Operation(101, set_watches_bytes, nothing),
    "getEphemerals": Operation(103, text, Reader.texts),
    "getAllChildrenNumber": Operation(104, text, Reader.int),
    "setWatches2": Operation(105, set_watches_bytes, nothing),
    "addWatch": Operation(106, versioned, Reader.int),
    "whoAmI": Operation(107, lambda: b"", identities),
    "closeSession": Operation(-11, lambda: b"", nothing, True),
    "unknown": Operation(4711, lambda: b"", nothing),
}

#: Requests with an xid that says what they are.
XIDS = {"ping": -2, "auth": -4, "setWatches": -8, "setWatches2": -8}


def has_written(kind, error, body):
    """Whether a reply tells of a change. A multi may have failed though its header says OK, or have only checked."""
    if kind == "multi" and error == 0:
        return any(result[0] not in ("end", -1, OPERATIONS["check"].code) for result in body)
    return OPERATIONS[kind].is_write and error == 0


def read_reply(kind, reply, view):
    """A reply as a value; the zxid of a successful write is noted first, since its Stat tells of it."""
    operation = OPERATIONS[kind]
    take = lambda reader: operation.decode(reader) if reply.error == 0 else None  # noqa: E731
    if has_written(kind, reply.error, take(Reader(reply.body, View()))):
        view.wrote(reply.zxid)
    reader = Reader(reply.body, view)
    body = take(reader)
    return {"error": reply.error, "zxid": view.zxid(reply.zxid), "body": body, "rest": reader.rest()}
