"""A qemu process: its command line, its monitor, and how its memory is saved and resumed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

KERNEL_ARGUMENTS = (
    "console=ttyS0 root=/dev/vda rw net.ifnames=0 quiet loglevel=4 panic=-1 reboot=k tsc=reliable clocksource=tsc "
    "no_timer_check nowatchdog mitigations=off nokaslr apparmor=0 audit=0 psi=1 systemd.show_status=0")
TCG = ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,-la57"]


def accelerator(folder, image):
    """The arguments of KVM where it boots our kernel, else of emulation; found out once for each kernel of the host."""
    record = folder / "accelerator.json"
    host = os.uname().release + os.uname().version
    if record.exists() and (known := json.loads(record.read_text()))["host"] == host:
        return known["arguments"]
    kvm = ["-accel", "kvm", "-cpu", "host"]
    arguments = kvm if os.access("/dev/kvm", os.W_OK) and _boots(image, kvm) else TCG
    record.write_text(json.dumps({"host": host, "arguments": arguments}))
    return arguments


def _boots(image, arguments):
    """A KVM that is itself emulated can take minutes for what emulation does in seconds."""
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-machine",
               "q35", *arguments, "-m", "256", "-no-reboot", "-kernel", image / "kernel", "-initrd", image / "initrd",
               "-append", "console=ttyS0 quiet panic=-1 vm.probe"]
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=6)
    except subprocess.TimeoutExpired:
        return False
    return b"VM-RUNS" in result.stdout


class Qemu:
    """The qemu of one machine; what it needs and leaves is in one folder."""

    def __init__(self, folder, image, memory, processors):
        self.folder = Path(folder)
        self.image = Path(image)
        self.memory = memory
        self.processors = processors
        self.disk = self.folder / "disk.qcow2"

    def recipe(self):
        """What a saved state depends on besides the image."""
        version = subprocess.run(["qemu-system-x86_64", "--version"], check=True, capture_output=True).stdout
        return [self._arguments(None, None), version]

    def make_disk(self, base, form):
        """An empty layer above another disk."""
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", form, "-b", base, self.disk], check=True)

    def _arguments(self, tap, memory_file, share="off"):
        if memory_file:
            backend = f"memory-backend-file,id=ram,size={self.memory}M,mem-path={memory_file},share={share}"
            memory = ["-object", backend, "-machine", "memory-backend=ram"]
        else:
            memory = []
        net = f"tap,id=l2,ifname={tap},script=no,downscript=no,vhost=off" if tap else "hubport,id=l2,hubid=9"
        return [
            "qemu-system-x86_64", "-name", self.folder.name, "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,vmport=off,smm=off,usb=off", "-smp", str(self.processors), "-m", f"{self.memory}M", *memory,
            "-kernel", str(self.image / "kernel"), "-initrd", str(self.image / "initrd"), "-append", KERNEL_ARGUMENTS,
            "-drive", f"if=none,id=d0,file={self.disk},format=qcow2,cache=writeback,discard=unmap",
            "-device", "virtio-blk-pci,drive=d0",
            "-netdev", "user,id=u0,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-:22",
            "-device", "virtio-net-pci,netdev=u0,romfile=,mac=52:54:00:76:00:01",
            "-netdev", net, "-device", "virtio-net-pci,netdev=l2,romfile=,mac=52:54:00:77:00:ff",
            "-device", "virtio-rng-pci", "-serial", f"file:{self.folder}/serial",
            "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off", "-pidfile", str(self.folder / "pid"), "-daemonize"]

    def start(self, acceleration, tap=None, memory_file=None, state=None):
        """Boots, or resumes a saved state; a memory file without a state is written to, so that it can be saved."""
        arguments = [*self._arguments(tap, memory_file, "off" if state else "on"), *acceleration]
        (self.folder / "monitor").unlink(missing_ok=True)
        (self.folder / "ssh-port").unlink(missing_ok=True)
        if state:
            arguments += ["-incoming", "defer"]
        result = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True)
        if result.returncode != 0:
            raise AssertionError(f"qemu does not start: {result.stderr.decode()}")
        self._keep_niceness()
        if state:
            with Monitor(self.folder / "monitor") as monitor:
                monitor.ignore_shared_memory()
                monitor.execute("migrate-incoming", uri=f"exec:cat {state}")
                monitor.wait(lambda: monitor.execute("query-status")["status"] == "running", "it resumes")

    def _keep_niceness(self):
        """Gives qemu the priority of who starts it: as a daemon it has a session of its own, and the kernel shares out the
        processors among sessions, whatever the niceness of their processes (sched(7), "The autogroup feature")."""
        pid = (self.folder / "pid").read_text().strip()
        with contextlib.suppress(OSError):  # A kernel without that feature: nothing depends on it.
            Path(f"/proc/{pid}/autogroup").write_text(str(os.nice(0)))

    def save(self, state):
        """Writes the state of the machine, without its memory, which is in a file of its own."""
        with Monitor(self.folder / "monitor") as monitor:
            monitor.ignore_shared_memory()
            monitor.execute("migrate", uri=f"exec:cat > {state}")
            monitor.wait(lambda: monitor.execute("query-migrate").get("status") in ("completed", "failed"), "it is saved")
            if monitor.execute("query-migrate")["status"] == "failed":
                raise AssertionError("the state of the template cannot be saved")

    def ssh_port(self):
        """The port of 127.0.0.1 that the kernel chose for the forward to ssh."""
        record = self.folder / "ssh-port"
        if not record.exists():
            with Monitor(self.folder / "monitor") as monitor:
                table = monitor.execute("human-monitor-command", **{"command-line": "info usernet"})
            [line] = [line.split() for line in table.splitlines() if "HOST_FORWARD" in line]
            record.write_text(line[3])
        return int(record.read_text())

    def _pid(self):
        """The process, if it still is the one that wrote the file."""
        try:
            pid = int((self.folder / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.folder / "pid").encode() in command.split(b"\0") else None

    @property
    def is_running(self):
        return self._pid() is not None

    def processor_seconds(self):
        """What the process has used of the host's processors since its power came."""
        pid = self._pid()
        if pid is None:
            return 0
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Takes its power away."""
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while self._pid() is not None:
            if time.monotonic() > deadline:
                raise AssertionError(f"qemu {pid} does not end")
            time.sleep(0.02)


class Monitor:
    """A connection to qemu's monitor, which speaks lines of JSON."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(300)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")

    def __enter__(self):
        self.lines.readline()
        self.execute("qmp_capabilities")
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def execute(self, command, **arguments):
        """What a command returns; events in between are passed over."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise AssertionError(f"qemu ended while it was asked for {command}")

    def ignore_shared_memory(self):
        """Leaves memory that is a file out of the state."""
        self.execute("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": True}])

    def wait(self, condition, what, timeout=300):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout} s: {what}")
            time.sleep(0.05)
