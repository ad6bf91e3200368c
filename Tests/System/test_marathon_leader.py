"""The master that the leader talks to."""

import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import HOST, Coordinator, Marathon, wait_for


class SilentMaster:
    """A master that answers SUBSCRIBE as told, and nothing after that."""

    def __init__(self, answers):
        self.subscriptions = []
        master = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                if "Mesos-Stream-Id" in self.headers:
                    self.send_response(202)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                master.subscriptions.append(time.monotonic())
                if answers:
                    self.send_response(200)
                    self.send_header("Mesos-Stream-Id", str(len(master.subscriptions)))
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    answers(self)
                master.ended.wait()

            def send(self, event):
                """One event, as a record in a chunk."""
                record = str(len(event)).encode() + b"\n" + event
                self.wfile.write(f"{len(record):x}\r\n".encode() + record + b"\r\n")

            def log_message(self, *_):
                pass

        self.ended = threading.Event()
        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def address(self):
        return f"{HOST}:{self.server.server_port}"


def subscribed(interval):
    """A SUBSCRIBED event in protobuf, with an interval of heartbeats."""
    body = b"\x0a\x03\x0a\x01f" + b"\x11" + struct.pack("<d", interval)
    return b"\x08\x01\x12" + bytes([len(body)]) + body


HEARTBEAT = b"\x08\x08"


def follow(testbed, master, flags=()):
    """Starts a Marathon that follows a master by its address."""
    return testbed.start(Marathon, testbed.start(Coordinator), master=master.address, flags=flags)


def test_silent_master(testbed):
    """A master of which nothing is heard for five heartbeats is left, and subscribed to again."""
    with SilentMaster(lambda handler: handler.send(subscribed(0.3))) as master:
        follow(testbed, master)
        wait_for(lambda: len(master.subscriptions) >= 3, 15, "Marathon subscribes again")
    first, second, third, *_ = master.subscriptions
    assert second - first >= 1.5 and third - second >= 1.5


def test_master_with_heartbeats(testbed):
    """A master that sends its heartbeats is kept."""
    beats = []

    def beat(handler):
        handler.send(subscribed(0.2))
        while not master.ended.wait(0.2):
            handler.send(HEARTBEAT)
            beats.append(handler)

    with SilentMaster(beat) as master:
        marathon = follow(testbed, master)
        wait_for(lambda: len(beats) >= 12, what="more time than five heartbeats has passed")
        assert len(master.subscriptions) == 1, marathon.tail()


def test_master_that_does_not_answer(testbed):
    """A master that takes the subscription and does not answer is asked again."""
    with SilentMaster(None) as master:
        follow(testbed, master, ["--mesos_heartbeat_interval", 200, "--mesos_heartbeat_failure_threshold", 5])
        wait_for(lambda: len(master.subscriptions) >= 2, 15, "Marathon subscribes again")
