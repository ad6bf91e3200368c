"""ZooKeeper's client protocol frame by frame: a client that does exactly what it is told, and never pings by itself."""

import socket
import struct
from collections import namedtuple

from harness import HOST

CREATE, DELETE, EXISTS, GET, SET, CHILDREN, SYNC, PING, CHECK, MULTI = 1, 2, 3, 4, 5, 8, 9, 11, 13, 14
SET_WATCHES, CLOSE = 101, -11
EPHEMERAL, SEQUENTIAL = 1, 2
CREATED, DELETED, CHANGED, CHILD = 1, 2, 3, 4

Reply = namedtuple("Reply", "xid zxid error body")
Event = namedtuple("Event", "type path")


def number(value):
    return struct.pack(">i", value)


def buffer(data):
    """A buffer; None is the null buffer, which is not the empty one."""
    return number(-1) if data is None else number(len(data)) + data


def text(value):
    return buffer(value.encode())


def vector(items):
    items = list(items)
    return number(len(items)) + b"".join(items)


OPEN = vector([number(31) + text("world") + text("anyone")])


def create(path, data=b"", flags=0, acl=OPEN):
    """The record of a create."""
    return text(path) + buffer(data) + acl + number(flags)


def multi_header(operation, is_done=False):
    """What stands before each operation of a multi."""
    return struct.pack(">i?i", operation, is_done, -1)


MULTI_END = multi_header(-1, True)


def set_watches(zxid, data=(), exists=(), child=()):
    """The record of setWatches."""
    return struct.pack(">q", zxid) + b"".join(vector(map(text, paths)) for paths in (data, exists, child))


def frame(content):
    return number(len(content)) + content


def request(xid, operation, body=b""):
    """A whole frame with its header."""
    return frame(struct.pack(">ii", xid, operation) + body)


def connect_request(timeout=4000, session=0, password=bytes(16), zxid=0, read_only=b"\0"):
    """The first frame of a connection; `read_only` is empty for the clients before 3.4."""
    return frame(struct.pack(">iqiq", 0, zxid, timeout, session) + buffer(password) + read_only)


def read_text(body, offset=0):
    """A text in a record, and where it ends."""
    length, = struct.unpack_from(">i", body, offset)
    return body[offset + 4:offset + 4 + length].decode(), offset + 4 + length


def read_data(body):
    """The data of an answer to getData: None for the null buffer."""
    length, = struct.unpack_from(">i", body)
    return None if length < 0 else body[4:4 + length]


class Closed(Exception):
    """The server ended the connection."""


class Wire:
    """A connection. Events that arrive before a reply that is waited for gather in `events`."""

    def __init__(self, port, timeout=4000, **session):
        self.socket = socket.create_connection((HOST, port), 10)
        self.events = []
        self._received = b""
        self._xid = 0
        if timeout is not None:
            self._connect(timeout, **session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _connect(self, timeout, **session):
        self.socket.sendall(connect_request(timeout, **session))
        self.greeting = self.read_frame()
        _, self.timeout, self.session = struct.unpack_from(">iiq", self.greeting)
        self.password = self.greeting[20:36]

    def read_frame(self):
        length, = struct.unpack(">i", self._read(4))
        return self._read(length)

    def _read(self, count):
        while len(self._received) < count:
            try:
                part = self.socket.recv(1 << 16)
            except ConnectionError:
                part = b""
            if not part:
                raise Closed
            self._received += part
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def send(self, operation, body=b"", xid=None):
        """Sends a request without waiting; returns its xid."""
        if xid is None:
            self._xid += 1
            xid = self._xid
        self.socket.sendall(request(xid, operation, body))
        return xid

    def receive(self):
        """The next frame: a Reply or an Event."""
        content = self.read_frame()
        header = struct.unpack_from(">iqi", content)
        if header[0] == -1:
            kind, = struct.unpack_from(">i", content, 16)
            return Event(kind, read_text(content, 24)[0])
        return Reply(*header, content[16:])

    def call(self, operation, body=b"", xid=None):
        """Sends a request and returns its reply."""
        xid = self.send(operation, body, xid)
        while isinstance(answer := self.receive(), Event):
            self.events.append(answer)
        assert answer.xid == xid
        return answer

    def ping(self):
        return self.call(PING, xid=-2)

    def create(self, path, data=b"", flags=0):
        return self.call(CREATE, create(path, data, flags))

    def exists(self, path, watch=False):
        return self.call(EXISTS, text(path) + bytes([watch])).error == 0

    def get(self, path, watch=False):
        return self.call(GET, text(path) + bytes([watch]))

    def set(self, path, data, version=-1):
        return self.call(SET, text(path) + buffer(data) + number(version))

    def delete(self, path, version=-1):
        return self.call(DELETE, text(path) + number(version))

    def is_closed(self):
        """Waits for the server's end of the connection; whatever comes before it is left out."""
        try:
            while True:
                self.read_frame()
        except Closed:
            return True
        except TimeoutError:
            return False
