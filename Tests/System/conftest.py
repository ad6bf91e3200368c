"""Fixtures of all system tests."""

import signal

import pytest
from kazoo.client import KazooClient

from harness import HOST, Coordinator, Testbed, ZooKeeper
from marathon_cluster import Cluster


@pytest.fixture
def testbed(tmp_path):
    """Starts programs that end with the test."""
    bed = Testbed(tmp_path)
    yield bed
    bed.end()


@pytest.fixture(scope="module")
def shared_testbed(tmp_path_factory):
    """Starts programs that serve all tests of a file."""
    bed = Testbed(tmp_path_factory.mktemp("shared"))
    yield bed
    bed.end()


@pytest.fixture(scope="module", params=[Coordinator, ZooKeeper])
def kind(request):
    """Our coordinator, then Apache ZooKeeper: the same test for both."""
    return request.param


@pytest.fixture(scope="module")
def server(kind, shared_testbed):
    """A server that the tests of a file share."""
    return shared_testbed.start(kind)


@pytest.fixture(scope="module")
def shared_cluster(shared_testbed):
    """All that Marathon needs, shared by the tests of a file."""
    return Cluster(shared_testbed)


@pytest.fixture
def cluster(shared_cluster):
    """A cluster without apps; a test must not leave a program dead."""
    yield shared_cluster
    shared_cluster.check_programs()
    shared_cluster.api.delete_all()


@pytest.fixture
def api(cluster):
    """Marathon's REST API, with no apps."""
    return cluster.api


@pytest.fixture
def connect():
    """Connects kazoo clients, which are stopped after the test."""
    clients = []

    def connect(server, timeout=4):
        retry = {"max_tries": -1, "delay": 0.05, "max_delay": 0.2}
        clients.append(KazooClient(f"{HOST}:{server.port}", timeout=timeout, connection_retry=retry))
        clients[-1].start()
        return clients[-1]

    yield connect
    for client in clients:
        client.stop()
        client.close()


def pytest_configure():
    """A SIGTERM ends the programs too, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the ends of the programs' logs with a failure."""
    report = yield
    if report.failed:
        beds = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Testbed)]
        for program in {id(program): program for bed in beds for program in bed.programs}.values():
            report.sections.append((f"log of {program.directory.name}", program.tail()))
    return report
