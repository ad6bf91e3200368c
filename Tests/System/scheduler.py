"""A small framework of the v1 scheduler API: one thread reads the event stream."""

import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

from harness import HOST

PATH = "/api/v1/scheduler"


class CallRefused(Exception):
    """An answer other than 200 or 202."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


def records(stream):
    """The records of a RecordIO stream: a length in decimal, a newline, that many bytes."""
    while line := stream.readline():
        length = int(line)
        record = stream.read(length)
        if len(record) < length:
            return
        yield json.loads(record)


class Scheduler:
    """Subscribes with `subscribe`; `wait` takes events, `call` makes calls of the same framework."""

    def __init__(self, port, name="test", framework_id=None, **framework):
        self.address = (HOST, port)
        self.framework = {"user": "root", "name": name, "roles": ["*"],
                          "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]} | framework
        self.framework_id = framework_id
        self.stream_id = None
        self.seen = []
        self.is_ended = False
        self._events = []
        self._arrived = threading.Condition()
        self._socket = None

    def __enter__(self):
        return self.subscribe()

    def __exit__(self, *_):
        self.close()

    def subscribe(self, timeout=10):
        """Opens the stream and returns when SUBSCRIBED has come."""
        if self.framework_id:
            self.framework["id"] = {"value": self.framework_id}
        self.is_ended = False
        connection, response = self._post({"type": "SUBSCRIBE", "subscribe": {"framework_info": self.framework}})
        self.stream_id = response.getheader("Mesos-Stream-Id")
        threading.Thread(target=self._read, args=(connection, response), daemon=True).start()
        event = self.wait("SUBSCRIBED", timeout=timeout)
        self.framework_id = event["subscribed"]["framework_id"]["value"]
        return self

    def call(self, kind, **body):
        """A call like ACCEPT, with its body if it has one; returns the status."""
        call = {"type": kind, "framework_id": {"value": self.framework_id}}
        if body:
            call[kind.lower()] = body
        connection, response = self._post(call)
        connection.close()
        return response.status

    def _post(self, call):
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.stream_id and call["type"] != "SUBSCRIBE":
            headers["Mesos-Stream-Id"] = self.stream_id
        for _ in range(3):
            connection = http.client.HTTPConnection(*self.address, timeout=60)
            connection.connect()
            opened = connection.sock
            connection.request("POST", PATH, json.dumps(call), headers)
            response = connection.getresponse()
            if response.status in (307, 308):
                target = urlsplit(response.getheader("Location"))
                self.address = (target.hostname, target.port)
                connection.close()
                continue
            if response.status not in (200, 202):
                text = response.read().decode(errors="replace")
                connection.close()
                raise CallRefused(response.status, text)
            if call["type"] == "SUBSCRIBE":
                self._socket = opened
            else:
                response.read()
            return connection, response
        raise CallRefused(307, "redirected in a circle")

    def _read(self, connection, response):
        try:
            for event in records(response):
                with self._arrived:
                    self.seen.append(event)
                    self._events.append(event)
                    self._arrived.notify_all()
        except (OSError, ValueError, http.client.HTTPException):
            pass
        with self._arrived:
            self.is_ended = True
            self._arrived.notify_all()
        connection.close()

    def wait(self, kind, predicate=lambda event: True, timeout=10):
        """Takes the first event of a type for which the predicate holds."""
        deadline = time.monotonic() + timeout
        with self._arrived:
            while True:
                for event in self._events:
                    if event["type"] == kind and predicate(event):
                        self._events.remove(event)
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or self.is_ended:
                    reason = "the stream ended" if self.is_ended else f"{timeout} s went by"
                    got = [event["type"] for event in self.seen]
                    raise AssertionError(f"{reason} without the {kind} that was waited for; events: {got}")
                self._arrived.wait(left)

    def wait_for_end(self, timeout=10):
        """Waits until the master has closed the stream."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.is_ended, timeout), f"the stream is open after {timeout} s"

    def close(self):
        """Breaks the connection off, as a scheduler that dies."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket = None
