"""Packages of a later version, as the next release would bring them."""

import os
import re
import subprocess

from manual import ROOT


def upgraded(repository, folder, revision):
    """Makes a signed repository of the same packages with a higher version in a folder; returns it."""
    packages = folder / "packages"
    packages.mkdir(parents=True)
    for package in sorted((repository / "pool").glob("*.deb")):
        if "-dbgsym_" not in package.name:
            _repack(package, packages, folder / "tree", revision)
    made = folder / "repository"
    subprocess.run([ROOT / "Packaging/apt-repo", packages], check=True, env=os.environ | {"REPOSITORY": str(made)})
    return made


def _repack(package, folder, tree, revision):
    subprocess.run(["rm", "-rf", tree], check=True)
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text()
    version = re.search(r"^Version: (.+)$", text, re.M)[1]
    control.write_text(text.replace(version, version + revision))
    # A file of the configuration that the new version brings differently.
    if (settings := tree / "etc/zookeeper/conf/zoo.cfg").exists():
        settings.write_text(settings.read_text() + "# As of the new version.\n")
        sums = tree / "DEBIAN/md5sums"
        sums.write_text(re.sub(r".*  etc/.*\n", "", sums.read_text()))
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Zzstd", "-z1", tree, folder], check=True, capture_output=True)
