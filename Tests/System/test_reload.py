"""SIGHUP, as `systemctl reload` sends it: what can be applied is, what has to wait is named, what is wrong changes nothing."""

import signal

import pytest

from harness import Agent, Coordinator, Marathon, Master, four_letter_word, http_get, wait_for, zk

READ = "the configuration was read again"


def reload(program):
    """Asks for it; returns what the program wrote of it."""
    before = len(program.text())
    program.process.send_signal(signal.SIGHUP)
    wait_for(lambda: READ in program.text()[before:] or "stays as it was" in program.text()[before:], 20,
             f"{program.name} has read its configuration again")
    return program.text()[before:]


def setting(program, folder, name, value):
    path = program.directory / "etc" / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")


@pytest.mark.parametrize("kind, folder, unit, name, value, wrong", [
    (Master, "mesos-master", "mesos-master", "cluster", "east", ("quorum", "many")),
    (Agent, "mesos-slave", "mesos-slave", "attributes", "rack:1", ("executor_registration_timeout", "soon")),
    (Marathon, "marathon/conf", "marathon", "kill_retry_timeout", "12000", ("task_launch_timeout", "late")),
])
def test_flags(testbed, kind, folder, unit, name, value, wrong):
    """The log's level changes at once, another flag is named; a wrong one, and what was right then, change nothing."""
    coordinator = testbed.start(Coordinator)
    program = testbed.start(kind, coordinator)
    assert f"{READ}" in (said := reload(program)) and "changed" not in said and "level" not in said
    warning, error = ("warn", "error") if kind is Marathon else ("WARNING", "ERROR")
    setting(program, folder, "logging_level", error)
    setting(program, folder, *wrong)
    said = reload(program)
    assert "the configuration stays as it was" in said and wrong[0] in said and wrong[1] in said
    (program.directory / "etc" / folder / wrong[0]).unlink()
    setting(program, folder, "logging_level", warning)
    setting(program, folder, name, value)
    before = len(program.text())
    program.process.send_signal(signal.SIGHUP)
    expected = f"{name} has changed: that takes effect with `systemctl restart {unit}`"
    wait_for(lambda: expected in program.text()[before:], 20, "what has changed is named")
    # Lines of the level before are not written any more.
    assert READ not in program.text()[before:] and value not in program.text()[before:]
    assert http_get(program.port, "/ping" if kind is Marathon else "/health")[0] == 200


def test_variables(testbed):
    """A file of /etc/default may change too, though its variables became the service's own when it started."""
    master = testbed.new(Master)
    setting(master, "default", "mesos-master", "CLUSTER=east\nMESOS_HOSTNAME=one")
    master.start_and_wait()
    assert "changed" not in reload(master)
    setting(master, "default", "mesos-master", "CLUSTER=west\nMESOS_HOSTNAME=two")
    assert "cluster has changed" in reload(master)


def test_handed_over(testbed):
    """A file that systemd hands over is named when it has changed since, also when the service may not read it."""
    coordinator = testbed.start(Coordinator)
    master = testbed.new(Master, flags=["--quorum=1"])
    master.environment["CREDENTIALS_DIRECTORY"] = str(testbed.directory)
    (testbed.directory / "zk").write_text(f"{zk(coordinator, '/mesos')}\n")
    setting(master, "mesos", "zk", zk(coordinator, "/mesos"))
    master.start_and_wait()
    assert "changed" not in reload(master)
    setting(master, "mesos", "zk", "zk://other:2181/mesos")
    (master.directory / "etc/mesos/zk").chmod(0)
    said = reload(master)
    assert "etc/mesos/zk has changed: that takes effect with `systemctl restart mesos-master`" in said
    assert "other" not in said and http_get(master.port, "/health")[0] == 200


def test_coordinator(testbed):
    """Keys of a zoo.cfg that have changed are named, also those that came or went; a wrong file is told of."""
    coordinator = testbed.start(Coordinator)
    text = coordinator.configuration.read_text()
    assert "changed" not in reload(coordinator)
    coordinator.configuration.write_text(text.replace("tickTime=200", "tickTime=x"))
    assert "stays as it was" in (said := reload(coordinator)) and "tickTime" in said
    coordinator.configuration.write_text(text.replace("tickTime=200", "tickTime=300") + "maxClientCnxns=7\n")
    said = reload(coordinator)
    for key in ("tickTime", "maxClientCnxns"):
        assert f"{key} has changed: that takes effect with `systemctl restart zookeeper`" in said
    assert "dataDir" not in said
    assert "Mode:" in four_letter_word(coordinator.port, "srvr")
