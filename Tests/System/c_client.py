"""ZooKeeper's own C client, through its library: what every client that is built on it sends."""

import ctypes
import queue
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_int64, c_void_p

from harness import HOST, wait_for

LIBRARY = "libzookeeper_mt.so.2"
CONNECTED_STATE = 3
SESSION_EVENT = -1

Watcher = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_int, c_char_p, c_void_p)
Completion = ctypes.CFUNCTYPE(None, c_int, c_void_p)


class Stat(ctypes.Structure):
    _fields_ = [
        ("czxid", c_int64), ("mzxid", c_int64), ("ctime", c_int64), ("mtime", c_int64), ("version", c_int32),
        ("cversion", c_int32), ("aversion", c_int32), ("ephemeralOwner", c_int64), ("dataLength", c_int32),
        ("numChildren", c_int32), ("pzxid", c_int64)]


class Strings(ctypes.Structure):
    _fields_ = [("count", c_int32), ("data", POINTER(c_char_p))]


class Entry(ctypes.Structure):
    _fields_ = [("permissions", c_int32), ("scheme", c_char_p), ("id", c_char_p)]


class Entries(ctypes.Structure):
    _fields_ = [("count", c_int32), ("data", POINTER(Entry))]


class Operation(ctypes.Structure):
    """Filled by the library's own functions; the size is that of its largest kind."""

    _fields_ = [("type", c_int), ("fields", c_int64 * 8)]


class Result(ctypes.Structure):
    _fields_ = [("error", c_int), ("value", c_char_p), ("length", c_int), ("stat", POINTER(Stat))]


class Failed(Exception):
    """A call ended with this code."""


def load():
    """The library, or OSError where it is not installed."""
    library = ctypes.CDLL(LIBRARY)
    library.zookeeper_init.restype = c_void_p
    library.zoo_set_debug_level(0)
    return library


def entries(*items):
    """An ACL of (permissions, scheme, id)."""
    filled = ((permissions, scheme.encode(), name.encode()) for permissions, scheme, name in items)
    return Entries(len(items), (Entry * len(items))(*filled))


OPEN = entries((31, "world", "anyone"))


class CClient:
    """A session. Events gather in `events` as (type, path)."""

    def __init__(self, port, timeout=10_000):
        self._library = load()
        self.events = queue.Queue()
        self._states = queue.Queue()
        self._watcher = Watcher(self._see)
        self._handle = c_void_p(self._library.zookeeper_init(
            f"{HOST}:{port}".encode(), self._watcher, timeout, None, None, 0))
        assert self._states.get(timeout=20) == CONNECTED_STATE

    def _see(self, _handle, kind, state, path, _context):
        if kind == SESSION_EVENT:
            self._states.put(state)
        else:
            self.events.put((kind, path.decode()))

    def _do(self, name, *arguments):
        code = getattr(self._library, name)(self._handle, *arguments)
        if code:
            raise Failed(code)

    def close(self):
        self._library.zookeeper_close(self._handle)

    def create(self, path, data=b"", mode=0, acl=OPEN, ttl=None):
        """The path of the new node."""
        name, length = ctypes.create_string_buffer(256), 0 if data is None else len(data)
        value = (path.encode(), data, length if data is not None else -1, byref(acl), mode)
        if ttl is None:
            self._do("zoo_create", *value, name, len(name))
        else:
            self._do("zoo_create_ttl", *value, c_int64(ttl), name, len(name))
        return name.value.decode()

    def exists(self, path, watch=False):
        stat = Stat()
        arguments = (self._watcher, None) if watch else (0,)
        self._do("zoo_wexists" if watch else "zoo_exists", path.encode(), *arguments, byref(stat))
        return stat

    def get(self, path, watch=False):
        data, length, stat = ctypes.create_string_buffer(4096), c_int(4096), Stat()
        arguments = (self._watcher, None) if watch else (0,)
        self._do("zoo_wget" if watch else "zoo_get", path.encode(), *arguments, data, byref(length), byref(stat))
        return data.raw[:length.value] if length.value >= 0 else None, stat

    def set(self, path, data, version=-1):
        stat = Stat()
        self._do("zoo_set2", path.encode(), data, len(data), version, byref(stat))
        return stat

    def children(self, path, watch=False):
        names, stat = Strings(), Stat()
        arguments = (self._watcher, None) if watch else (0,)
        name = "zoo_wget_children2" if watch else "zoo_get_children2"
        self._do(name, path.encode(), *arguments, byref(names), byref(stat))
        found = sorted(names.data[index].decode() for index in range(names.count))
        self._library.deallocate_String_vector(byref(names))
        return found, stat

    def delete(self, path, version=-1):
        self._do("zoo_delete", path.encode(), version)

    def acl(self, path):
        found, stat = Entries(), Stat()
        self._do("zoo_get_acl", path.encode(), byref(found), byref(stat))
        items = [found.data[index] for index in range(found.count)]
        result = [(item.permissions, item.scheme.decode(), item.id.decode()) for item in items]
        self._library.deallocate_ACL_vector(byref(found))
        return result, stat

    def set_acl(self, path, acl, version=-1):
        self._do("zoo_set_acl", path.encode(), version, byref(acl))

    def authenticate(self, scheme, data):
        """Adds an identity; the C client tells by a call from its own thread."""
        codes = []
        completion = Completion(lambda code, _: codes.append(code))
        self._do("zoo_add_auth", scheme.encode(), data, len(data), completion, None)
        wait_for(lambda: codes, what="the answer to an authentication")
        if codes[0]:
            raise Failed(codes[0])

    def remove_watches(self, path, kind):
        self._do("zoo_remove_watches", path.encode(), kind, self._watcher, None, 0)

    def transaction(self, *steps):
        """Steps are (kind, arguments of the library's function for it); returns the code of each."""
        operations, results = (Operation * len(steps))(), (Result * len(steps))()
        kept = []  # What the operations point to.
        for operation, (kind, path, *arguments) in zip(operations, steps):
            if kind == "create":
                kept.append(ctypes.create_string_buffer(256))
                arguments = [arguments[0], len(arguments[0]), byref(OPEN), 0, kept[-1], 256]
            elif kind == "set":
                kept.append(Stat())
                arguments = [arguments[0], len(arguments[0]), arguments[1], byref(kept[-1])]
            kept.append(path.encode())
            getattr(self._library, f"zoo_{kind}_op_init")(byref(operation), kept[-1], *arguments)
        self._library.zoo_multi(self._handle, len(steps), operations, results)
        return [result.error for result in results]
