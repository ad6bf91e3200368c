"""A Docker daemon of its own for the tests, with a bridge and an image of its own."""

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from harness import Program, wait_for
from marathon_cluster import processes_with

IMAGE = "web:1"
PAGE = "hello from a container\n"
APPLETS = ["cat", "env", "httpd", "ls", "nc", "sh", "sleep"]


class DockerDaemon(Program):
    """dockerd with all its files in one folder; skips the test where it cannot run."""

    def __init__(self, directory):
        directory = Path(directory)
        self.require()
        self.bridge = f"mesos{os.getpid() % 100_000}"
        # The kernel wants paths of sockets short; those of pytest's folders are not.
        self.short = Path(tempfile.mkdtemp(prefix="dockerd-"))
        self.socket = self.short / "docker.sock"
        super().__init__(directory, [
            "dockerd", f"--data-root={directory}/data", f"--exec-root={self.short}/exec",
            f"--host=unix://{self.socket}", f"--pidfile={directory}/pid", f"--bridge={self.bridge}"])

    @staticmethod
    def require():
        if os.geteuid() != 0:
            pytest.skip("dockerd needs root")
        for program, package in [("dockerd", "docker.io"), ("docker", "docker.io"), ("iptables", "iptables"),
                                 ("ip", "iproute2"), ("busybox", "busybox-static")]:
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed: apt-get install {package}")

    def is_ready(self):
        return self.run("version", check=False).returncode == 0

    def start_and_wait(self, **options):
        address = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}.1/24"
        for command in [f"link add name {self.bridge} type bridge", f"addr add {address} dev {self.bridge}",
                        f"link set {self.bridge} up"]:
            if (result := subprocess.run(["ip", *command.split()], capture_output=True, text=True)).returncode:
                self.end()
                pytest.skip(f"no bridge for dockerd: ip {command}: {result.stderr.strip()}")
        try:
            super().start_and_wait(**options)
        except AssertionError:
            self.end()
            pytest.skip(f"dockerd does not start: {self.tail(3)}")
        self.run("import", "-", IMAGE, input=image())
        return self

    def run(self, *arguments, check=True, input=None):
        """A docker command."""
        result = subprocess.run(["docker", "-H", f"unix://{self.socket}", *arguments], input=input, capture_output=True,
                                timeout=30)
        assert not check or result.returncode == 0, f"docker {' '.join(arguments)}: {result.stderr.decode()}"
        return result

    def containers(self, everything=False):
        """What `docker inspect` says of the containers that run, by their ids."""
        ids = self.run("ps", "--quiet", "--no-trunc", *["--all"] * everything).stdout.decode().split()
        found = self.run("inspect", "--type=container", *ids, check=False) if ids else None
        return {item["Id"]: item for item in json.loads(found.stdout)} if found else {}

    def end(self):
        if self.is_running:
            if ids := self.run("ps", "--all", "--quiet", check=False).stdout.decode().split():
                self.run("rm", "--force", "--volumes", *ids, check=False)
            self.process.terminate()
            try:
                wait_for(lambda: not self.is_running, 20, "dockerd stops")
            finally:
                self._clean_up()
        else:
            self._clean_up()

    def _clean_up(self):
        """Removes what dockerd leaves: its containerd when it had no time to end it, its bridge and rules."""
        super().end()
        for pid in processes_with(f"{self.short}/", "cmdline"):
            os.kill(pid, signal.SIGKILL)
        for table in ("nat", "filter"):
            rules = subprocess.run(["iptables", "-w", "-t", table, "-S"], capture_output=True, text=True).stdout
            for rule in rules.splitlines():
                words = rule.split()
                if self.bridge in words and words[0] == "-A":
                    subprocess.run(["iptables", "-w", "-t", table, "-D", *words[1:]], capture_output=True)
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True)
        shutil.rmtree(self.short, ignore_errors=True)


def image():
    """A tar archive of a small system: busybox and a page for its web server."""
    busybox = Path(shutil.which("busybox")).resolve()
    if b"ELF" != busybox.read_bytes()[1:4] or b"/lib64/ld-" in busybox.read_bytes()[:4096]:
        pytest.skip("busybox is not static: apt-get install busybox-static")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        page = tarfile.TarInfo("www/index.html")
        page.size, page.mode = len(PAGE), 0o644
        tar.addfile(page, io.BytesIO(PAGE.encode()))
    return archive.getvalue()
