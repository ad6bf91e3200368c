"""Marathon with all that it needs, and its REST API, for the tests of Marathon."""

import http.client
import json
import os
import re
import signal
from datetime import datetime
from pathlib import Path

from golden.cluster import need_program, page, process_start
from harness import HOST, Agent, Coordinator, Marathon, Master, wait_for

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: More than any agent has: an app that asks for it waits.
TOO_MUCH = {"cpus": 1000}


def moment(text):
    """A time as the REST API writes it."""
    assert re.fullmatch(TIMESTAMP, text), text
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Answer:
    """What the REST API answered."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:1000]!r}"


class RestAPI:
    """The REST API of the Marathon at a port."""

    def __init__(self, port):
        self.port = port

    def request(self, method, path, body=None, headers=None, text=None):
        """Any answer; `body` is sent as JSON, `text` as it is."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            payload = text if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": "application/json"} | (headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, path, status=200):
        """The JSON of a GET."""
        return self.expect(status, "GET", path).json

    def expect(self, status, method, path, body=None, **options):
        """An answer that has the status."""
        answer = self.request(method, path, body, **options)
        assert answer.status == status, f"{method} {path}: {answer}"
        return answer

    def create(self, app_id, cmd="sleep 3600", **fields):
        """Creates a small app; returns the id of its deployment."""
        app = {"id": app_id, "cmd": cmd, "cpus": 0.1, "mem": 32} | fields
        answer = self.expect(201, "POST", "/v2/apps", {name: value for name, value in app.items() if value is not None})
        return answer.headers["Marathon-Deployment-Id"]

    def start(self, app_id, cmd="sleep 3600", **fields):
        """Creates a small app and waits until it is deployed; returns it."""
        self.wait_for_deployment(self.create(app_id, cmd, **fields))
        return self.app(app_id)

    def change(self, method, path, body=None, status=200):
        """A change, waited for; returns its answer."""
        answer = self.expect(status, method, path, body)
        self.wait_for_deployment(answer.headers["Marathon-Deployment-Id"])
        return answer.json

    def app(self, app_id):
        return self.get(f"/v2/apps{app_id}")["app"]

    def tasks(self, app_id):
        return self.get(f"/v2/apps{app_id}/tasks")["tasks"]

    def task_ids(self, app_id):
        return {task["id"] for task in self.tasks(app_id)}

    def wait_for_deployment(self, deployment, timeout=20):
        """Waits until a deployment is over."""
        assert deployment
        wait_for(lambda: all(plan["id"] != deployment for plan in self.get("/v2/deployments")), timeout,
                 f"the deployment {deployment} ends")

    def delete_all(self, timeout=20):
        """Deletes every app and waits until nothing is left of them."""
        for app in self.get("/v2/apps")["apps"]:
            self.request("DELETE", f"/v2/apps{app['id']}?force=true")
        wait_for(lambda: not self.get("/v2/apps")["apps"] and not self.get("/v2/tasks")["tasks"]
                 and not self.get("/v2/deployments"), timeout, "all apps, tasks and deployments are gone")


class ProcessAgent(Agent):
    """mesos-agent with the process containerizer; its tasks end with it."""

    def __init__(self, directory, coordinator, **options):
        need_program("mesos-agent")
        super().__init__(directory, coordinator, containerizers="process", **options)

    def end(self):
        super().end()
        end_launchers(self.directory / "run")


def processes_with(text, file="environ"):
    """The ids of processes that have a text in their environment, or in another file of theirs in /proc."""
    def has(directory):
        try:
            return text.encode() in (directory / file).read_bytes()
        except OSError:
            return False
    return [int(directory.name) for directory in Path("/proc").glob("[0-9]*") if has(directory)]


def end_launchers(runtime_directory):
    """Ends the tasks that an agent left behind: they outlive an agent that is killed."""
    for pid in processes_with(f"--state={runtime_directory}/", "cmdline"):
        started = process_start(pid)
        if started:
            os.kill(pid, signal.SIGUSR1)
            wait_for(lambda: process_start(pid) != started, what=f"the launcher {pid} has ended")


class Cluster:
    """A coordinator, a master, an agent and a Marathon that is subscribed."""

    def __init__(self, bed):
        need_program("marathon")
        self.coordinator = bed.start(Coordinator)
        self.master = bed.start(Master, self.coordinator, flags=["--allocation_interval=100ms"])
        self.agent = bed.start(ProcessAgent, self.coordinator, flags=["--registration_backoff_factor=100ms"])
        self.marathon = bed.start(Marathon, self.coordinator, flags=["--min_revive_offers_interval", 100])
        self.programs = [self.coordinator, self.master, self.agent, self.marathon]
        self.api = RestAPI(self.marathon.port)
        wait_for_subscription(self.api, self.master.port)
        wait_for(lambda: page(self.master.port, "/state")["activated_slaves"] == 1, 20, "the master has an agent")

    def check_programs(self):
        """Fails when a program has died."""
        for program in self.programs:
            assert program.is_running, f"{program.name} died with {program.process.returncode}:\n{program.tail()}"

    def sandbox(self, task_id):
        """The path of a task's sandbox, of a running one or of one that ended."""
        state = page(self.agent.port, "/state")
        for framework in state["frameworks"] + state["completed_frameworks"]:
            for executor in framework["executors"] + framework["completed_executors"]:
                if executor["id"] == task_id:
                    return executor["directory"]
        raise AssertionError(f"the agent has no sandbox of {task_id}")

    def read_file(self, task_id, name):
        """The text of a file in a sandbox as the agent's /files/read gives it; None when there is none."""
        answer = RestAPI(self.agent.port).request(
            "GET", f"/files/read?path={self.sandbox(task_id)}/{name}&offset=0&length=50000")
        return answer.json["data"] if answer.status == 200 else None

    def wait_for_file(self, task_id, name, timeout=10):
        """The text of a file in a sandbox once it ends with a line that says `end`."""
        def whole():
            text = self.read_file(task_id, name)
            return text if text and text.endswith("end\n") else None
        return wait_for(whole, timeout, f"{name} of {task_id} is written").removesuffix("end\n")

    def wait_for_agent_tasks(self, expected):
        """Waits until the agent says that just these tasks run; one that ended is shown until that is acknowledged."""
        wait_for(lambda: self.agent_tasks() == expected, what=f"the agent runs {expected or 'nothing'}")

    def agent_tasks(self):
        return {task["id"] for framework in page(self.agent.port, "/state")["frameworks"]
                for executor in framework["executors"] for task in executor["tasks"]}


def wait_for_subscription(api, master_port, timeout=30):
    """Waits until Marathon leads and the master has it as a connected framework; returns its framework id."""
    def subscribed():
        answer = api.request("GET", "/v2/info")
        framework = answer.json["frameworkId"] if answer.status == 200 else None
        if not framework:
            return None
        known = {item["id"]: item for item in page(master_port, "/frameworks")["frameworks"]}
        return framework if known.get(framework, {}).get("connected") else None

    def attempt():
        try:
            return subscribed()
        except (OSError, http.client.HTTPException, AssertionError):
            return None
    return wait_for(attempt, timeout, "Marathon is subscribed", interval=0.05)
