"""What who operates a coordinator sees: four-letter words, the administrator's server, the metrics."""

import json
import re
import shutil
import socket
import subprocess
import urllib.request

import pytest
from kazoo.client import KazooClient

import wire
from harness import Coordinator, ZooKeeper, four_letter_word, programs_path, wait_for
from wire import Wire

EVERYTHING = {"4lw.commands.whitelist": "*"}


@pytest.fixture(params=[Coordinator, ZooKeeper], ids=["coordinator", "ZooKeeper"])
def operated(request, testbed):
    return testbed.start(request.param, settings=EVERYTHING)


@pytest.fixture
def client(operated):
    client = KazooClient(f"127.0.0.1:{operated.port}")
    client.start()
    yield client
    client.stop()
    client.close()


def pairs(text, separator):
    return dict(line.split(separator, 1) for line in text.splitlines() if separator in line)


def test_monitor(operated, client):
    """`mntr` has what exporters read."""
    client.create("/node", b"content", ephemeral=True)
    client.get("/node", watch=print)
    figures = pairs(four_letter_word(operated.port, "mntr"), "\t")
    assert figures["zk_server_state"] == "standalone"
    assert int(figures["zk_num_alive_connections"]) == 2  # The word's own connection counts.
    assert [int(figures[f"zk_{name}"]) for name in ("znode_count", "ephemerals_count", "watch_count")] == [6, 1, 1]
    for name in ("avg_latency", "min_latency", "max_latency", "packets_received", "packets_sent", "uptime",
                 "outstanding_requests", "approximate_data_size", "open_file_descriptor_count",
                 "max_file_descriptor_count", "global_sessions"):
        assert float(figures[f"zk_{name}"]) >= 0, name


def test_configuration(operated):
    """`conf` tells the settings, `envi` the surroundings."""
    settings = pairs(four_letter_word(operated.port, "conf"), "=")
    assert settings["clientPort"] == str(operated.port)
    assert {"dataDir", "dataLogDir", "tickTime", "maxClientCnxns", "minSessionTimeout", "maxSessionTimeout",
            "serverId"} <= set(settings)
    assert "zookeeper.version" in pairs(four_letter_word(operated.port, "envi"), "=")
    assert re.fullmatch(r"datadir_size: \d+\nlogdir_size: \d+\n", four_letter_word(operated.port, "dirs"))


def test_sessions(operated, client):
    """`cons` and `dump` name the session and its ephemeral nodes."""
    client.create("/mine", ephemeral=True)
    session = f"0x{client.client_id[0]:x}"
    line = next(line for line in four_letter_word(operated.port, "cons").splitlines() if f"sid={session}" in line)
    assert re.search(
        r"^ /127\.0\.0\.1:\d+\[1\]\(queued=\d+,recved=\d+,sent=\d+,sid=0x[0-9a-f]+,lop=\w+,est=\d+,to=\d+,lcxid=0x[0-9a-f]+,"
        r"lzxid=0x[0-9a-f]+,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)$", line), line
    dump = four_letter_word(operated.port, "dump")
    assert f"\t{session}\n" in dump
    assert f"Sessions with Ephemerals (1):\n{session}:\n\t/mine\n" in dump


def test_watches(operated, client):
    """`wchs`, `wchc` and `wchp` tell who watches what."""
    client.create("/watched")
    client.get("/watched", watch=print)
    client.get_children("/watched", watch=print)
    session = f"0x{client.client_id[0]:x}"
    assert four_letter_word(operated.port, "wchs").splitlines()[0] == "1 connections watching 1 paths"
    assert four_letter_word(operated.port, "wchc").startswith(f"{session}\n\t/watched\n")
    assert four_letter_word(operated.port, "wchp").startswith(f"/watched\n\t{session}\n")


def test_resets(operated, client):
    """`srst` and `crst` set the counters back."""
    client.get_children("/")
    assert four_letter_word(operated.port, "srst") == "Server stats reset.\n"
    assert four_letter_word(operated.port, "crst") == "Connection stats reset.\n"
    received = re.search(r"Received: (\d+)", four_letter_word(operated.port, "srvr")).group(1)
    assert int(received) < 3


def test_words_that_are_not_allowed(testbed):
    """Only `srvr` answers unless more is allowed."""
    server = testbed.start(Coordinator, settings={"4lw.commands.whitelist": "srvr"})
    assert four_letter_word(server.port, "srvr").startswith("Zookeeper version: ")
    for word in ("mntr", "conf", "dump", "wchc"):
        assert four_letter_word(server.port, word) == f"{word} is not executed because it is not in the whitelist.\n"


# Those of ZooKeeper 3.8 but `set_trace_mask`: there is no trace of that kind.
ADMINISTRATOR_COMMANDS = {
    "configuration", "connection_stat_reset", "connections", "dirs", "dump", "environment", "get_trace_mask", "hash",
    "initial_configuration", "is_read_only", "last_snapshot", "leader", "monitor", "observer_connection_stat_reset", "observers", "ruok",
    "server_stats", "stat_reset", "stats", "system_properties", "voting_view", "watch_summary", "watches",
    "watches_by_path", "zabstate"}


@pytest.fixture
def pages(testbed):
    """The addresses of the administrator's server and of the metrics."""
    server = testbed.start(Coordinator, settings=EVERYTHING | {
        "ssl.trustStore.password": "s3cret", "admin.serverPort": 0, "metricsProvider.httpPort": 0, "metricsProvider.httpHost": "127.0.0.1",
        "metricsProvider.className": "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"})

    def addresses():
        found = dict(re.findall(r"(commands|metrics)\b.* at (http://127\.0\.0\.1:\d+)/", server.text()))
        return (found["commands"], found["metrics"]) if len(found) == 2 else None

    return wait_for(addresses, what="both servers listen")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_administrator(pages):
    """Every command answers JSON with its name, by its long and its short name; an unknown one says so."""
    names = re.findall(r'/commands/(\w+)"', get(f"{pages[0]}/commands"))
    assert set(names) == ADMINISTRATOR_COMMANDS
    for name in names:
        answer = json.loads(get(f"{pages[0]}/commands/{name}"))
        assert (answer["command"], answer["error"]) == (name, None)
    assert json.loads(get(f"{pages[0]}/commands/mntr"))["znode_count"] == 5
    assert json.loads(get(f"{pages[0]}/commands/stat"))["server_stats"]["server_state"] == "standalone"
    assert json.loads(get(f"{pages[0]}/commands/conf"))["tick_time"] > 0
    text = json.loads(get(f"{pages[0]}/commands/icfg"))["initial_configuration"]
    assert "admin.serverPort=0\n" in text and "ssl.trustStore.password=xxxxxxxx\n" in text and "s3cret" not in text
    assert json.loads(get(f"{pages[0]}/commands/nothing"))["error"]
    assert json.loads(get(f"{pages[0]}/commands/lsnp"))["zxid"] == "0"


def test_metrics(pages):
    """The figures are there in Prometheus's format."""
    lines = get(f"{pages[1]}/metrics").splitlines()
    assert "znode_count 5" in lines
    assert "# TYPE num_alive_connections gauge" in lines
    assert "# TYPE fsynctime summary" in lines
    assert all(re.fullmatch(r"# TYPE \w+ (gauge|summary)|\w+ -?[\d.]+(e[+-]?\d+)?", line) for line in lines)


def test_administrator_is_off_by_default(testbed):
    """The port of the original's server, 8080, is Marathon's: nothing listens unless it is asked for."""
    server = testbed.start(Coordinator)
    assert "/commands" not in server.text()


def test_soft_quota(testbed):
    """A soft quota forbids nothing; the log says once which path has outgrown it, and by how much."""
    server = testbed.start(Coordinator)
    client = KazooClient(f"127.0.0.1:{server.port}")
    client.start()
    client.create("/limited")
    client.create("/zookeeper/quota/limited/zookeeper_limits", b"count=2,bytes=-1", makepath=True)
    client.create("/zookeeper/quota/limited/zookeeper_stats", b"count=1,bytes=0")
    client.create("/limited/a")
    assert "is exceeded" not in server.text()
    client.create("/limited/b")
    client.create("/limited/c")
    client.stop()
    client.close()
    [line] = [line for line in server.text().splitlines() if "is exceeded" in line]
    assert "the quota of /limited is exceeded: there are 3 nodes of 0 bytes" in line


def test_figures_of_what_went_wrong(testbed):
    """Failed authentications and slow syncs are counted, and the log tells of them; sizes of replies are known."""
    server = testbed.start(Coordinator, settings=EVERYTHING | {"fsync.warningthresholdms": 0})
    figures = lambda: pairs(four_letter_word(server.port, "mntr"), "\t")
    assert figures()["zk_last_client_response_size"] == "-1"
    with Wire(server.port) as raw:
        raw.create("/node")
        assert raw.create("/none/there").error == -101
        assert raw.call(100, wire.number(0) + wire.text("unknown") + wire.buffer(b"x"), xid=-4).error == -115
    found = figures()
    assert found["zk_auth_failed_count"] == "1"
    # A session, a node, and one that could not be made; the authentication changed nothing.
    assert (found["zk_cnt_updatelatency"], found["zk_cnt_readlatency"]) == ("3", "1")
    assert int(found["zk_cnt_fsynctime"]) >= 1
    assert int(found["zk_fsync_threshold_exceed_count"]) > 0
    assert int(found["zk_max_client_response_size"]) >= int(found["zk_min_client_response_size"]) > 0
    assert "did not prove who it says it is" in server.text()
    assert re.search(r"waiting for the disk took \d+ ms", server.text())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_status_asks_any_address(testbed, host):
    """`mesos-coordinator status` finds the server at the name or address that it listens on."""
    server = testbed.new(Coordinator, settings={"clientPortAddress": host})
    server.start()
    wait_for(lambda: "serving clients" in server.text(), what="the server listens")
    command = [programs_path(), "mesos-coordinator", "status", f"--config={server.configuration}"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert "Mode: standalone" in answer.stdout, answer.stderr


def test_all_addresses_of_both_families(testbed):
    """Without an address clients come by IPv4 and IPv6; one of IPv4 is known by that."""
    server = testbed.start(Coordinator, settings=EVERYTHING | {"clientPortAddress": None})
    for host, known in [("127.0.0.1", "/127.0.0.1:"), ("::1", "/::1:")]:
        with socket.create_connection((host, server.port), 10) as raw:
            raw.sendall(b"cons")
            answer = b"".join(iter(lambda: raw.recv(1 << 16), b"")).decode()
        assert known in answer, answer


# Has a system without IPv6 say so.
NO_IPV6 = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int family, int type, int protocol) {
    if (family == AF_INET6) { errno = EAFNOSUPPORT; return -1; }
    return ((int (*)(int, int, int)) dlsym(RTLD_NEXT, "socket"))(family, type, protocol);
}
"""


def test_system_without_ipv6(testbed, tmp_path):
    """Where there is no IPv6 the server listens on all addresses of IPv4."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    library = tmp_path / "no-ipv6.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, "-xc", "-"], input=NO_IPV6.encode(), check=True, timeout=60)
    server = testbed.new(Coordinator, settings={"clientPortAddress": None})
    server.environment = server.environment | {"LD_PRELOAD": str(library)}
    server.start_and_wait()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("::1", server.port), 10)
