#!/usr/bin/env python3
"""Virtual machines that are clones of one that has booted: a machine of Debian 12 with systemd, cgroup v2 and Docker in
seconds, on a private network of its own. `machines.py --help` tells of the command line; README.md of the folder."""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from network import Network
from qemu import Qemu, accelerator

HERE = Path(__file__).resolve().parent
#: Disks, memory and state of machines; nothing of it belongs to the repository.
FOLDER = Path(os.environ.get("VM_DIR") or "/var/tmp/mesos-vm")
MEMORY = int(os.environ.get("VM_MEMORY") or 1280)
PROCESSORS = int(os.environ.get("VM_PROCESSORS") or 1)
#: A cold boot under emulation, on a host that does other things besides.
BOOT_SECONDS = 600
IMAGE_FILES = ("image", "init", "identity", "vm-identity.service")
#: What the template does before it is saved, so that no clone has to: Docker's first container is its slowest.
WARM_UP = r"""
set -e
folder=$(mktemp -d)
mkdir -p $folder/bin $folder/tmp $folder/etc
cp /bin/busybox $folder/bin/
for name in $(/bin/busybox --list | grep -vx busybox); do ln -s busybox $folder/bin/$name; done
echo root:x:0:0:root:/:/bin/sh > $folder/etc/passwd
tar -C $folder -c . | docker import -c 'CMD ["/bin/sh"]' - busybox:latest > /dev/null
rm -rf $folder
docker run --rm busybox true
sync
"""


class CommandFailed(AssertionError):
    """A command in a machine did not end with 0."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def digest(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked(path):
    """Holds a lock file as long as the block lasts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Template:
    """The image and a machine that has booted from it, saved with its memory."""

    def __init__(self):
        self.image = FOLDER / "image"
        self.folder = FOLDER / f"template-{MEMORY}-{PROCESSORS}"
        self.qemu = Qemu(self.folder, self.image, MEMORY, PROCESSORS)

    def ensure(self):
        """Builds what is missing or was built from an older recipe."""
        with locked(FOLDER / "lock"):
            recipe = digest(*[(HERE / name).read_text() for name in IMAGE_FILES])
            stamp = self.image / "recipe"
            if not stamp.exists() or stamp.read_text() != recipe:
                start = time.monotonic()
                subprocess.run([HERE / "image", self.image], check=True, stdout=sys.stderr)
                stamp.write_text(recipe)
                say(f"The image was made in {time.monotonic() - start:.0f} s.")
            recipe = digest(recipe, WARM_UP, self.qemu.recipe(), accelerator(FOLDER, self.image))
            stamp = self.folder / "recipe"
            if not stamp.exists() or stamp.read_text() != recipe:
                self._boot()
                stamp.write_text(recipe)

    def _boot(self):
        start = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.qemu.make_disk(self.image / "disk.raw", "raw")
        machine = Machine("template", self.folder, None, self.qemu)
        try:
            self.qemu.start(accelerator(FOLDER, self.image), memory_file=self.folder / "memory")
            machine.wait_for_connection()
            state = machine.run("systemctl is-system-running --wait || systemctl --failed", timeout=BOOT_SECONDS)
            if state.strip() != "running":
                raise CommandFailed(f"the template does not come up: {state}")
            machine.run(WARM_UP, timeout=BOOT_SECONDS)
            machine.disconnect()
            self.qemu.save(self.folder / "state")
        finally:
            machine.disconnect()
            self.qemu.stop()
        say(f"The template booted and was saved in {time.monotonic() - start:.0f} s.")


class Machine:
    """One machine. Its channel is ssh over a forwarded port, which a cut of its network leaves alone."""

    def __init__(self, name, folder, network, qemu):
        self.name = name
        self.folder = folder
        self.network = network
        self.qemu = qemu

    @property
    def index(self):
        return int(self.name.removeprefix("n"))

    @property
    def address(self):
        return self.network.address(self.index)

    @property
    def is_up(self):
        return self.qemu.is_running

    def start(self, template):
        """Resumes a clone of the template, or boots the disk that the machine has already. Returns when it answers."""
        fresh = not self.qemu.disk.exists()
        tap = self.network.tap(self.index)
        if fresh:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.qemu.make_disk(template.qemu.disk, "qcow2")
            self.qemu.start(template_accelerator(), tap, memory_file=template.folder / "memory",
                            state=template.folder / "state")
        else:
            self.qemu.start(template_accelerator(), tap)
        self.network.adopt(tap)
        return fresh

    def finish(self, fresh):
        """Waits until it answers; a clone gets its name and the time."""
        self.wait_for_connection()
        if fresh:
            self.run(f"vm-identity {self.name} {self.address}", input=os.urandom(64))
        self.run(f"date -s @{time.time():.3f} > /dev/null")
        if not fresh:
            self.run("systemctl is-system-running --wait || true", timeout=BOOT_SECONDS)

    def _ssh(self, *options):
        return ["ssh", "-F", "/dev/null", "-i", str(self.qemu.image / "key"), "-p", str(self.qemu.ssh_port()),
                "-S", str(self.folder / "channel"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                # The cheapest one under emulation, by far.
                "-o", "Ciphers=aes128-gcm@openssh.com",
                "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=20", *options, "root@127.0.0.1"]

    def _connect(self):
        """Opens the connection that all commands share."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(self._ssh("-O", "check"), **quiet).returncode == 0:
            return True
        (self.folder / "channel").unlink(missing_ok=True)
        return subprocess.run(self._ssh("-M", "-N", "-f"), **quiet).returncode == 0

    def wait_for_connection(self, timeout=BOOT_SECONDS):
        deadline = time.monotonic() + timeout
        while not self._connect():
            if not self.is_up:
                raise AssertionError(f"{self.name}: qemu ended, see {self.folder}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: no ssh within {timeout} s, see {self.folder}/serial")
            time.sleep(0.2)

    def disconnect(self):
        if (self.folder / "channel").exists():
            subprocess.run(self._ssh("-O", "exit"), stderr=subprocess.DEVNULL)
            (self.folder / "channel").unlink(missing_ok=True)

    def run(self, command, timeout=120, input=None, check=True):
        """Runs text in the machine's shell; returns what it printed. CommandFailed when its status is not 0."""
        result = self.execute(command, timeout, input)
        output = result.stdout.decode(errors="replace")
        if check and result.returncode != 0:
            errors = result.stderr.decode(errors="replace")
            raise CommandFailed(f"{self.name}: status {result.returncode} of:\n{command}\n{output}{errors}")
        return output

    def execute(self, command, timeout=120, input=None):
        """The whole result of a command."""
        try:
            return subprocess.run([*self._ssh(), command], input=input if input is not None else b"",
                                  capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            written = b"".join(filter(None, (error.stdout, error.stderr))).decode(errors="replace")
            raise CommandFailed(f"{self.name}: not within {timeout} s:\n{command}\n{written}") from None

    def interact(self, command):
        """Runs a command with this process's terminal; returns its status."""
        return subprocess.run([*self._ssh("-t"), *command]).returncode

    def copy_in(self, source, destination, exclude=""):
        """Copies a folder's content, or a file, to a path that need not exist yet."""
        source = Path(source)
        if source.is_dir():
            tar = ["tar", "-C", source, f"--exclude={exclude}", "-c", "."]
            archive = subprocess.run(tar, check=True, capture_output=True).stdout
            self.run(f"mkdir -p '{destination}' && tar --no-same-owner -C '{destination}' -x", 300, archive)
        else:
            self.run(f"mkdir -p \"$(dirname '{destination}')\" && cat > '{destination}'", 300, source.read_bytes())

    def reboot(self):
        """Restarts the system as its administrator would."""
        before = self.run("cat /proc/sys/kernel/random/boot_id")
        self.execute("systemctl reboot")
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            self.disconnect()
            self.wait_for_connection()
            with contextlib.suppress(CommandFailed):
                if self.run("cat /proc/sys/kernel/random/boot_id", timeout=30) != before:
                    break
            assert time.monotonic() < deadline, f"{self.name} does not reboot"
        self.run("systemctl is-system-running --wait || true", timeout=BOOT_SECONDS)

    def power_off(self):
        """Takes its power away; `start` boots its disk again."""
        self.qemu.stop()
        self.disconnect()

    def cut(self):
        """Takes it off the network: the link stays up, every frame is lost."""
        self.network.cut(self.network.tap(self.index))

    def join(self):
        self.network.join(self.network.tap(self.index))

    def remove(self):
        self.power_off()
        shutil.rmtree(self.folder, ignore_errors=True)


def template_accelerator():
    return accelerator(FOLDER, FOLDER / "image")


class Cluster:
    """The machines n1, n2, ... of a network. Clusters of different names know nothing of each other."""

    def __init__(self, name):
        self.folder = FOLDER / "run" / name
        self.network = Network(name)
        self.template = Template()

    def machine(self, name):
        folder = self.folder / name
        return Machine(name, folder, self.network, Qemu(folder, self.template.image, MEMORY, PROCESSORS))

    def machines(self):
        return [self.machine(path.name) for path in sorted(self.folder.glob("n*"))]

    def up(self, *names):
        """Starts machines side by side; returns them when they answer."""
        self.template.ensure()
        self.network.up()
        machines = [self.machine(name) for name in names]
        started = [(machine, machine.start(self.template)) for machine in machines if not machine.is_up]
        for machine, fresh in started:
            machine.finish(fresh)
        return machines

    def processor_seconds(self):
        """What its machines have used of the host's processors; other than time it does not depend on what else runs."""
        return sum(machine.qemu.processor_seconds() for machine in self.machines())

    def down(self):
        """Ends the machines and forgets their disks."""
        for machine in self.machines():
            machine.remove()
        self.network.down()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Starts and ends test machines by hand.")
    parser.add_argument("--cluster", default="hand", help="name of the cluster (default: hand)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("template", help="build the image and the template, if they are not there")
    commands.add_parser("down", help="end all machines of the cluster")
    for name, text in (("up", "start machines: n1 n2 ..."), ("kill", "take away their power; `up` boots them again"),
                       ("cut", "take machines off the network"), ("join", "put them back")):
        commands.add_parser(name, help=text).add_argument("names", nargs="+")
    run = commands.add_parser("run", help="run a command in a machine")
    run.add_argument("name")
    run.add_argument("words", nargs=argparse.REMAINDER)
    copy = commands.add_parser("copy", help="copy a file or folder into a machine")
    for argument in ("name", "source", "destination"):
        copy.add_argument(argument)
    arguments = parser.parse_args()
    cluster = Cluster(arguments.cluster)
    match arguments.command:
        case "template":
            cluster.template.ensure()
        case "up":
            for machine in cluster.up(*arguments.names):
                say(f"{machine.name}: {machine.address}, ssh at port {machine.qemu.ssh_port()}")
        case "down":
            cluster.down()
        case "run":
            sys.exit(cluster.machine(arguments.name).interact(arguments.words))
        case "copy":
            cluster.machine(arguments.name).copy_in(arguments.source, arguments.destination)
        case command:
            for name in arguments.names:
                machine = cluster.machine(name)
                {"kill": machine.power_off, "cut": machine.cut, "join": machine.join}[command]()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
