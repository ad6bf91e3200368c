"""Fixtures of the tests in virtual machines, and what they print at the end."""

import os
import signal
from pathlib import Path

import pytest

from machines import Cluster
from manual import ROOT
from services import Site

FIGURES = []
REPOSITORY = "/srv/mesos-apt"
UNITS = "zookeeper mesos-master mesos-slave marathon"


@pytest.fixture(scope="session")
def figures():
    """Lines for the end of the run."""
    return FIGURES


@pytest.fixture(scope="session")
def packages():
    """The folder of the package repository."""
    folder = Path(os.environ.get("MESOS_APT") or ROOT / ".build-deb/repository")
    assert list(folder.rglob("*.deb")), f"{folder} has no packages: make deb apt-repo"
    return folder


def copy_repository(folder, machine):
    """Copies the repository to where README.md has it, without debug symbols, which are most of it."""
    machine.copy_in(folder, REPOSITORY, exclude="*-dbgsym_*")


@pytest.fixture(scope="module")
def make_site():
    """Starts the machines of a cluster, which end with the file."""
    clusters = []

    def make(cluster, *names):
        clusters.append(Cluster(cluster))
        clusters[-1].down()
        return Site(clusters[-1], clusters[-1].up(*names))

    yield make
    for cluster in clusters:
        cluster.down()


@pytest.fixture(autouse=True)
def processor_time(request):
    """What a test cost the host's processors, which does not depend on what else the host does."""
    site = request.getfixturevalue("site")
    before = site.cluster.processor_seconds()
    yield
    FIGURES.append(f"processor time of {request.node.name}: {site.cluster.processor_seconds() - before:.0f} s")


def pytest_configure():
    """A SIGTERM ends the machines too, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the services wrote last with a failure."""
    report = yield
    if report.failed:
        for site in [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Site)]:
            for machine in site.machines:
                report.sections.append((f"journal of {machine.name}", journal(machine)))
    return report


def journal(machine):
    try:
        units = " ".join(f"-u {unit}" for unit in UNITS.split())
        return machine.run(f"systemctl --failed --no-legend; journalctl --no-pager -o short -n 80 {units}", 60)
    except Exception as error:  # A machine that is off has nothing to say.
        return str(error)


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("measured")
        for line in FIGURES:
            terminalreporter.write_line(line)
