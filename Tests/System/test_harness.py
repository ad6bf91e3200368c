"""The harness itself: a master comes up, answers, carries a scheduler's stream and survives a kill."""

import pytest

from harness import Coordinator, Master, Program, http_get, wait_for
from scheduler import CallRefused, Scheduler


def wait_for_leader(master):
    wait_for(lambda: http_get(master.port, "/master/redirect")[0] == 307, what="the master has a leader")


@pytest.mark.parametrize("is_shared", [False, True], ids=["alone", "with-coordinator"])
def test_master_serves_a_scheduler(testbed, is_shared):
    """A master leads, alone or elected through a coordinator, and subscribes a scheduler."""
    coordinator = testbed.start(Coordinator) if is_shared else None
    master = testbed.start(Master, coordinator)
    wait_for_leader(master)
    with Scheduler(master.port) as scheduler:
        assert scheduler.framework_id
        assert scheduler.wait("HEARTBEAT")
        assert scheduler.call("REVIVE") == 202
        with pytest.raises(CallRefused) as refusal:
            scheduler.call("NONSENSE")
        assert refusal.value.status == 400
        master.kill9()
        scheduler.wait_for_end()
    wait_for_leader(master.restart())
    assert master.terminate() == 0


def test_wait_for_fails_at_the_deadline():
    """A condition that never holds is a failure that names it."""
    with pytest.raises(AssertionError, match="pigs fly"):
        wait_for(lambda: False, 0.05, "pigs fly")


def test_start_fails_when_the_program_ends(testbed):
    """A program that cannot start fails its test at once, with its last words."""
    program = testbed.new(Program, ["sh", "-c", "echo my last words; exit 3"], port=1)
    with pytest.raises(AssertionError, match="ended with 3:\nmy last words"):
        program.start_and_wait()
