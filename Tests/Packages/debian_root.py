"""A Debian in a folder, to install packages in."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

#: What the packages need is there from the start, so that it is not among what they leave behind.
BASE = "systemd,libssl3,libstdc++6,libsystemd0,man-db,bash-completion"
#: apt's and dpkg's own records, and what other packages' scripts keep.
NOT_OURS = ("/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/", "/var/log/", "/srv/", "/tmp/", "/root/", "/run/", "/proc/",
            "/dev/")


def run(*command, **options):
    """The output of a program that must succeed."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {result.returncode}\n{result.stdout}")
    return result.stdout


class DebianRoot:
    def __init__(self, cache):
        """Unpacks the archive at `cache`, which is made when there is none of the last day."""
        if not cache.exists() or time.time() - cache.stat().st_mtime > 86_400:
            self._make(cache)
        self.path = Path(tempfile.mkdtemp(prefix="swift-mesos-packages-"))
        run("tar", "--extract", "--file", str(cache), "--directory", str(self.path))

    @staticmethod
    def _make(cache):
        sources = [str(path) for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*"))
                   if path.is_file() and path.stat().st_size > 0]
        settings = cache.with_name("apt.conf")
        # What this machine's apt reaches its archive by, a proxy for example.
        dump = run("apt-config", "dump")
        settings.write_text("".join(f"{line}\n" for line in dump.splitlines() if line.startswith("Acquire::")))
        new = cache.with_suffix(".new.tar")
        run("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={BASE}", f"--aptopt={settings}",
            '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", "bookworm", str(new), *sources)
        new.rename(cache)

    def remove(self):
        shutil.rmtree(self.path)

    def run(self, *command):
        """Runs a program in there, with a /proc that goes with it."""
        inside = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return run("unshare", "--mount", "--propagation", "private", "sh", "-c", inside, str(self.path), *command,
                   env=environment)

    def apt(self, *arguments):
        return self.run("apt-get", "--yes", "--quiet", "--option=Dpkg::Options::=--force-confold", *arguments)

    def files(self):
        """All files, links and folders that are no package manager's."""
        found = set()
        for folder, folders, names in os.walk(self.path):
            for name in folders + names:
                path = "/" + os.path.relpath(os.path.join(folder, name), self.path)
                if not f"{path}/".startswith(NOT_OURS):
                    found.add(path)
        return found

    def write(self, path, content):
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def read(self, path):
        return (self.path / path.lstrip("/")).read_text()

    def owner(self, path):
        """`user:group mode`, by the names in there."""
        return self.run("stat", "--format=%U:%G %a", path).strip()
