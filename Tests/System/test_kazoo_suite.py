"""kazoo's own tests, unmodified, against our coordinator: whatever passes on Apache ZooKeeper 3.8 has to pass here.

The tests come with the package of kazoo; kazoo_suite/ starts the servers for them. What passes on an Apache ZooKeeper
that stands alone is written down in kazoo_suite/passes-on-zookeeper.txt. KAZOO_SUITE_SERVER=ZooKeeper runs them on that
one instead, and RECORD=1 writes down what passed.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kazoo
import pytest

FOLDER = Path(__file__).resolve().parent / "kazoo_suite"
RECORD = FOLDER / "passes-on-zookeeper.txt"
TESTS = Path(kazoo.__file__).parent / "tests"
SERVER = os.environ.get("KAZOO_SUITE_SERVER", "Coordinator")

#: Tests that pass on Apache ZooKeeper and not on ours, and why that is so.
EXCEPTIONS = {}

#: Modules that take long; they are started first.
LONG = ["test_partitioner", "test_eventlet_handler", "test_watchers", "test_client", "test_gevent_handler", "test_lock",
        "test_selectors_select"]
#: They sleep most of the time, so that a few of them together do not disturb each other.
TOGETHER = 4


def run_module(module, folder):
    """Runs one module of tests; returns the outcome of each test by its name, and the output."""
    report = folder / f"{module}.xml"
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_ADDOPTS")}
    environment |= {
        "KAZOO_SUITE_SERVER": SERVER, "ZOOKEEPER_VERSION": "3.8.0", "ZOOKEEPER_CLUSTER_SIZE": "1",
        "PYTHONPATH": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", TESTS, "-p", "no:cacheprovider",
        "-p", "kazoo_servers", "--timeout", "60", "-o", "faulthandler_timeout=80", "--tb", "short",
        "--junitxml", report, TESTS / f"{module}.py"]
    output = run_bounded(command, env=environment, cwd=folder)
    assert report.exists(), output
    return outcomes(module, report), output


def run_bounded(command, seconds=200, **options):
    """The output of a command; at the deadline it is asked to end, with the servers it has started."""
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            process.terminate()
            return process.communicate(timeout=60)[0]


def outcomes(module, report):
    """Passed, skipped or failed, for each test of a report; one that was interrupted has no name."""
    found = {}
    for case in xml.etree.ElementTree.parse(report).iterfind(".//testcase[@classname]"):
        name = f"{module}.{case.get('classname').rpartition('.')[2]}.{case.get('name')}"
        kinds = {child.tag for child in case}
        found[name] = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
    return found


def run_all(folder):
    """All modules, a few at a time."""
    modules = sorted((path.stem for path in TESTS.glob("test_*.py")), key=lambda name: (name not in LONG, name))
    with ThreadPoolExecutor(TOGETHER) as pool:
        results = list(pool.map(lambda module: run_module(module, folder), modules))
    outputs = dict(zip(modules, (output for _, output in results)))
    return {name: outcome for module, _ in results for name, outcome in module.items()}, outputs


@pytest.mark.timeout(900)
def test_what_passes_on_zookeeper_passes_here(tmp_path):
    """No test that Apache ZooKeeper passes fails here, but those that are known to, and those really do."""
    found, outputs = run_all(tmp_path)
    passed = {name for name, outcome in found.items() if outcome == "passed"}
    if os.environ.get("RECORD"):
        assert SERVER == "ZooKeeper", "what passes is recorded of Apache ZooKeeper"
        RECORD.write_text("".join(f"{name}\n" for name in sorted(passed)))
    expected = set(RECORD.read_text().split())
    exceptions = set(EXCEPTIONS) if SERVER == "Coordinator" else set()
    missing = expected - passed - exceptions
    # Some of its tests race their own threads, and lose on a busy machine: a module alone has another try.
    for module in sorted({name.partition(".")[0] for name in missing}):
        again, outputs[module] = run_module(module, tmp_path)
        passed |= {name for name, outcome in again.items() if outcome == "passed"}
    missing = expected - passed - exceptions
    for module in {name.partition(".")[0] for name in missing}:
        print(outputs[module])
    assert not missing, "these pass on Apache ZooKeeper, and not here"
    mended = exceptions & passed
    assert not mended, "these pass now: take them out of EXCEPTIONS"
