"""The socket that services tell systemd by how they are (sd_notify(3))."""

import socket
import tempfile
from pathlib import Path

from harness import wait_for


class StatusSocket:
    """Takes the messages of one program, which is started with `environment`."""

    def __init__(self):
        # The kernel wants paths of sockets short; those of pytest's folders are not.
        self.folder = tempfile.TemporaryDirectory(prefix="notify-")
        path = str(Path(self.folder.name) / "socket")
        self.environment = {"NOTIFY_SOCKET": path}
        self.messages = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self.folder.cleanup()

    def receive(self):
        """All lines so far."""
        while True:
            try:
                self.messages.append(self._socket.recv(65536).decode().split("\n"))
            except BlockingIOError:
                return [line for message in self.messages for line in message]

    @property
    def ready(self):
        """The status lines that came with READY=1."""
        self.receive()
        return [line for message in self.messages if "READY=1" in message for line in message if line != "READY=1"]

    def wait_for(self, line, timeout=15):
        """Waits until a line is the newest status, and no other one has followed."""
        def is_newest():
            statuses = [item for item in self.receive() if item.startswith("STATUS=")]
            return statuses and statuses[-1] == line
        wait_for(is_newest, timeout, f"systemd is told {line}; it was told {self.messages}")
