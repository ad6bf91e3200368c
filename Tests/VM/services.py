"""The services of a cluster of machines as its users see them: through HTTP, from beside the machines."""

import http.client
import json
import threading
import time

MASTER, AGENT, MARATHON = 5050, 5051, 8080
UNREACHABLE = (OSError, http.client.HTTPException, ValueError)


def wait_for(predicate, timeout, what, interval=0.5):
    """Asks until the answer is true, and returns it; fails at the deadline. No answer of a service is no answer."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            if answer := predicate():
                return answer
        except UNREACHABLE as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}" + (f" ({last!r})" if last else ""))
        time.sleep(interval)


class Site:
    """Some machines of a cluster."""

    def __init__(self, cluster, machines):
        self.cluster = cluster
        self.machines = machines

    def request(self, machine, port, path, method="GET", body=None, timeout=20):
        """Status and text."""
        url = f"http://{machine.address}:{port}{path}"
        return self.cluster.network.request(method, url, None if body is None else json.dumps(body).encode(), timeout)

    def get(self, machine, port, path):
        """The JSON of an answer; ValueError when it is none or a refusal."""
        status, text = self.request(machine, port, path)
        if status != 200:
            raise ValueError(f"{status} from {machine.name}:{port}{path}: {text[:200]}")
        return json.loads(text)


class Marathon:
    """Marathon's REST API; any machine's will do, a Marathon that does not lead asks the one that does."""

    def __init__(self, site, machine=None):
        self.site = site
        self.machine = machine or site.machines[0]

    def get(self, path):
        return self.site.get(self.machine, MARATHON, path)

    def change(self, method, path, body=None, expected=(200, 201)):
        status, text = self.site.request(self.machine, MARATHON, path, method, body)
        assert status in expected, f"{method} {path}: {status} {text}"
        return json.loads(text) if text else None

    def create(self, app, **fields):
        """Creates a small app."""
        return self.change("POST", "/v2/apps", {"id": app, "cpus": 0.1, "mem": 32, "instances": 1} | fields)

    def delete(self, app):
        self.change("DELETE", f"/v2/apps{app}?force=true")

    def tasks(self, app):
        """The tasks of an app that run, by id."""
        found = self.get(f"/v2/apps{app}/tasks")["tasks"]
        return {task["id"]: task for task in found if task["state"] == "TASK_RUNNING"}

    def wait_for_tasks(self, app, count, timeout=300):
        """Waits until so many tasks run and none is on its way; returns them."""
        def settled():
            tasks = self.get(f"/v2/apps{app}/tasks")["tasks"]
            return len(tasks) == count == len(self.tasks(app)) and not self.get("/v2/deployments")
        wait_for(settled, timeout, f"{app} has {count} tasks")
        return self.tasks(app)

    def wait_until_gone(self, app, timeout=120):
        wait_for(lambda: self.site.request(self.machine, MARATHON, f"/v2/apps{app}")[0] == 404
                 and not [task for task in self.get("/v2/tasks")["tasks"] if task["appId"] == app],
                 timeout, f"{app} is gone")


class Client(threading.Thread):
    """Asks an app all the time, as a load balancer does: an instance that does not answer is passed over for the next."""

    def __init__(self, network, urls, interval=0.5, timeout=2):
        super().__init__(daemon=True)
        self.network = network
        self.urls = list(urls)
        self.interval = interval
        self.timeout = timeout
        self.answers = [time.monotonic()]
        self.ended = threading.Event()

    def _ask(self, url):
        try:
            return self.network.request("GET", url, timeout=self.timeout)[0] == 200
        except UNREACHABLE:
            return False

    def run(self):
        while not self.ended.is_set():
            for url in list(self.urls):
                if self._ask(url):
                    self.answers.append(time.monotonic())
                    break
            self.ended.wait(self.interval)

    def longest_gap(self, since):
        """The longest time without an answer, in seconds, from a moment on until now."""
        moments = [since, *[moment for moment in self.answers if moment > since], time.monotonic()]
        return max(after - before for before, after in zip(moments, moments[1:]))

    def stop(self):
        self.ended.set()
        self.join()
