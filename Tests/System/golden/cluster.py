"""A master with one agent and the schedulers that use them, for the tests of the APIs."""
import http.client
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import scheduler
from harness import HOST, Agent, http_get, programs_path, wait_for
from scheduler import PATH, CallRefused

SCHEMA = Path(__file__).resolve().parents[3] / "Sources/MesosProtocol/Schema"
RESOURCES = "cpus:4;mem:1024;disk:1024;ports:[31000-32000]"


def need_program(name):
    """Skips where the multi-call program does not have a program yet."""
    names = subprocess.run([programs_path()], capture_output=True, text=True, timeout=20).stderr
    if name not in names:
        pytest.skip(f"this build has no {name}")


class LoneAgent(Agent):
    """mesos-agent of a master that leads alone."""

    def __init__(self, directory, master, resources=RESOURCES, flags=()):
        need_program("mesos-agent")
        super().__init__(directory, master, containerizers="process", resources=resources, flags=flags)
        self.arguments = [
            f"--master={HOST}:{master.port}" if argument.startswith("--master=") else argument
            for argument in self.arguments]

    def end(self):
        """Ends its tasks too: they outlive an agent that is killed."""
        super().end()
        for file in self.directory.glob("run/containers/*/launcher"):
            pid, started, *_ = file.read_text().split()
            if process_start(pid) == started:
                os.kill(int(pid), signal.SIGUSR1)
                wait_for(lambda: process_start(pid) != started, what=f"the task of {file} has ended")


def process_start(pid):
    """When a process started, in the kernel's clock ticks; None when it has ended, waited for or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def page(port, path):
    """The decoded JSON of a page."""
    status, body = http_get(port, path)
    assert status == 200, f"{path}: {status} {body[:200]!r}"
    return json.loads(body)


def wait_for_agent(master, agent):
    """Waits until both know that the agent is registered."""
    wait_for(lambda: page(master.port, "/state")["activated_slaves"] == 1, 20, "the master has an agent")
    wait_for(lambda: page(agent.port, "/metrics/snapshot")["slave/registered"] == 1, 20, "the agent has a master")


def protobuf_messages(directory):
    """The Python module of scheduler.proto, made in `directory`."""
    if not shutil.which("protoc"):
        pytest.skip("protoc is not installed: apt-get install protobuf-compiler")
    subprocess.run(
        ["protoc", f"--python_out={directory}", f"-I{SCHEMA}", "mesos.proto", "scheduler.proto"], check=True)
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module("scheduler_pb2")
    finally:
        sys.path.remove(str(directory))


class Scheduler(scheduler.Scheduler):
    """A scheduler that comes back names its id where the API wants it: beside `subscribe` too."""

    def _post(self, call):
        return self._send({"framework_id": {"value": self.framework_id}} | call if self.framework_id else call)

    def _send(self, call):
        return super()._post(call)


class ProtobufScheduler(Scheduler):
    """The same scheduler, speaking protobuf; its calls and events are still given as JSON."""

    messages = None

    def _send(self, call):
        from google.protobuf.json_format import ParseDict
        headers = {"Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"}
        if self.stream_id and call["type"] != "SUBSCRIBE":
            headers["Mesos-Stream-Id"] = self.stream_id
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.connect()
        opened = connection.sock
        connection.request("POST", PATH, ParseDict(call, self.messages.Call()).SerializeToString(), headers)
        response = connection.getresponse()
        if response.status not in (200, 202):
            text = response.read().decode(errors="replace")
            connection.close()
            raise CallRefused(response.status, text)
        if call["type"] == "SUBSCRIBE":
            assert response.getheader("Content-Type") == "application/x-protobuf"
            self._socket = opened
        else:
            response.read()
        return connection, response

    def _read(self, connection, response):
        super()._read(connection, JSONRecords(response, self.messages.Event))


class JSONRecords:
    """Reads like a stream of JSON records what is a stream of protobuf records."""

    def __init__(self, stream, message):
        self.stream = stream
        self.message = message
        self.record = b""

    def readline(self):
        from google.protobuf.json_format import MessageToDict
        line = self.stream.readline()
        if not line:
            return line
        event = self.message.FromString(self.stream.read(int(line)))
        assert event.IsInitialized()
        self.record = json.dumps(MessageToDict(event, preserving_proto_field_name=True)).encode()
        return b"%d\n" % len(self.record)

    def read(self, length):
        return self.record[:length]


def scalar(name, value, role="*"):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": role}}


def task(offer, task_id, command="true", cpus=0.1, mem=32, **fields):
    """A TaskInfo of a shell command on an offer's agent and role."""
    role = offer["allocation_info"]["role"] if "allocation_info" in offer else "*"
    info = {
        "name": task_id, "task_id": {"value": task_id}, "agent_id": offer["agent_id"],
        "resources": [scalar("cpus", cpus, role), scalar("mem", mem, role)],
        "command": {"shell": True, "value": command},
    } | fields
    return {name: value for name, value in info.items() if value is not None}


def one_offer(scheduler, timeout=10):
    """The next offer; the cluster has one agent, so an event carries one."""
    offers = scheduler.wait("OFFERS", timeout=timeout)["offers"]["offers"]
    assert len(offers) == 1
    return offers[0]


def launch(scheduler, offers, tasks, refuse_seconds=0):
    """ACCEPT with LAUNCH."""
    return scheduler.call(
        "ACCEPT", offer_ids=[offer["id"] for offer in offers],
        operations=[{"type": "LAUNCH", "launch": {"task_infos": tasks}}], filters={"refuse_seconds": refuse_seconds})


def update(scheduler, task_id, state, timeout=15, acknowledge=True):
    """Takes the first UPDATE of a task with a state and acknowledges it; returns its status."""
    event = scheduler.wait(
        "UPDATE", lambda e: e["update"]["status"]["task_id"]["value"] == task_id
        and e["update"]["status"]["state"] == state, timeout)
    status = event["update"]["status"]
    if acknowledge and status.get("uuid"):
        acknowledge_status(scheduler, status)
    return status


def acknowledge_status(scheduler, status):
    return scheduler.call(
        "ACKNOWLEDGE", agent_id=status["agent_id"], task_id=status["task_id"], uuid=status["uuid"])


class Acknowledger:
    """Acknowledges every update of a scheduler in the background, so that a test need not follow the states."""

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(5)

    def _run(self):
        done = set()
        while not self.stop.wait(0.02):
            for event in list(self.scheduler.seen):
                status = event.get("update", {}).get("status", {})
                if status.get("uuid") and status["uuid"] not in done:
                    done.add(status["uuid"])
                    acknowledge_status(self.scheduler, status)
