"""Several Marathons, of which one leads, and the master that the leader talks to."""

import signal
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import HOST, Coordinator, Marathon, Master, wait_for
from marathon_cluster import RestAPI, wait_for_subscription
from status_socket import StatusSocket


def wait_until_leading(api, timeout=20):
    """Waits until a Marathon leads by itself."""
    def leads():
        try:
            answer = api.request("GET", "/v2/info")
        except OSError:
            return False
        return answer.status == 200 and "X-Marathon-Via" not in answer.headers
    wait_for(leads, timeout, "Marathon leads")


def test_standby_passes_requests_on(cluster, api, testbed):
    """A Marathon that does not lead answers what the leader answers, and says that it passed it on."""
    standby = testbed.start(Marathon, cluster.coordinator)
    other = RestAPI(standby.port)
    wait_for(lambda: other.request("GET", "/v2/leader").status == 200, what="the standby knows the leader")
    answer = other.expect(200, "GET", "/v2/leader")
    assert answer.json == {"leader": f"localhost:{api.port}"}
    assert answer.headers["X-Marathon-Via"] == f"1.1 localhost:{standby.port}"
    assert answer.headers["X-Marathon-Leader"] == f"http://localhost:{api.port}"
    created = other.expect(201, "POST", "/v2/apps", {"id": "/located", "cmd": "sleep 3600", "instances": 0})
    assert created.headers["Location"] == f"http://localhost:{api.port}/located"
    other.start("/by-standby", labels={"with": "label"})
    assert api.app("/by-standby") == other.app("/by-standby")
    selector = "/v2/apps?label=with%20in%20(label)"
    assert [app["id"] for app in other.get(selector)["apps"]] == ["/by-standby"]
    assert other.expect(409, "POST", "/v2/apps", {"id": "/by-standby", "cmd": "true"}).json == {
        "message": "An app with id [/by-standby] already exists."}
    looped = other.request("GET", "/v2/apps", headers={"X-Marathon-Via": f"1.1 localhost:{standby.port}"})
    assert (looped.status, looped.json) == (502, {"message": "Detected proxying loop."})


def test_abdication(testbed):
    """A leader that is asked to go ends with the original's status, and another one leads at once, not only when the
    session of the old one has run out."""
    coordinator = testbed.start(Coordinator)
    old = testbed.start(Marathon, coordinator)
    wait_until_leading(RestAPI(old.port))
    new = testbed.start(Marathon, coordinator)
    api = RestAPI(new.port)
    wait_for(lambda: api.request("GET", "/v2/leader").status == 200, what="the standby knows the leader")
    assert api.get("/v2/leader") == {"leader": f"localhost:{old.port}"}
    answer = api.expect(200, "DELETE", "/v2/leader")
    assert answer.json == {"message": "Leadership abdicated", "details": []}
    assert old.wait(5) == 105
    assert "end of this leadership" in old.text()
    wait_until_leading(api, 5)
    assert api.get("/v2/leader") == {"leader": f"localhost:{new.port}"}
    api.create("/after", instances=0)
    old.restart()
    wait_for(lambda: RestAPI(old.port).request("GET", "/v2/leader").status == 200, what="the old one is a standby")
    assert RestAPI(old.port).app("/after")["id"] == "/after"


def test_abdication_alone(testbed):
    """Without an election a Marathon ends all the same."""
    marathon = testbed.start(Marathon, testbed.start(Coordinator), flags=["--disable_ha"])
    api = RestAPI(marathon.port)
    wait_until_leading(api)
    api.expect(200, "DELETE", "/v2/leader")
    assert marathon.wait(5) == 105


REFUSED = [
    ("backup=file:///tmp/backup.tar", "backup is not supported by this version"),
    ("restore=s3://bucket/backup.tar", "restore is not supported by this version"),
    ("backup=http://host/backup.tar", "Invalid URI or unsupported scheme: http://host/backup.tar"),
    ("backup=file:///", "Invalid URI or unsupported scheme: file:///"),
    ("backup=", "Invalid URI or unsupported scheme: "),
]


def test_abdication_with_a_backup(cluster, api):
    """What the next leader would have to do first, and does not, is refused: nobody abdicates."""
    for query, text in REFUSED:
        error = api.expect(422, "DELETE", f"/v2/leader?{query}").json
        assert error == {"message": "Object is not valid", "details": [{"path": "/", "errors": [text]}]}
    assert "end of this leadership" not in cluster.marathon.text()


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


class NotLeadingMaster(SilentMaster):
    """A master that never leads."""

    def __init__(self):
        super().__init__(None)
        master = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                master.subscriptions.append(time.monotonic())
                self.send_response(307)
                self.send_header("Location", f"//{HOST}:1/master")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server.RequestHandlerClass = Handler


def test_master_that_does_not_lead(testbed):
    """A master that is not in office is asked more and more rarely, and the log says so once."""
    with NotLeadingMaster() as master:
        marathon = follow(testbed, master)
        wait_for(lambda: len(master.subscriptions) >= 4, 15, "Marathon asks again")
        text = f"no connection to the master: {master.address} does not lead"
        assert marathon.text().count(text) == 1
        assert marathon.text().count("no connection") == 1
    first, second, third, fourth, *_ = master.subscriptions
    assert second - first >= 0.5 and third - second >= 1 and fourth - third >= 2


def test_stop_is_no_loss(testbed):
    """A Marathon that is asked to stop does not complain of the connection that it closes."""
    with SilentMaster(lambda handler: handler.send(subscribed(15))) as master:
        marathon = follow(testbed, master)
        wait_for(lambda: "subscribed as framework f" in marathon.text(), what="Marathon has subscribed")
        assert "framework_id=f" in marathon.text()
        assert marathon.terminate() == 0
    assert "WARNING" not in marathon.text()


def test_status(testbed):
    """The status line that systemd shows says who leads, and that ZooKeeper is waited for."""
    coordinator = testbed.new(Coordinator)
    with StatusSocket() as first, StatusSocket() as second:
        marathons = [testbed.new(Marathon, coordinator) for _ in range(2)]
        for marathon, socket in zip(marathons, (first, second)):
            marathon.environment |= socket.environment
        marathons[0].start_and_wait()
        first.wait_for("STATUS=waiting for ZooKeeper")
        coordinator.start_and_wait()
        first.wait_for("STATUS=leader")
        marathons[1].start_and_wait()
        second.wait_for(f"STATUS=following localhost:{marathons[0].port}")
        assert marathons[0].terminate() == 0
        second.wait_for("STATUS=leader")
        coordinator.kill9()
        second.wait_for("STATUS=waiting for ZooKeeper")


def test_lost_leadership_is_told_once(testbed, connect):
    """Whoever loses the leadership ends and says why, once, as an error where systemd reads it."""
    coordinator = testbed.start(Coordinator)
    marathon = testbed.new(Marathon, coordinator)
    marathon.environment["JOURNAL_STREAM"] = "1:1"
    marathon.start_and_wait()
    wait_until_leading(RestAPI(marathon.port))
    path = "/marathon/leader-curator"
    client = connect(coordinator)
    client.create(f"{path}/_c_other-latch-", b"other:1", ephemeral=True, sequence=True)
    [own] = [name for name in client.get_children(path) if "other" not in name]
    client.delete(f"{path}/{own}")
    assert marathon.wait() == 103
    assert [line for line in marathon.text().splitlines() if "lost leadership" in line] == [
        "<3>lost leadership to other:1"]


def test_master_falls_silent(testbed):
    """A master that hangs loses its office; Marathon goes on with the next one at once, not when the silence is noticed."""
    coordinator = testbed.start(Coordinator)
    flags = ["--zk_session_timeout=2secs"]
    first = testbed.start(Master, coordinator, flags=flags)
    wait_for(lambda: "elected as the leading master" in first.text(), what="the first master leads")
    second = testbed.start(Master, coordinator, flags=flags)
    marathon = testbed.start(Marathon, coordinator)
    wait_for_subscription(RestAPI(marathon.port), first.port)
    first.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: "elected as the leading master" in second.text(), 20, "the other master leads")
    wait_for_subscription(RestAPI(marathon.port), second.port, timeout=10)
    assert f"{HOST}:{second.port} leads in place of {HOST}:{first.port}" in marathon.text()
