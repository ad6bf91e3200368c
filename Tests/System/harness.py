"""Starts the programs under test as real processes, each with a log file, and ends every one of them."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

HOST = "127.0.0.1"
JAR = Path("/usr/share/java/zookeeper.jar")
NETTY = [f"/usr/share/java/netty-{part}.jar" for part in (
    "handler", "codec", "common", "buffer", "transport", "resolver", "transport-native-unix-common")]


def programs_path():
    """The multi-call program: MESOS_PROGRAMS, or what `swift build` made in this repository."""
    default = Path(__file__).resolve().parents[2] / ".build/debug/mesos-programs"
    return str(Path(os.environ.get("MESOS_PROGRAMS") or default).resolve())


def wait_for(predicate, timeout=10, what="the condition", interval=0.01):
    """Asks until the answer is true, and returns it; fails at the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        if answer := predicate():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(interval)


def free_port():
    """A port that nobody uses. Linux prefers odd ones for bind and even ones for connect, so that a client that
    tries to reconnect does not take the port of a server that is down for a moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def four_letter_word(port, word, timeout=5):
    """What a coordinator answers to a word like `srvr`."""
    with socket.create_connection((HOST, port), timeout) as connection:
        connection.sendall(word.encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer.decode()


def http_get(port, path, timeout=5):
    """Status and body of a GET."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Program:
    """A process of a command line. The output of all its runs goes to one log."""

    start_timeout = 20

    def __init__(self, directory, arguments, port=None, name=None, environment=None):
        self.name = name or Path(arguments[0]).name
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.arguments = [str(argument) for argument in arguments]
        self.port = port
        self.log = self.directory / "log"
        self.environment = {
            key: value for key, value in os.environ.items()
            if not key.startswith(("MESOS_", "MARATHON_", "NOTIFY_", "WATCHDOG_"))
        } | {"MESOS_ETC": str(self.directory / "etc")} | (environment or {})
        self.process = None

    def start(self, **options):
        """Starts the process and returns at once; the options are those of Popen."""
        assert not self.is_running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.directory,
                env=self.environment, start_new_session=True, **options)
        return self

    def start_and_wait(self, **options):
        """Starts the process and returns when it serves."""
        self.start(**options)
        wait_for(self._has_become_ready, self.start_timeout, f"{self.name} serves; its log ends:\n{self.tail()}")
        return self

    def _has_become_ready(self):
        assert self.is_running, f"{self.name} ended with {self.process.returncode}:\n{self.tail()}"
        try:
            return self.is_ready()
        except (OSError, http.client.HTTPException):
            return False

    def is_ready(self):
        """Whether it serves; may raise what a closed port raises."""
        if self.port:
            socket.create_connection((HOST, self.port), 1).close()
        return True

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def wait(self, timeout=10):
        """The exit status; negative for a signal."""
        wait_for(lambda: not self.is_running, timeout, f"{self.name} ends")
        return self.process.returncode

    def kill9(self):
        """Ends it as a power cut would."""
        self.process.kill()
        return self.wait()

    def terminate(self, timeout=10):
        """Asks it to stop, and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def restart(self, **options):
        """Starts it again with the same arguments; kills it first if it still runs."""
        if self.is_running:
            self.kill9()
        return self.start_and_wait(**options)

    def end(self):
        if self.is_running:
            self.kill9()

    def text(self):
        """Everything it wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])


class Coordinator(Program):
    """mesos-coordinator with a zoo.cfg of its own."""

    def __init__(self, directory, port=None, myid=None, settings=None):
        port = port or free_port()
        self.data = Path(directory) / "data"
        self.configuration = Path(directory) / "zoo.cfg"
        super().__init__(directory, self.command(), port, type(self).__name__.lower())
        self.configure({
            "tickTime": 200, "dataDir": self.data, "clientPort": port, "clientPortAddress": HOST,
            "4lw.commands.whitelist": "*"} | (settings or {}))
        self.data.mkdir(exist_ok=True)
        if myid is not None:
            (self.data / "myid").write_text(f"{myid}\n")

    def command(self):
        return [programs_path(), "mesos-coordinator", f"--config={self.configuration}"]

    def configure(self, settings):
        """Writes the zoo.cfg; a value of None leaves its key out."""
        lines = [f"{key}={value}\n" for key, value in settings.items() if value is not None]
        self.configuration.write_text("".join(lines))

    def is_ready(self):
        return "Mode:" in four_letter_word(self.port, "srvr", timeout=0.3)


class ZooKeeper(Coordinator):
    """The Apache ZooKeeper of Debian's package, as the reference."""

    def __init__(self, directory, settings=None, **options):
        if not JAR.exists() or not shutil.which("java"):
            pytest.skip("Apache ZooKeeper is not installed: apt-get install zookeeper")
        extra = {"admin.enableServer": "false", "preAllocSize": 1024}
        super().__init__(directory, settings=extra | (settings or {}), **options)

    def command(self):
        return ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", str(JAR),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(self.configuration)]


class SecureZooKeeper(ZooKeeper):
    """Debian's package leaves jars of Netty out of its class path that TLS needs."""

    def command(self):
        command = super().command()
        command[command.index("-cp") + 1] += ":" + ":".join(NETTY)
        command.insert(1, "-Dzookeeper.serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory")
        return command


class Master(Program):
    """mesos-master; it leads alone, or through a coordinator."""

    def __init__(self, directory, coordinator=None, flags=()):
        port = free_port()
        shared = [f"--zk={zk(coordinator, '/mesos')}", "--quorum=1"] if coordinator else []
        super().__init__(directory, [
            programs_path(), "mesos-master", f"--ip={HOST}", f"--port={port}", f"--work_dir={directory}/work",
            "--hostname=localhost", *shared, *flags], port, "mesos-master")

    def is_ready(self):
        return http_get(self.port, "/health")[0] == 200


class Agent(Program):
    """mesos-agent of the masters behind a coordinator."""

    def __init__(self, directory, coordinator, containerizers="mesos", resources="cpus:4;mem:1024;disk:1024", flags=()):
        port = free_port()
        super().__init__(directory, [
            programs_path(), "mesos-agent", f"--master={zk(coordinator, '/mesos')}", f"--ip={HOST}", f"--port={port}",
            f"--work_dir={directory}/work", f"--runtime_dir={directory}/run", "--hostname=localhost",
            f"--containerizers={containerizers}", f"--resources={resources}", *flags], port, "mesos-agent")

    def is_ready(self):
        return http_get(self.port, "/health")[0] == 200


class Marathon(Program):
    """marathon on the masters behind a coordinator, or on one at an address."""

    start_timeout = 40

    def __init__(self, directory, coordinator, flags=(), master=None):
        port = free_port()
        super().__init__(directory, [
            programs_path(), "marathon", "--master", master or zk(coordinator, "/mesos"),
            "--zk", zk(coordinator, "/marathon"),
            "--http_address", HOST, "--http_port", port, "--hostname", "localhost", *flags], port, "marathon")

    def is_ready(self):
        return http_get(self.port, "/ping")[0] == 200


def zk(coordinator, path):
    """The zk:// URL of a path in a coordinator."""
    return f"zk://{HOST}:{coordinator.port}{path}"


class Testbed:
    """The programs of one test; all of them have ended after `end`."""

    __test__ = False

    def __init__(self, directory):
        self.directory = Path(directory)
        self.programs = []

    def new(self, kind, *positional, **options):
        """A program that is not started yet, in a folder of its own."""
        folder = self.directory / f"{len(self.programs) + 1}-{kind.__name__.lower()}"
        self.programs.append(kind(folder, *positional, **options))
        return self.programs[-1]

    def start(self, kind, *positional, **options):
        """A program that serves."""
        return self.new(kind, *positional, **options).start_and_wait()

    def end(self):
        for program in reversed(self.programs):
            program.end()
