"""`mesos doctor`: what it says of machines whose files lie below a folder of the test, with real services."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from certificates import Authority
from docker_daemon import DockerDaemon
from harness import HOST, Coordinator, Master, ZooKeeper, free_port, http_get, programs_path, wait_for, zk
from test_coordinator_tls import secure

PASSWORD = "s3cret-w0rd"
#: Two rounds of looks of 5 s each, and the start of a debug build on a busy machine.
LONGEST = 25


class Machine:
    """The files of a machine, and what the doctor says of it."""

    def __init__(self, folder):
        self.root = Path(folder)
        self.root.chmod(0o755)
        self.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n")
        (self.root / "proc").symlink_to("/proc")

    def write(self, path, text, mode=0o644):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
        file.chmod(mode)
        return file

    def program(self, name, script):
        self.write(f"usr/bin/{name}", f"#!/bin/sh\n{script}", 0o755)

    def master(self, port, url, **flags):
        self.write("etc/mesos/zk", url)
        for name, value in ({"port": port, "ip": HOST, "hostname": "localhost", "quorum": 1,
                             "work_dir": "/var/lib/mesos"} | flags).items():
            self.write(f"etc/mesos-master/{name}", value)
        (self.root / "var/lib/mesos").mkdir(parents=True, exist_ok=True)

    def coordinator(self, server):
        self.write("etc/zookeeper/conf/zoo.cfg", server.configuration.read_text().replace(
            f"dataDir={server.data}", "dataDir=/var/lib/zookeeper"))
        (self.root / "var/lib/zookeeper").mkdir(parents=True, exist_ok=True)
        if isinstance(server, ZooKeeper):
            self.write("usr/share/java/zookeeper.jar", "")

    def run(self, *arguments, **options):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MESOS_", "MARATHON_"))}
        return subprocess.run(
            [programs_path(), "mesos", "doctor", f"--root={self.root}", *arguments], capture_output=True, text=True,
            timeout=40, env=environment, stdin=subprocess.DEVNULL, **options)

    def findings(self, status, **options):
        """The findings that are not ok, by their checks, and those that are."""
        result = self.run("--json", **options)
        assert result.returncode == status, result.stdout + result.stderr
        report = json.loads(result.stdout)
        assert report["error"] == sum(finding["severity"] == "error" for finding in report["findings"])
        wrong, well = {}, {}
        for finding in report["findings"]:
            (well if finding["severity"] == "ok" else wrong).setdefault(finding["check"], []).append(finding)
        return wrong, well


@pytest.fixture
def machine():
    """Outside of pytest's folders, whose paths are too long for sockets and closed to other users."""
    folder = tempfile.mkdtemp(prefix="doctor-")
    yield Machine(folder)
    shutil.rmtree(folder)


def texts(findings, key="what"):
    return " | ".join(finding.get(key, "") for finding in findings or [])


def registered_master(testbed, server):
    """A master that leads."""
    master = testbed.start(Master, server)
    wait_for(lambda: http_get(master.port, "/master/redirect")[0] == 307, timeout=30, what="the master leads")
    return master


@pytest.mark.parametrize("kind", [Coordinator, ZooKeeper])
@pytest.mark.parametrize("words", ["srvr", "ruok"])
def test_nothing_is_wrong(testbed, connect, machine, kind, words):
    """Servers and a master that work are found to do so, also where the word srvr is not allowed."""
    server = testbed.new(kind, settings={"4lw.commands.whitelist": words})
    server.start()
    wait_for(lambda: is_open(server.port), server.start_timeout, "the server takes connections")
    connect(server)
    master = registered_master(testbed, server)
    machine.coordinator(server)
    machine.master(master.port, zk(server, "/mesos"))
    wrong, well = machine.findings(0)
    assert "no systemctl" in texts(wrong.pop("units"))
    assert "standalone, version 3." in texts(well["zookeeper"]) if words == "srvr" else "answers" in texts(
        well["zookeeper"])
    assert f"the leading master is localhost ({HOST}:{master.port}, version 1.11.0)" in texts(well["masters"])
    assert "the quorum of 1 fits 1 registered master" in texts(well["masters"])
    assert f"port {server.port} is zookeeper's" in texts(well["ports"])
    assert f"port {master.port} is mesos-master's" in texts(well["ports"])
    assert "mesos-master runs 0.1.0, as is installed" in texts(well["versions"])
    # What the machine that runs the tests has of clocks and limits is its own affair.
    assert set(wrong) <= {"clock", "limits", "directories"}, wrong


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_each_mistake_has_its_command(machine):
    """Wrong flags, a port that is another's, a ZooKeeper that does not run, no Docker: errors, and what mends them."""
    closed = free_port()
    with socket.create_server((HOST, 0)) as foreign:
        port = foreign.getsockname()[1]
        machine.master(port, f"zk://{HOST}:{closed}/mesos", quorum="many")
        machine.write("etc/mesos-slave/containerizers", "dokcer,docker")
        machine.write("etc/mesos-slave/work_dir", "/var/lib/mesos")
        machine.write("etc/mesos-slave/port", "0")
        machine.write("etc/mesos-slave/hostname", "no-such-name.invalid")
        wrong, _ = machine.findings(1)
        lines = machine.run().stdout
    assert "/etc/mesos-master/quorum: 'many' is wrong" in texts(wrong["configuration"])
    assert "editor /etc/mesos-master/quorum" in texts(wrong["configuration"], "mend")
    assert "'dokcer' is no containerizer" in texts(wrong["containerizers"])
    assert "no-such-name.invalid, does not resolve" in texts(wrong["hostname"])
    assert f"{HOST}:{closed} cannot be reached: Connection refused" in texts(wrong["zookeeper"])
    assert "there is no /var/run/docker.sock" in texts(wrong["docker"])
    assert "there is no program docker" in texts(wrong["docker"])
    for finding in [finding for check in wrong.values() for finding in check if finding["severity"] == "error"]:
        assert f"{finding['what']}: {finding['why']}. Mend: {finding['mend']}" in lines
    assert "\x1b" not in lines, "colours are for terminals"


def test_a_port_that_another_program_has(machine):
    """Whose it is, and how to end it."""
    with socket.create_server((HOST, 0)) as foreign:
        machine.master(foreign.getsockname()[1], f"zk://{HOST}:{free_port()}/mesos")
        wrong, _ = machine.findings(1)
    assert f"(pid {os.getpid()})" in texts(wrong["ports"])


def test_units(machine):
    """What systemctl says of the units, and options on a unit's command line."""
    states = {
        "mesos-master": "ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=3\n"
                        "ExecStart={ path=/x ; argv[]=/usr/sbin/mesos-master --prot=5051 ; ignore_errors=no }",
        "marathon": "ActiveState=inactive\nSubState=dead\nUnitFileState=disabled",
    }
    blocks = [f"Id={name}.service\nLoadState=loaded\nUnitFileState=enabled\n{state}" for name, state in states.items()]
    machine.write("units", "\n\n".join([*blocks, "Id=zookeeper.service\nLoadState=not-found"]))
    machine.program("systemctl", f"cat {machine.root}/units")
    machine.master(free_port(), f"zk://{HOST}:{free_port()}/mesos")
    wrong, _ = machine.findings(1)
    assert texts(wrong["units"]) == "mesos-master has failed: its program ended with 3"
    assert "unknown flag, did you mean --port?" in texts(wrong["configuration"])
    assert "marathon is installed but neither enabled nor started" in texts(wrong["configuration"])


def test_credentials_are_never_shown(testbed, machine):
    """The password in a zk:// URL opens what only its owner may read, and is nowhere in the output."""
    server = testbed.start(Coordinator)
    master = testbed.new(Master, server)
    url = zk(server, "/mesos").replace("zk://", f"zk://services:{PASSWORD}@")
    master.arguments = [argument.replace(zk(server, "/mesos"), url) for argument in master.arguments]
    master.start_and_wait()
    wait_for(lambda: http_get(master.port, "/master/redirect")[0] == 307, timeout=30, what="the master leads")
    machine.master(master.port, url)
    wrong, well = machine.findings(1)
    assert "the leading master is localhost" in texts(well["masters"])
    assert "/etc/mesos/zk holds a password in a zk:// URL" in texts(wrong["secrets"])
    assert texts(wrong["secrets"], "mend") == "chmod o= /etc/mesos/zk"
    outputs = [machine.run(), machine.run("--json")]
    for wrong_url, complaint in [(url.replace(f":{server.port}", ":port"), "is no host:port"),
                                 (url.replace("zk:", "zoo:"), "expected zk://host1"),
                                 (url.replace("zk:", "zk:x:"), "expected zk://host1")]:
        machine.write("etc/mesos/zk", wrong_url)
        outputs.append(machine.run())
        assert "/etc/mesos/zk: '" in outputs[-1].stdout and complaint in outputs[-1].stdout
    assert not any(PASSWORD in output.stdout + output.stderr for output in outputs)
    machine.write("etc/mesos/zk", url, 0o600)
    wrong, _ = machine.findings(0)
    assert "secrets" not in wrong


def test_encrypted_sessions(testbed, machine, tmp_path):
    """A server whose port speaks TLS is reached, and not taken for a stranger's."""
    server = testbed.start(Coordinator, settings=secure(Authority(tmp_path)))
    secure_port = settings_of(server)["secureClientPort"]
    machine.master(free_port(), f"zk://{HOST}:{secure_port}/mesos", zk_ssl_trust_store=tmp_path / "authority.pem")
    _, well = machine.findings(0)
    assert f"{HOST}:{secure_port} takes connections; as they are encrypted" in texts(well["zookeeper"])


def settings_of(server):
    return dict(line.split("=", 1) for line in server.configuration.read_text().splitlines())


def test_nothing_hangs(machine):
    """A server, a daemon and a program that never answer, and a file that never ends: each look has its deadline."""
    machine.program("systemctl", "exec sleep 60")
    docker = machine.root / "var/run/docker.sock"
    docker.parent.mkdir(parents=True)
    with socket.create_server((HOST, 0)) as server, socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(docker))
        daemon.listen()
        machine.master(free_port(), f"zk://{HOST}:{server.getsockname()[1]}/mesos")
        machine.write("etc/mesos-slave/containerizers", "docker")
        machine.write("etc/mesos-slave/work_dir", "/var/lib/mesos")
        machine.write("etc/mesos-slave/executor_registration_timeout", "15mins")
        machine.write("etc/marathon/conf/hostname", "localhost")
        os.mkfifo(machine.root / "etc/marathon/conf/http_port")
        start = time.monotonic()
        wrong, _ = machine.findings(1)
        assert time.monotonic() - start < LONGEST
    assert "takes connections and does not answer" in texts(wrong["zookeeper"])
    assert "did not end within 5 s" in texts(wrong["units"])
    assert "Docker's daemon does not answer at /var/run/docker.sock: Connection timed out" in texts(wrong["docker"])
    assert "the configuration of marathon could not be seen" in texts(wrong["configuration"])


def test_strangers_at_the_ports(machine):
    """Something else than ZooKeeper, and something else than Docker."""
    docker = machine.root / "var/run/docker.sock"
    docker.parent.mkdir(parents=True)
    with socket.create_server((HOST, 0)) as server, socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(docker))
        daemon.listen()
        for listener in (server, daemon):
            threading.Thread(target=answer_nonsense, args=[listener], daemon=True).start()
        machine.write("etc/mesos/zk", f"zk://{HOST}:{server.getsockname()[1]}/mesos")
        machine.write("etc/mesos-slave/containerizers", "docker")
        machine.write("etc/mesos-slave/work_dir", "/var/lib/mesos")
        wrong, _ = machine.findings(1)
    assert "something else than ZooKeeper answers" in texts(wrong["zookeeper"])
    assert "it speaks no HTTP" in texts(wrong["docker"])


def answer_nonsense(listener):
    """Until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            connection.sendall(b"220 nonsense ESMTP\r\n")


def test_docker_daemon(machine, tmp_path):
    """A real daemon says what it is."""
    daemon = DockerDaemon(tmp_path / "docker")
    try:
        daemon.start_and_wait()
        machine.write("etc/mesos/zk", f"zk://{HOST}:{free_port()}/mesos")
        machine.write("etc/mesos-slave/containerizers", "docker")
        machine.write("etc/mesos-slave/docker_socket", "/docker.sock")
        machine.write("etc/mesos-slave/work_dir", "/var/lib/mesos")
        (machine.root / "docker.sock").symlink_to(daemon.socket)
        machine.program("docker", "exit 0")
        wrong, well = machine.findings(1)
        information = json.loads(daemon.run("info", "--format", "{{json .}}").stdout)
    finally:
        daemon.end()
    told = texts(wrong.get("docker")) + texts(well.get("docker"))
    assert "there is no program" not in told and "does not answer" not in told
    if information["CgroupVersion"] == "1":
        assert "Docker uses cgroup version 1" in told
    elif information["CgroupDriver"] == "systemd" and information["Driver"] != "vfs":
        assert f"Docker {information['ServerVersion']} answers: cgroup driver systemd" in told


def test_without_rights(machine):
    """Another user than root is told what it cannot see, and the rest is checked all the same."""
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    if nobody and subprocess.run(["test", "-x", programs_path()], **nobody).returncode:
        pytest.skip(f"nobody may not execute {programs_path()}")
    machine.master(free_port(), f"zk://{HOST}:{free_port()}/mesos")
    machine.write("etc/mesos-slave/work_dir", "/var/lib/mesos")
    hidden = machine.write("etc/mesos-slave/hostname", "agent", 0o000)
    wrong, _ = machine.findings(1, **nobody)
    if os.geteuid() == 0 or not os.access(hidden, os.R_OK):
        finding = next(finding for finding in wrong["configuration"] if "could not be seen" in finding["what"])
        assert "the configuration of mesos-slave could not be seen: /etc/mesos-slave/hostname" in finding["what"]
        assert finding["mend"] == "sudo mesos doctor"
    assert "cannot be reached" in texts(wrong["zookeeper"])


@pytest.mark.parametrize("arguments, complaint", [
    ([], "Usage: mesos COMMAND"), (["dance"], "there is no command 'dance'"),
    (["doctor", "--colour"], "unknown flag"), (["doctor", "all"], "unexpected argument 'all'"),
    (["doctor", "--root=/nowhere-at-all"], "there is no /nowhere-at-all/"),
])
def test_wrong_usage(arguments, complaint):
    """Status 2, and what there is instead."""
    result = subprocess.run([programs_path(), "mesos", *arguments], capture_output=True, text=True, timeout=20)
    assert result.returncode == 2
    assert complaint in result.stderr
    if arguments[:1] != ["doctor"]:
        assert "doctor" in result.stderr, "the list of commands"


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--help"], ["--version"], ["doctor", "--version"]])
def test_help(arguments):
    """Help and version are no errors."""
    result = subprocess.run([programs_path(), "mesos", *arguments], capture_output=True, text=True, timeout=20)
    assert result.returncode == 0 and result.stdout and not result.stderr


def test_an_empty_machine(machine):
    """Nothing is installed, so nothing is wrong."""
    wrong, well = machine.findings(0)
    assert not well and "apt install" in texts(wrong["configuration"], "mend")
