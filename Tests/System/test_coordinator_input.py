"""Configuration, four-letter words and input that no honest client sends."""

import random
import re
import socket
import struct

import pytest

import wire
from harness import HOST, Coordinator, four_letter_word, wait_for
from wire import Closed, Wire


# Four-letter words: the same form as Apache ZooKeeper's.

STATUS = (r"Latency min/avg/max: \d+/\d+\.\d+/\d+\nReceived: (?P<received>\d+)\nSent: (?P<sent>\d+)\n"
          r"Connections: (?P<connections>\d+)\nOutstanding: \d+\nZxid: 0x(?P<zxid>[0-9a-f]+)\nMode: standalone\n"
          r"Node count: (?P<nodes>\d+)\n")
MARSHALLING_ERROR = -5
VERSION = r"Zookeeper version: \S+, built on [^\n]+\n"


def status(server, word="srvr", form=VERSION + STATUS):
    answer = four_letter_word(server.port, word)
    match = re.fullmatch(form, answer)
    assert match, f"{word} answered {answer!r}"
    return match


def test_ruok_and_isro(server):
    """ruok and isro answer by one word without a newline."""
    assert four_letter_word(server.port, "ruok") == "imok"
    assert four_letter_word(server.port, "isro") == "rw"


def test_srvr_counts(server):
    """srvr tells of connections, nodes, packets and the newest zxid."""
    with Wire(server.port) as raw:
        before = status(server)
        zxid = raw.create("/counted").zxid
        after = status(server)
        raw.delete("/counted")
    assert int(after["zxid"], 16) == zxid == int(before["zxid"], 16) + 1
    assert int(after["nodes"]) == int(before["nodes"]) + 1
    assert int(after["connections"]) >= 1
    assert int(after["received"]) > int(before["received"]) and int(after["sent"]) > int(before["sent"])


def test_srvr_counts_the_first_nodes(testbed, kind):
    """An empty server counts five nodes and has seen no transaction."""
    first = status(testbed.start(kind))
    assert (first["nodes"], first["zxid"]) == ("5", "0")


def test_stat_lists_the_clients(server):
    """stat has a line for each connection between version and numbers."""
    with Wire(server.port) as raw:
        raw.ping()
        client = rf" /{HOST}:\d+\[\d+\]\(queued=\d+,recved=\d+,sent=\d+\)\n"
        answer = status(server, "stat", rf"{VERSION}Clients:\n(?:{client})+\n{STATUS}").group()
        assert f" /{HOST}:{raw.socket.getsockname()[1]}[1](queued=0,recved=2,sent=2)\n" in answer


def test_kazoo_reads_the_version(server, connect):
    """kazoo, which asks by srvr, takes the server for a 3.8."""
    assert connect(server).server_version()[:2] == (3, 8)


def test_words_need_the_whitelist(testbed, kind):
    """A word that the configuration does not name is refused by name; no setting leaves srvr alone."""
    server = testbed.start(kind, settings={"4lw.commands.whitelist": "srvr, ruok"})
    assert four_letter_word(server.port, "ruok") == "imok"
    assert four_letter_word(server.port, "stat") == "stat is not executed because it is not in the whitelist.\n"
    server.configure({"tickTime": 200, "dataDir": server.data, "clientPort": server.port})
    server.restart()
    assert four_letter_word(server.port, "ruok") == "ruok is not executed because it is not in the whitelist.\n"
    assert "Mode: standalone" in four_letter_word(server.port, "srvr")


def test_unknown_word_ends_the_connection(server):
    """Four letters that are no command are answered by nothing."""
    assert four_letter_word(server.port, "word") == ""


# Configuration.


def refusal(server):
    """The one line with which a program that does not start tells why."""
    assert server.start().wait(3) == 1
    lines = server.text().splitlines()
    assert len(lines) == 1, "\n".join(lines)
    return lines[0]


@pytest.mark.parametrize("myid", ["0", "256", "-1", "x", "", "1 2"])
def test_myid_out_of_range(testbed, myid):
    """A myid that is no number from 1 to 255 stops the start; the message names the file and the range."""
    server = testbed.new(Coordinator, myid=myid)
    message = refusal(server)
    assert str(server.data / "myid") in message and "1 to 255" in message


@pytest.mark.parametrize("myid", [1, 128, 255])
def test_myid_is_in_session_ids(testbed, myid):
    """The top byte of a session's number is the server's; such sessions live through a restart, and differ."""
    server = testbed.start(Coordinator, myid=myid)
    with Wire(server.port) as raw:
        assert struct.pack(">q", raw.session)[0] == myid
        raw.create("/e", flags=wire.EPHEMERAL)
        server.restart()
    with Wire(server.port, session=raw.session, password=raw.password) as again, Wire(server.port) as other:
        assert again.session == raw.session != other.session
        assert again.exists("/e")


@pytest.mark.parametrize("settings, words", [
    ({"dataDir": None}, ["dataDir"]),
    ({"dataDir": ""}, ["dataDir"]),
    ({"tickTime": "fast"}, ["tickTime", "fast"]),
    ({"tickTime": 0}, ["tickTime"]),
    ({"tickTime": 200_000_000}, ["tickTime"]),
    ({"clientPort": 70000}, ["clientPort", "70000"]),
    ({"maxClientCnxns": -2}, ["maxClientCnxns", "-2"]),
    ({"jute.maxbuffer": "1M"}, ["jute.maxbuffer", "1M"]),
    ({"minSessionTimeout": 5000}, ["minSessionTimeout", "maxSessionTimeout"]),
    ({"minSessionTimeout": 900, "maxSessionTimeout": 800}, ["minSessionTimeout", "maxSessionTimeout"]),
    ({"server.1": "a:2888:3888", "server.2": "b:2888:3888"}, ["server.1", "server.2"]),
], ids=lambda value: ",".join(f"{key}={text}" for key, text in value.items()) if isinstance(value, dict) else "")
def test_wrong_settings(testbed, settings, words):
    """A wrong value stops the start with one line that names the file, the key and the value."""
    server = testbed.new(Coordinator, settings=settings)
    message = refusal(server)
    for word in [str(server.configuration), *words]:
        assert word in message


def test_line_without_a_value(testbed):
    """A line that sets nothing is named."""
    server = testbed.new(Coordinator)
    with server.configuration.open("a") as file:
        file.write("nonsense\n")
    assert "nonsense" in refusal(server)


def test_missing_configuration(testbed):
    """A zoo.cfg that is not there is named."""
    server = testbed.new(Coordinator)
    server.configuration.unlink()
    assert str(server.configuration) in refusal(server)


def test_unusual_but_right_settings(testbed):
    """Comments, blanks, unknown keys, one server line and Windows line ends are fine; unknown keys are warned of."""
    server = testbed.new(Coordinator)
    with server.configuration.open("a") as file:
        file.write("# a comment\r\n\r\n  server.1 = localhost:2888:3888 \r\nfuture.key=1\r\n")
    server.start_and_wait()
    assert "future.key" in server.text()


def test_unknown_address(testbed):
    """An address that this machine does not have is named."""
    server = testbed.new(Coordinator, settings={"clientPortAddress": "no.such.host.invalid"})
    assert server.start().wait() == 1
    assert "no.such.host.invalid" in server.tail(1)


def test_port_in_use(testbed):
    """A port that is taken is named."""
    first = testbed.start(Coordinator)
    second = testbed.new(Coordinator, port=first.port)
    assert second.start().wait() == 1
    message = second.tail(1)
    assert str(first.port) in message and "in use" in message


def test_data_of_apache_zookeeper_is_refused(testbed):
    """A directory with data of another format is left as it is."""
    server = testbed.new(Coordinator)
    (server.data / "version-2").mkdir()
    (server.data / "version-2" / "log.1").write_bytes(b"ZKLG")
    assert "version-2" in refusal(server)
    assert [path.name for path in server.data.rglob("*")] == ["version-2", "log.1"]


def test_unusable_data_directory(testbed):
    """A dataDir that cannot be made is named."""
    server = testbed.new(Coordinator)
    (server.data / "file").write_text("")
    server.configure({"dataDir": server.data / "file" / "data", "clientPort": server.port})
    assert str(server.data / "file" / "data") in refusal(server)


# Connections.


def test_limit_of_connections(testbed, kind):
    """An address gets maxClientCnxns connections; one that ends makes room, however it ended."""
    server = testbed.start(kind, settings={"maxClientCnxns": 5})
    for _ in range(20):  # Words and broken-off connections leave nothing behind.
        four_letter_word(server.port, "ruok")
        Wire(server.port, timeout=None).socket.close()

    def one_more():
        try:
            return Wire(server.port)
        except (Closed, OSError):
            return None

    held = [wait_for(one_more, what="there is room for a connection") for _ in range(5)]
    assert one_more() is None
    held.pop().socket.close()
    held.append(wait_for(one_more, what="there is room again"))
    assert all(raw.ping().error == 0 for raw in held)
    for raw in held:
        raw.socket.close()


def test_silent_connections_hold_up_nobody(server):
    """Clients that connect and send nothing, or half a frame, do not disturb others."""
    silent = [Wire(server.port, timeout=None) for _ in range(20)]
    for raw in silent[::2]:
        raw.socket.sendall(wire.connect_request()[:17])
    with Wire(server.port) as raw:
        assert raw.create("/served", flags=wire.EPHEMERAL).error == 0
    half = silent[0]
    half.socket.sendall(wire.connect_request()[17:])
    assert len(half.read_frame()) == 37
    for raw in silent:
        raw.socket.close()


def test_silent_connection_is_ended(testbed):
    """A connection that never says who it is does not keep its place for ever; Apache ZooKeeper allows 10 s."""
    server = testbed.start(Coordinator)
    with Wire(server.port, timeout=None) as raw:
        raw.socket.settimeout(15)
        assert raw.is_closed()


def test_one_byte_at_a_time(server):
    """A request that comes byte by byte is a request; others are served between its bytes."""
    with Wire(server.port) as slow, Wire(server.port) as other:
        for byte in wire.request(9, wire.CREATE, wire.create("/slow")):
            slow.socket.sendall(bytes([byte]))
            assert other.ping().error == 0
        assert slow.receive().xid == 9
        assert other.exists("/slow")
        slow.delete("/slow")


def test_largest_frame(server):
    """A frame of jute.maxbuffer bytes is taken; a longer one ends the connection before it is read."""
    rest = len(wire.request(1, wire.CREATE, wire.create("/largest"))) - 4
    with Wire(server.port) as raw:
        assert raw.create("/largest", bytes(0xfffff - rest)).error == 0
        assert raw.delete("/largest").error == 0
        raw.socket.sendall(wire.number(0xfffff + 1))
        assert raw.is_closed()


@pytest.fixture(scope="module")
def coordinator(shared_testbed):
    """A coordinator that strange input must not end."""
    return shared_testbed.start(Coordinator)


@pytest.fixture
def bystander(coordinator):
    """An honest client; after the test it is still served, by the same process."""
    pid = coordinator.pid
    with Wire(coordinator.port) as raw:
        path = wire.read_text(raw.create("/bystander-", flags=wire.EPHEMERAL | wire.SEQUENTIAL).body)[0]
        yield raw
        assert raw.exists(path)
        assert raw.call(wire.CLOSE).error == 0
    with Wire(coordinator.port) as new:
        assert new.ping().error == 0
    assert coordinator.is_running and coordinator.pid == pid


HUGE = 0x7fffffff


def header(operation):
    return struct.pack(">ii", 1, operation)


MALFORMED = {
    "negative-length": wire.number(-1),
    "most-negative-length": wire.number(-2**31),
    "oversized-length": wire.number(HUGE),
    "garbage": b"\xde\xad\xbe\xef" * 64,
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "word-after-connect": b"ruok",
    "empty-frame": wire.frame(b""),
    "three-bytes": wire.frame(b"\0\0\0"),
}

#: A header of a request, and what cannot be read behind it.
UNREADABLE = {
    "header-without-record": wire.frame(header(wire.CREATE)),
    "truncated-create": wire.frame(header(wire.CREATE) + wire.create("/malformed")[:-5]),
    "truncated-watch-flag": wire.frame(header(wire.GET) + wire.text("/")),
    "huge-path": wire.frame(header(wire.EXISTS) + wire.number(HUGE) + b"/"),
    "negative-path": wire.frame(header(wire.EXISTS) + wire.number(-2) + b"/\0"),
    "null-path": wire.frame(header(wire.EXISTS) + wire.number(-1) + b"\0"),
    "no-utf-8": wire.frame(header(wire.EXISTS) + wire.buffer(b"/\xff\xfe") + b"\0"),
    "huge-data": wire.frame(header(wire.SET) + wire.text("/") + wire.number(HUGE)),
    "negative-data": wire.frame(header(wire.SET) + wire.text("/") + wire.number(-7) + wire.number(-1)),
    "huge-acl": wire.frame(header(wire.CREATE) + wire.text("/malformed") + wire.buffer(b"") + wire.number(HUGE)),
    "huge-watches": wire.frame(header(wire.SET_WATCHES) + struct.pack(">qi", 0, HUGE)),
    "huge-last-watches": wire.frame(
        header(wire.SET_WATCHES) + struct.pack(">qiii", 0, 0, 0, HUGE) + wire.text("/")),
    "multi-without-end": wire.frame(
        header(wire.MULTI) + wire.multi_header(wire.CREATE) + wire.create("/malformed")),
    "multi-in-multi": wire.frame(
        header(wire.MULTI) + wire.multi_header(wire.MULTI) + wire.multi_header(wire.CREATE)
        + wire.create("/malformed") + wire.MULTI_END + wire.MULTI_END),
    "unknown-in-multi": wire.frame(
        header(wire.MULTI) + wire.multi_header(wire.CREATE) + wire.create("/malformed") + wire.multi_header(4711)),
    "close-in-multi": wire.frame(header(wire.MULTI) + wire.multi_header(wire.CLOSE) + wire.MULTI_END),
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_frame_ends_its_connection(coordinator, bystander, content):
    """Bytes that are no request end the connection they came on, change nothing and harm nobody else."""
    with Wire(coordinator.port) as raw:
        raw.socket.sendall(content)
        assert raw.is_closed()
    assert not bystander.exists("/malformed")


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_request_is_answered(coordinator, bystander, content):
    """A request that cannot be read is answered as such and changes nothing; the connection goes on."""
    with Wire(coordinator.port) as raw:
        raw.socket.sendall(content)
        reply = raw.receive()
        assert (reply.error, reply.body) == (MARSHALLING_ERROR, b"")
        assert raw.ping().error == 0
    assert not bystander.exists("/malformed")


FIRST = {
    "empty": wire.frame(b""),
    "short": wire.frame(bytes(20)),
    "negative-length": wire.number(-5),
    "huge-password": wire.frame(struct.pack(">iqiqi", 0, 0, 4000, 0, HUGE)),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "random": random.Random(1).randbytes(500),
}


@pytest.mark.parametrize("content", FIRST.values(), ids=FIRST.keys())
def test_malformed_greeting_ends_its_connection(coordinator, bystander, content):
    """Bytes that are no greeting end the connection."""
    with Wire(coordinator.port, timeout=None) as raw:
        raw.socket.sendall(content)
        assert raw.is_closed()


@pytest.mark.parametrize("session", [1, -1, 2**63 - 1, -2**63])
@pytest.mark.parametrize("password", [b"", bytes(16), bytes(1000)], ids=["none", "zeros", "long"])
def test_unknown_session(coordinator, bystander, session, password):
    """A session that does not exist is told so, whatever its number and password."""
    with Wire(coordinator.port, session=session, password=password) as raw:
        assert (raw.session, raw.timeout) == (0, 0)
        assert raw.is_closed()


@pytest.mark.parametrize("operation", [-1, -10, 20, 0, 10, 14711, -2**31])
def test_operations_that_are_not_for_clients(coordinator, bystander, operation):
    """Operations of the log, and those without meaning, are refused and never carried out."""
    with Wire(coordinator.port) as raw:
        assert raw.call(operation, wire.text("/bystander")).error == -6
        assert raw.is_closed()


def test_bare_check(coordinator, bystander):
    """A check outside a transaction is answered, and leaves nothing behind that a restart would stumble over."""
    with Wire(coordinator.port) as raw:
        raw.create("/checked")
        assert raw.call(wire.CHECK, wire.text("/checked") + wire.number(0)).error in (0, -6)
        assert raw.call(wire.CHECK, wire.text("/checked") + wire.number(7)).error in (-103, -6)
        raw.delete("/checked")


def fuzz_frame(source):
    """A frame of noise, or a real request with a wrong type, a cut, a changed byte or more bytes."""
    path = source.choice(["/", "/fuzz", "/fuzz/a", "/zookeeper", "", "//", "/fuzz/\u00e9"])
    version = wire.number(source.choice([-1, 0, 1, 2**31 - 1, -2**31]))
    create = wire.create(path, source.randbytes(source.randrange(40)), source.randrange(-1, 8))
    operation, body = source.choice([
        (wire.CREATE, create), (wire.DELETE, wire.text(path) + version), (wire.EXISTS, wire.text(path) + b"\1"),
        (wire.GET, wire.text(path) + b"\1"), (wire.SET, wire.text(path) + wire.buffer(None) + version),
        (wire.CHILDREN, wire.text(path) + b"\1"), (wire.CHECK, wire.text(path) + version), (wire.CLOSE, b""),
        (wire.MULTI, wire.multi_header(wire.CREATE) + create + wire.multi_header(wire.DELETE) + wire.text(path)
         + version + wire.MULTI_END),
        (wire.SET_WATCHES, wire.set_watches(source.randrange(-1, 2**40), [path], [path, path], [path])),
        (source.randrange(-20, 120), source.randbytes(source.randrange(60)))])
    match source.randrange(5):
        case 0:
            operation = source.randrange(-20, 120)
        case 1:
            body = body[:source.randrange(len(body) + 1)]
        case 2 if body:
            place = source.randrange(len(body))
            body = body[:place] + source.randbytes(1) + body[place + 1:]
        case 3:
            body += source.randbytes(source.randrange(20))
    return wire.request(source.randrange(1, 2**31), operation, body)


def test_fuzz(testbed):
    """Thousands of random frames end connections and nothing else, and leave a log that can be read."""
    server = testbed.start(Coordinator)
    source = random.Random(20261122)
    frames = 4000
    with Wire(server.port) as honest:
        honest.create("/honest", b"1")
        raw = None
        while frames > 0:
            batch = [fuzz_frame(source) for _ in range(source.randrange(1, 12))]
            frames -= len(batch)
            raw = raw or Wire(server.port)
            try:
                raw.socket.sendall(b"".join(batch))
                raw.send(wire.PING, xid=-2)
                while (answer := raw.receive())[0] != -2:
                    assert isinstance(answer, wire.Event) or answer.xid > 0
            except (Closed, OSError):
                raw.socket.close()
                raw = None
            assert honest.ping().error == 0
        assert wire.read_data(honest.get("/honest").body) == b"1"
        names = honest.call(wire.CHILDREN, wire.text("/") + b"\0").body
        server.restart()
    with Wire(server.port) as again:
        after = again.call(wire.CHILDREN, wire.text("/") + b"\0").body
        assert len(after) == len(names) and wire.read_data(again.get("/honest").body) == b"1"
