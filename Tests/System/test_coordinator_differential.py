"""Our coordinator and Apache ZooKeeper are asked the same, and everything that a client sees of them is compared.

SEED=n plays one seed, SEEDS=n that many, WITHOUT=kind,kind leaves kinds of steps out; AGAINST=ZooKeeper puts a second
Apache ZooKeeper in the place of ours, which has to be the same in everything.
"""

import os
import pprint

import pytest

import harness
from differential.generator import Generator
from differential.pair import Pair

STEPS = 150
DEFAULT_SEEDS = 40
SEEDS = [int(os.environ["SEED"])] if "SEED" in os.environ else range(int(os.environ.get("SEEDS", DEFAULT_SEEDS)))
WITHOUT = os.environ.get("WITHOUT", "").split(",")
KINDS = (harness.ZooKeeper, getattr(harness, os.environ.get("AGAINST", "Coordinator")))


@pytest.fixture(scope="module")
def pair(shared_testbed):
    """Both servers, for all seeds."""
    return Pair(shared_testbed, *KINDS)


def describe(seed, steps, difference):
    """The replay of a difference in words."""
    form = lambda seen: pprint.pformat(seen[first:first + 3], width=160, sort_dicts=False)  # noqa: E731
    expected, actual = difference.expected, difference.actual
    first = next(index for index in range(len(expected) + 1) if expected[index:index + 1] != actual[index:index + 1])
    lines = [f"client {step.client}: {step.kind} {step.arguments!r}" for step in steps]
    return "\n".join([
        f"SEED={seed} shows a difference at the last of these steps:", *lines,
        f"{first} answers and events are alike; then {KINDS[0].__name__} shows", form(expected),
        f"and {KINDS[1].__name__}", form(actual)])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
def test_both_answer_alike(pair, seed):
    """Every answer, and every event and its place among the answers, is the same."""
    steps = Generator(seed, WITHOUT).steps(STEPS)
    difference = pair.play(steps)
    if difference is not None:
        steps, difference = pair.shrink(steps, difference)
        pytest.fail(describe(seed, steps, difference), pytrace=False)


@pytest.mark.skipif(len(SEEDS) < DEFAULT_SEEDS, reason="few seeds need not restart anything")
def test_restarts_met_snapshots(pair):
    """What was compared after restarts came from snapshots of ours as well as from its log."""
    assert len([path for path in pair.snapshots if path.parent.name == "coordinator"]) >= 10
