"""The private network of a cluster: a bridge in a network namespace, with an address for a client of the tests."""

import concurrent.futures
import ctypes
import os
import subprocess
import urllib.error
import urllib.request
import zlib

#: Nothing of it is visible outside the namespace.
PREFIX = "10.0.0"
CLONE_NEWNET = 0x40000000


class Network:
    """The network of the cluster of a name."""

    def __init__(self, name):
        self.namespace = f"mesos-vm-{name}"
        self.tag = f"{zlib.crc32(name.encode()) & 0xffff:04x}"
        self.threads = None

    def address(self, index):
        return f"{PREFIX}.{index}"

    def tap(self, index):
        return f"vm{self.tag}-{index}"

    @property
    def is_up(self):
        return os.path.exists(f"/run/netns/{self.namespace}")

    def up(self):
        if self.is_up:
            return
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
        self.run("ip", "address", "add", f"{PREFIX}.254/24", "dev", "br0")
        self.run("ip", "link", "set", "br0", "up")

    def down(self):
        if self.threads:
            self.threads.shutdown(cancel_futures=True)
            self.threads = None
        if self.is_up:
            subprocess.run(["ip", "netns", "delete", self.namespace], check=True)

    def run(self, *command):
        """Runs a program of the host in the network."""
        subprocess.run(["ip", "netns", "exec", self.namespace, *command], check=True)

    def adopt(self, tap):
        """Takes the interface that a qemu just made; it goes away with that qemu."""
        subprocess.run(["ip", "link", "set", tap, "netns", self.namespace], check=True)
        self.join(tap)
        self.run("ip", "link", "set", tap, "up")

    def join(self, tap):
        self.run("ip", "link", "set", tap, "master", "br0")

    def cut(self, tap):
        """Frames are lost, the carrier stays."""
        self.run("ip", "link", "set", tap, "nomaster")

    def call(self, function, *arguments):
        """Calls a function in a thread whose sockets are in the network."""
        if self.threads is None:
            self.threads = concurrent.futures.ThreadPoolExecutor(16, initializer=self._enter)
        return self.threads.submit(function, *arguments).result()

    def _enter(self):
        """A namespace is a property of a thread."""
        library = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{self.namespace}") as file:
            if library.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter the network {self.namespace}")

    def request(self, method, url, body=None, timeout=20):
        """Status and text of an answer. OSError when there is none."""
        return self.call(self._request, method, url, body, timeout)

    @staticmethod
    def _request(method, url, body, timeout):
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as response:
                return response.status, response.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
