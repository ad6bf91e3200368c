"""mesos-launcher by itself: what becomes of the processes and mounts of a container."""

import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

import pytest

from golden.cluster import process_start
from harness import programs_path, wait_for
from marathon_cluster import processes_with


class Launcher:
    """A launcher with a command of `sh -c`; its processes are found by a variable of theirs."""

    def __init__(self, directory, script, options=(), prefix=(), before="true"):
        self.state = Path(directory) / "state"
        self.state.mkdir()
        self.report = Path(directory) / "report"
        self.mark = f"LAUNCHER_TEST={uuid.uuid4()}"
        program = Path(programs_path()).with_name("mesos-launcher")
        shell = f'{before} && exec "$0" "$@" 3>{self.report}'
        self.process = subprocess.Popen(
            [*prefix, "sh", "-c", shell, str(program), f"--state={self.state}", f"--cwd={directory}", *options, "--",
             "sh", "-c", script], env={"PATH": os.environ["PATH"]} | dict([self.mark.split("=")]))

    def started(self):
        """Waits until the command runs."""
        wait_for(lambda: self.report.exists() and self.report.read_text().endswith("\n"), what="the launcher reports")
        assert self.report.read_text() == "ok\n"
        return self

    def status(self):
        """Waits for the end; returns the command's wait status."""
        self.process.wait(10)
        return int((self.state / "status").read_text())

    def processes(self):
        return [pid for pid in processes_with(f"{self.mark}\0") if pid != self.process.pid]

    def children(self):
        """The states of the launcher's children."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                  for pid in os.listdir("/proc") if pid.isdecimal() and process_start(int(pid))]
        return [state for state, parent, *_ in fields if int(parent) == self.process.pid]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def launch(tmp_path):
    """Starts a launcher that ends with the test."""
    launchers = []

    def launch(*arguments, **options):
        launchers.append(Launcher(tmp_path, *arguments, **options))
        return launchers[-1].started()

    yield launch
    for launcher in launchers:
        launcher.end()


#: Daemons of several kinds, and the wait until they are in sessions of their own.
DAEMONS = ("setsid sh -c 'echo > one; sleep 3600' & (setsid sh -c 'setsid sleep 3600 & echo > two; sleep 3600' &) ; "
           "until test -e one -a -e two; do sleep 0.01; done; ")


def test_ends_daemons_after_the_command(launch):
    """What a command leaves behind ends with it, in whatever session it is; the status is the command's."""
    launcher = launch(DAEMONS + "exit 3")
    assert launcher.status() == 3 << 8
    assert launcher.processes() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_ends_daemons_when_killed(launch, tmp_path, number):
    """A kill ends the command with all its descendants."""
    launcher = launch(DAEMONS + "echo > up; wait")
    wait_for(lambda: (tmp_path / "up").exists() and len(launcher.processes()) >= 4, what="all processes run")
    launcher.process.send_signal(number)
    assert launcher.status() == (number if number == signal.SIGTERM else signal.SIGKILL)
    assert launcher.processes() == []


def test_reaps_orphans(launch, tmp_path):
    """Processes that lost their parent leave no zombies while the command runs."""
    launcher = launch("(true & true &) ; (sleep 0.05 &) ; sleep 0.2; echo > up; sleep 3600")
    wait_for(lambda: (tmp_path / "up").exists(), what="the command is that far")
    wait_for(lambda: launcher.children() == ["S"], what="the command is the launcher's only child")


def test_names_the_boot(launch):
    """A launcher is known by its pid, its start time and the boot."""
    launcher = launch("sleep 3600")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (launcher.state / "launcher").read_text() == (
        f"{launcher.process.pid} {process_start(launcher.process.pid)} {boot}\n")


def test_read_only_volumes(launch, tmp_path):
    """A read-only volume is so with all that is mounted below it, and keeps the other flags of its mounts."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("mounts need root and unshare(1)")
    source, target = tmp_path / "source", tmp_path / "target"
    for directory in (source, target):
        directory.mkdir()
    # The mounts go with the namespace that they are made in.
    mounts = (f"mount -t tmpfs -o nosuid,nodev none {source} && mkdir {source}/below"
              f" && mount -t tmpfs -o noexec,nosuid none {source}/below")
    launcher = launch(
        f"touch {target}/a {target}/below/b; cat /proc/self/mountinfo > mounts",
        ["--namespaces=mnt", f"--bind={source}:{target}:ro"], prefix=["unshare", "-m"], before=mounts)
    assert launcher.status() == 0
    lines = [line.split() for line in (tmp_path / "mounts").read_text().splitlines()]
    flags = {line[4]: set(line[5].split(",")) for line in lines}
    assert {"ro", "nosuid", "nodev"} <= flags[str(target)]
    assert {"ro", "nosuid", "noexec"} <= flags[f"{target}/below"]
    assert "rw" in flags[str(source)]


def test_the_launcher_goes_to_a_cgroup_of_its_own_before_its_command(launch, tmp_path):
    """Where it stays when the agent's is ended; the command of a container with a cgroup goes on to that one."""
    for name in ["launchers", "task"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").write_text("")
    options = [f"--launcher-cgroup={tmp_path}/launchers", f"--cgroup={tmp_path}/task"]
    assert launch("true", options).status() == 0
    assert [(tmp_path / name / "cgroup.procs").read_text() for name in ["launchers", "task"]] == ["0", "0"]


def test_a_launcher_without_its_cgroup_starts_nothing(tmp_path):
    launcher = Launcher(tmp_path, "true", [f"--launcher-cgroup={tmp_path}/absent"])
    assert launcher.process.wait(10) == 1
    assert launcher.report.read_text() == f"error {tmp_path}/absent: No such file or directory\n"
