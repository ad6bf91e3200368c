"""The packages: what they hold, and what apt makes of them."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import shells
from debian_root import DebianRoot, run

SOURCE = Path(__file__).resolve().parents[2]
PACKAGES = Path(os.environ["PACKAGES"])
SERVICES = ["mesos", "marathon", "mesosphere-zookeeper"]
#: mesos-tasks is started with the agent.
ENABLED = ["zookeeper", "mesos-master", "mesos-slave", "marathon"]
#: Exposure of systemd-analyze in tenths, at most. The agent's is what its tasks may do.
EXPOSURE = {"zookeeper": 12, "mesos-master": 12, "marathon": 12, "mesos-slave": 85, "mesos-tasks": 15}
#: The beginning of a command line, and the flag that it can only be.
COMPLETIONS = {
    "mesos-master --quo": "--quorum", "mesos-agent --containeri": "--containerizers", "mesos-coordinator --conf": "--config",
    "marathon --http_a": "--http_address", "mesos-local --sam": "--sample"}


def package(name, folder=PACKAGES):
    return next(folder.glob(f"{name}_*.deb"))


def field(file, name):
    return run("dpkg-deb", "--field", str(file), name).strip()


def next_version(version):
    return re.sub(r"\d+$", lambda digits: str(int(digits[0]) + 1), version)


def repack(name, folder, edits):
    """Makes the package again with a higher version, and with other files."""
    file = package(name)
    version = field(file, "Version")
    with tempfile.TemporaryDirectory() as tree:
        run("dpkg-deb", "--raw-extract", str(file), tree)
        control = Path(tree, "DEBIAN/control")
        control.write_text(control.read_text().replace(version, next_version(version)))
        for path, content in edits.items():
            Path(tree, path).write_text(content)
        run("dpkg-deb", "--build", "-Zgzip", "--root-owner-group", tree, str(folder))


def stand_in(name, version, folder):
    """Makes an empty package that others may depend on."""
    with tempfile.TemporaryDirectory() as tree:
        control = Path(tree, "DEBIAN/control")
        control.parent.mkdir()
        control.write_text(f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n"
                           "Description: empty\n")
        run("dpkg-deb", "--build", "--root-owner-group", tree, str(folder))


class Contents(unittest.TestCase):
    def test_dependencies_are_libraries_alone(self):
        names = {part.split()[0] for part in field(package("mesos-common"), "Depends").split(",")}
        self.assertEqual(names, {"libc6", "libgcc-s1", "libssl3", "libstdc++6", "libsystemd0"})

    def test_lintian_has_nothing_to_say(self):
        changes = next(PACKAGES.glob("*.changes"))
        output = run("lintian", "--allow-root", "--fail-on", "error,warning", "--info", str(changes))
        self.assertNotRegex(output, "(unused|mismatched|malformed)-override")

    def test_debug_symbols_are_apart(self):
        sections = run("readelf", "--sections", "--wide", str(self.program()))
        self.assertNotIn(".debug_info", sections)
        self.assertIn(".note.gnu.build-id", sections)
        symbols = run("dpkg-deb", "--contents", str(package("mesos-common-dbgsym")))
        self.assertIn(".debug", symbols)

    def test_the_program_says_nothing_of_where_it_was_built(self):
        content = self.program().read_bytes()
        self.assertNotIn(str(SOURCE).encode(), content)
        self.assertNotIn(os.path.expanduser("~/").encode() if os.path.expanduser("~") != "/root" else b"/root/", content)

    def program(self):
        tree = Path(self.enterContext(tempfile.TemporaryDirectory()))
        run("dpkg-deb", "--extract", str(package("mesos-common")), str(tree))
        return tree / "usr/lib/mesos/mesos-programs"


class Machine(unittest.TestCase):
    """A Debian to install packages in."""

    def setUp(self):
        self.root = DebianRoot(PACKAGES / "debian-root.tar")
        self.addCleanup(self.root.remove)

    def publish(self, *folders):
        """Gives the machine a repository of the packages in these folders."""
        repository = self.root.path / "srv/repository"
        environment = os.environ | {"REPOSITORY": str(repository)}
        run(str(SOURCE / "Packaging/apt-repo"), *map(str, folders), env=environment)
        self.root.write("/etc/apt/sources.list.d/swift-mesos.list",
                        "deb [signed-by=/srv/repository/swift-mesos.gpg] file:/srv/repository bookworm main\n")
        self.root.run("apt-get", "update", "--option=Dir::Etc::sourcelist=sources.list.d/swift-mesos.list",
                      "--option=Dir::Etc::sourceparts=-", "--error-on=any")


class Installation(Machine):
    """One machine's life: install, change, upgrade, remove, purge."""

    def test_life_of_a_machine(self):
        self.addCleanup(shutil.rmtree, PACKAGES / "upgrade", ignore_errors=True)
        self.publish(PACKAGES)
        before = self.root.files()
        with self.subTest("install"):
            self.root.apt("install", "--no-install-recommends", *SERVICES)
            self.check_installation()
        with self.subTest("completions"):
            self.check_completions()
        with self.subTest("units"):
            self.check_units()
        with self.subTest("upgrade"):
            self.change()
            self.upgrade()
        with self.subTest("remove"):
            self.root.apt("remove", "--autoremove", *SERVICES)
            self.assertFalse((self.root.path / "usr/lib/mesos").exists())
            self.check_changes()
        with self.subTest("purge"):
            self.root.apt("purge", *SERVICES, "mesos-common")
            accounts = {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock"}
            self.assertEqual(self.root.files() - before - accounts, set())

    def check_installation(self):
        for program in ["mesos-master", "mesos-agent", "mesos-slave", "mesos-coordinator", "marathon", "mesos-local",
                        "mesos"]:
            self.assertIn("mesos 1.11", self.root.run(program, "--version"))
            section = "1" if program in ("mesos-local", "mesos") else "8"
            self.root.run("man", "--warnings", "--where", section, program)
        self.assertEqual(self.root.owner("/var/lib/mesos"), "root:mesos 1775")
        self.assertEqual(self.root.owner("/var/lib/mesos/meta"), "root:root 755")
        self.assertEqual(self.root.owner("/var/lib/zookeeper"), "zookeeper:zookeeper 750")
        for service in ENABLED:
            link = self.root.path / f"etc/systemd/system/multi-user.target.wants/{service}.service"
            self.assertTrue(link.is_symlink(), f"{service} is not enabled")
        self.assertTrue((self.root.path / "etc/systemd/system/mesos-agent.service").is_symlink())

    def check_completions(self):
        """fish and zsh know the flags; a flag's name is asked for that no other begins like."""
        share = self.root.path / "usr/share"
        for line, flag in COMPLETIONS.items():
            self.assertIn(flag, shells.fish(share / "fish/vendor_completions.d", line))
            self.assertTrue(shells.zsh(share / "zsh/vendor-completions", line, flag), line)

    def check_units(self):
        """Every line of the units is known, and they keep what they forbid."""
        units = [f"{service}.service" for service in EXPOSURE]
        output = self.root.run("systemd-analyze", "verify", "--man=yes", *units, "mesos.slice")
        self.assertEqual(output.strip(), "")
        for service, limit in EXPOSURE.items():
            self.root.run("systemd-analyze", "security", "--offline=yes", f"--threshold={limit}", f"{service}.service")

    def change(self):
        """What an administrator does."""
        self.root.write("/etc/mesos/zk", "zk://10.0.0.1:2181/mesos\n")
        self.root.write("/etc/mesos-master/quorum", "2\n")
        self.root.write("/etc/mesos-slave/executor_registration_timeout", "15mins\n")
        self.root.write("/etc/marathon/conf/hostname", "10.0.0.1\n")
        self.root.write("/var/lib/zookeeper/myid", "1\n")
        self.root.write("/var/lib/mesos/slaves/s/file", "of a sandbox\n")

    def check_changes(self):
        self.assertEqual(self.root.read("/etc/mesos/zk"), "zk://10.0.0.1:2181/mesos\n")
        self.assertEqual(self.root.read("/etc/mesos-master/quorum"), "2\n")
        self.assertEqual(self.root.read("/etc/mesos-slave/executor_registration_timeout"), "15mins\n")
        self.assertEqual(self.root.read("/etc/marathon/conf/hostname"), "10.0.0.1\n")
        self.assertEqual(self.root.read("/var/lib/zookeeper/myid"), "1\n")
        self.assertEqual(self.root.read("/var/lib/mesos/slaves/s/file"), "of a sandbox\n")

    def upgrade(self):
        newer = PACKAGES / "upgrade"
        shutil.rmtree(newer, ignore_errors=True)
        newer.mkdir()
        repack("mesos-common", newer, {})
        # A file that the administrator has changed, and one that he has not, are other ones in the new packages.
        repack("mesos", newer, {"etc/mesos/zk": "zk://other:2181/mesos\n", "etc/mesos-slave/work_dir": "/srv/mesos\n"})
        repack("marathon", newer, {})
        repack("mesosphere-zookeeper", newer, {})
        self.publish(PACKAGES, newer)
        self.root.apt("dist-upgrade")
        version = next_version(field(package("mesos"), "Version"))
        for name in [*SERVICES, "mesos-common"]:
            self.assertEqual(self.root.run("dpkg-query", "--show", "--showformat=${Version}", name), version)
        self.check_changes()
        self.assertEqual(self.root.read("/etc/mesos-slave/work_dir"), "/srv/mesos\n")
        # The file that it would have been lies beside, and is no flag.
        self.assertTrue((self.root.path / "etc/mesos/zk.dpkg-dist").exists())


class Neighbour(Machine):
    """The coordinator takes the place of Debian's own ZooKeeper, and gives it back."""

    DATA = "/var/lib/zookeeper/version-2/snapshot.0"
    SETTINGS = "/etc/zookeeper/conf_example/zoo.cfg"

    def install_neighbour(self):
        """Debian's package as it is, without a Java to run it."""
        packages = self.root.path / "srv/neighbour"
        packages.mkdir(parents=True)
        run("apt-get", "--quiet", "download", "zookeeper", cwd=packages)
        [file] = packages.glob("zookeeper_*.deb")
        self.assertIn("default-jre", field(file, "Depends"))
        for name in ("default-jre", "libzookeeper-java"):
            stand_in(name, field(file, "Version"), packages)
        self.root.run("sh", "-c", "apt-get --yes --quiet install /srv/neighbour/*.deb")

    def is_installed(self, name):
        return self.root.run("dpkg-query", "--show", "--showformat=${db:Status-Status}", name) == "installed"

    def test_each_takes_the_place_of_the_other(self):
        self.install_neighbour()
        self.publish(PACKAGES)
        self.root.write(self.SETTINGS, "dataDir=/var/lib/zookeeper\nclientPort=2182\n")
        self.root.write(self.DATA, "its data")
        with self.subTest("ours comes"):
            self.root.apt("install", "--no-install-recommends", "mesosphere-zookeeper")
            self.assertTrue(self.is_installed("mesosphere-zookeeper"))
            self.assertFalse(self.is_installed("zookeeper"))
            # A folder of its own, no link to that of the other.
            self.assertFalse((self.root.path / "etc/zookeeper/conf").is_symlink())
            self.assertIn("2181", self.root.read("/etc/zookeeper/conf/zoo.cfg"))
            self.assertEqual(self.root.owner("/var/lib/zookeeper"), "zookeeper:zookeeper 750")
            self.check_kept()
        with self.subTest("ours goes, purged, while the configuration of the other is still there"):
            self.root.apt("purge", "mesosphere-zookeeper")
            self.check_kept()
        with self.subTest("the other comes back and ours is purged beside it"):
            self.root.apt("install", "--no-install-recommends", "mesosphere-zookeeper")
            self.root.run("sh", "-c", "apt-get --yes --quiet install /srv/neighbour/*.deb")
            self.assertTrue(self.is_installed("zookeeper"))
            self.assertFalse(self.is_installed("mesosphere-zookeeper"))
            self.root.apt("purge", "mesosphere-zookeeper")
            self.check_kept()

    def check_kept(self):
        self.assertEqual(self.root.read(self.DATA), "its data")
        self.assertIn("clientPort=2182", self.root.read(self.SETTINGS))


if __name__ == "__main__":
    unittest.main()
