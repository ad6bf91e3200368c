"""Plays steps on one server, and tells what every client got to see."""

import struct
from collections import namedtuple

from differential.records import OPERATIONS, XIDS, View, read_reply
from wire import Closed, Reply, Wire, read_text

#: One thing that a client does. `name` lets later steps refer to it even when steps between them are left out.
Step = namedtuple("Step", "name client kind arguments")

#: Longer than a run takes: no session may expire in it.
TIMEOUT = 40_000


class Connection(Wire):
    """A connection that also tells what stands around an event."""

    def receive(self):
        content = self.read_frame()
        xid, zxid, error = struct.unpack_from(">iqi", content)
        if xid != -1:
            return Reply(xid, zxid, error, content[16:])
        kind, state = struct.unpack_from(">ii", content, 16)
        path, end = read_text(content, 24)
        return ("event", kind, path, state, zxid, error, content[end:])


class Client:
    """A session, and its connection if there is one."""

    def __init__(self):
        self.connection = None
        self.session, self.password = 0, bytes(16)

    def drop(self):
        if self.connection is not None:
            self.connection.socket.close()
        self.connection = None


class Player:
    """The clients of one server."""

    def __init__(self, port, clients):
        self.port = port
        self.view = View()
        self.clients = [Client() for _ in range(clients)]
        self.zxids = {}

    def play(self, step):
        """Does the step and returns what was seen: a list that is the same on an equal server."""
        client = self.clients[step.client]
        action = getattr(self, f"_{step.kind}", None)
        if action is not None:
            return action(client, *step.arguments)
        seen = self._be_connected(client)
        return seen + self._requests(step.name, client, [(step.kind, step.arguments)])

    def drop(self):
        """Ends all connections."""
        for client in self.clients:
            client.drop()

    def end(self):
        """Ends all sessions, so that no ephemeral node of this run stands in the way of the next."""
        self.drop()
        for client in self.clients:
            if client.session:
                with Wire(self.port, TIMEOUT, session=client.session, password=client.password) as wire:
                    if wire.session:
                        wire.call(OPERATIONS["closeSession"].code)

    # Connections.

    def _connect(self, client, timeout=TIMEOUT, zxid=0):
        """Opens a connection for the client's session, or for a new one."""
        old, client.connection = client.connection, None
        try:
            connection = Connection(self.port, timeout, session=client.session, password=client.password, zxid=zxid)
        except Closed:
            return ["closed without an answer"]
        finally:
            if old is not None:
                old.socket.close()
        was, client.session, client.password = client.session, connection.session, connection.password
        if connection.session == 0:
            connection.socket.close()
            return [("refused", connection.timeout)]
        self.view.clients[client.session] = f"client {self.clients.index(client)}"
        client.connection = connection
        return [("resumed" if was == client.session else "new", connection.timeout, connection.greeting[36:])]

    def _be_connected(self, client):
        seen = []
        while client.connection is None:
            seen += self._connect(client)
        return seen

    def _disconnect(self, client):
        client.drop()
        return []

    def _resume(self, client, timeout):
        """Connects again; a connection that is still there is ended by the server."""
        return self._connect(client, timeout)

    def _greet(self, _, timeout, read_only):
        """A session that ends at once, to see what is agreed on."""
        with Connection(self.port, timeout, read_only=read_only) as connection:
            greeting = connection.greeting
            connection.call(OPERATIONS["closeSession"].code)
            return [("greeted", connection.timeout, len(greeting), greeting[36:])]

    def _resume_from_the_future(self, client):
        """A client that has seen more than the server is turned away."""
        client.drop()
        return self._connect(client, zxid=1 << 62)

    def _resume_with_wrong_password(self, client):
        """Somebody else does not get the session; its owner keeps it."""
        client.drop()
        if not client.session:
            return []
        with Connection(self.port, TIMEOUT, session=client.session, password=b"wrong password..") as other:
            return [("wrong password", other.session, other.timeout, other.is_closed())]

    def _close(self, client):
        """Ends the session. Its ephemeral nodes go in an order that is the server's own."""
        seen = self._settle(client)
        seen += self._be_connected(client)
        own = self._requests(None, client, [("closeSession", ())])
        client.drop()
        client.session, client.password = 0, bytes(16)
        return seen + sorted(map(repr, own)) + sorted(map(repr, self._settle(client)))

    def _settle(self, _):
        """What is under way to every client: a ping is answered after it."""
        seen = []
        for index, client in enumerate(self.clients):
            if client.connection is not None:
                seen += [(f"client {index}", what) for what in self._requests(None, client, [("ping", ())])]
        return seen

    # Requests.

    def _pipeline(self, client, requests):
        """Several requests before the first answer is read."""
        return self._be_connected(client) + self._requests(None, client, requests)

    _quota = _pipeline

    def _set_watches_since(self, client, kind, name, lists):
        """Sets watches anew as of the zxid that a step saw."""
        seen = self._be_connected(client)
        return seen + self._requests(None, client, [(kind, (self.zxids.get(name, 0), *lists))])

    def _requests(self, name, client, requests):
        """Sends requests, and reads until all are answered or the connection ends."""
        connection = client.connection
        seen = []
        try:
            xids = [self._send(connection, kind, arguments) for kind, arguments in requests]
            for xid, (kind, _) in zip(xids, requests):
                while not isinstance(answer := connection.receive(), Reply):
                    seen.append(answer)
                if name is not None and answer.zxid > 0:
                    self.zxids[name] = answer.zxid
                seen.append((kind, "xid" if answer.xid == xid else f"not its xid: {answer.xid}",
                             read_reply(kind, answer, self.view)))
                if self._is_last(kind, answer):
                    seen.append("closed" if connection.is_closed() else "not closed")
                    client.drop()
        except (Closed, ConnectionError):
            seen.append("closed")
            client.drop()
        return seen

    @staticmethod
    def _is_last(kind, reply):
        """Whether the server ends the connection after this answer; such a request is the last of its pipeline."""
        return kind in ("unknown", "closeSession") or kind == "auth" and reply.error != 0

    def _send(self, connection, kind, arguments):
        operation = OPERATIONS[kind]
        return connection.send(operation.code, operation.encode(*arguments), XIDS.get(kind))
