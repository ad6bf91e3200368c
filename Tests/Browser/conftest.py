"""Starts the whole stack and a browser, and keeps what a page complains about."""

import http.client
import json
import os
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import HOST, Program, programs_path, wait_for
from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
DESKTOP = {"width": 1200, "height": 800}
PHONE = {"width": 375, "height": 700}

# The pages refresh themselves five times as often as for people.
HURRY = "const later = setTimeout; window.setTimeout = (action, delay) => later(action, delay / 5);"

expect.set_options(timeout=15_000)


class Stack(Program):
    """mesos-local: coordinator, master, agent and Marathon in one process, on ports that the kernel chose."""

    def __init__(self, directory):
        self.work = Path(directory) / "work"
        ports = [f"--{name}_port=0" for name in ("zk", "master", "agent", "marathon")]
        super().__init__(directory, [
            programs_path(), "mesos-local", *ports, f"--work_dir={self.work}", "--containerizers=process",
            "--resources=cpus:4;mem:1024;disk:1024;ports:[31000-32000]"])

    def is_ready(self):
        return "Marathon  " in self.text()

    def address(self, name):
        """The URL that it printed for a page."""
        return re.search(rf"^{name}\s+(http://\S+)$", self.text(), re.MULTILINE)[1]

    @property
    def master(self):
        return self.address("Mesos")

    @property
    def marathon(self):
        return self.address("Marathon")

    def api(self, method, path, body=None):
        """Status and JSON of a request to Marathon's REST API."""
        connection = http.client.HTTPConnection(HOST, urlsplit(self.marathon).port, timeout=10)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def create(self, app_id, **fields):
        """Creates a small app, which need not run yet."""
        app = {"id": app_id, "cmd": "sleep 1000", "cpus": 0.1, "mem": 32} | fields
        status, answer = self.api("POST", "/v2/apps", app)
        assert status == 201, answer

    def delete_all(self):
        """Deletes every app and waits until nothing is left of them."""
        for app in self.api("GET", "/v2/apps")[1]["apps"]:
            self.api("DELETE", f"/v2/apps{app['id']}?force=true")

        def empty():
            return not any((self.api("GET", "/v2/apps")[1]["apps"], self.api("GET", "/v2/tasks")[1]["tasks"],
                            self.api("GET", "/v2/deployments")[1]))
        wait_for(empty, 15, "all apps, tasks and deployments are gone", interval=0.05)

    def end(self):
        """Ends it as Ctrl-C does, and by force what is left then."""
        try:
            if self.is_running:
                self.process.send_signal(signal.SIGINT)
                assert self.wait(15) == 0, self.tail()
        finally:
            super().end()
            for file in self.work.glob("*/run/containers/*/launcher"):
                pid, started, *_ = file.read_text().split()
                if start_of(pid) == started:
                    os.kill(int(pid), signal.SIGUSR1)


def start_of(pid):
    """When a process started, in the kernel's clock ticks; None when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


class Watch:
    """What a page complained about: console messages, exceptions, requests that failed or were refused."""

    def __init__(self, page):
        self.page = page
        self.complaints = []
        self.expected = set()
        self.events = {
            "console": self._console,
            "pageerror": lambda error: self.complaints.append(f"exception: {error}"),
            "requestfailed": lambda request: self.complaints.append(f"failed: {request.url} {request.failure}"),
            "response": self._response,
        }
        for name, handler in self.events.items():
            page.on(name, handler)

    def expect(self, status, path):
        """Takes answers of this status to this path as no complaint; the browser logs each of them as an error."""
        self.expected.add((status, path))

    def _console(self, message):
        if message.type not in ("error", "warning"):
            return
        refused = re.search(r"responded with a status of (\d+)", message.text)
        path = urlsplit(message.location["url"]).path
        if not refused or (int(refused[1]), path) not in self.expected:
            self.complaints.append(f"console: {message.text} {message.location['url']}")

    def _response(self, response):
        if response.status >= 400 and (response.status, urlsplit(response.url).path) not in self.expected:
            self.complaints.append(f"refused: {response.status} {response.url}")

    def end(self):
        for name, handler in self.events.items():
            self.page.remove_listener(name, handler)


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """One stack serves all tests."""
    program = Stack(tmp_path_factory.mktemp("stack"))
    try:
        yield program.start_and_wait()
    finally:
        program.end()


@pytest.fixture(scope="session")
def browser():
    """One Chromium serves all tests."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture
def no_apps(stack):
    """Nothing runs after the test."""
    yield
    stack.delete_all()


@pytest.fixture
def open_page(browser, no_apps):
    """Opens pages, each of which must not complain about anything but what the test expects."""
    contexts = []
    watches = []

    def open_page(address, viewport=DESKTOP, **options):
        contexts.append(browser.new_context(viewport=viewport, **options))
        contexts[-1].add_init_script(HURRY)
        page = contexts[-1].new_page()
        watches.append(Watch(page))
        page.watch = watches[-1]
        page.goto(address)
        page.evaluate("document.reloads = 'none'")
        return page

    yield open_page
    for watch in watches:
        watch.end()
    reloaded = [watch.page.url for watch in watches if watch.page.evaluate("document.reloads") != "none"]
    for context in contexts:
        context.close()
    assert not reloaded, "a test sees what a page shows without a reload"
    complaints = [complaint for watch in watches for complaint in watch.complaints]
    assert not complaints


@pytest.fixture
def picture():
    """Keeps a picture of a page in the folder SCREENSHOTS, if that is given."""
    def picture(page, name):
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}.png")
    return picture


def pytest_configure():
    """A SIGTERM ends the programs too, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of the stack's log with a failure."""
    report = yield
    if report.failed and isinstance(program := getattr(item, "funcargs", {}).get("stack"), Stack):
        report.sections.append(("log of mesos-local", program.tail()))
    return report
