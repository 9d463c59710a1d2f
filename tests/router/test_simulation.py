"""The promise, by simulation with the real evidence and policy, looking after every pair."""

import pytest

from benchmarks.cutover import STUDENTS, play
from router.settings import RolloutPolicy
from store.vocabulary import State, TaskMode

POLICY = RolloutPolicy(mode=TaskMode.AUTO, dwell_s=0.0)
BY_NAME = {student.name: student for student in STUDENTS}


def ends(name, seeds, policy=POLICY):
    return [play(BY_NAME[name], policy, seed) for seed in range(seeds)]


def test_a_student_at_the_margin_is_promoted_no_more_often_than_alpha():
    runs = ends("-3 pt (= margin)", 300)
    left_shadow = sum("gate_passed" in run.causes for run in runs)
    assert left_shadow / len(runs) <= 0.025  # alpha of the first trial, already for the first gate
    assert all(run.state != State.FULL for run in runs)


def test_an_equal_student_is_promoted():
    runs = ends("equal", 25)
    assert sum(run.state == State.FULL for run in runs) >= 23
    assert not any(run.state == State.ROLLING_BACK for run in runs)


@pytest.mark.parametrize("name", ["good in shadow, -10 pt live", "good in shadow, -20 pt live"])
def test_one_that_is_bad_only_when_it_serves_is_not_promoted(name):
    runs = ends(name, 15)
    assert not any(run.state == State.FULL for run in runs)
    assert sum(run.state == State.ROLLING_BACK for run in runs) >= 12


def test_a_bad_student_is_rolled_back():
    runs = ends("-5 pt", 15)
    assert sum(run.state == State.ROLLING_BACK for run in runs) >= 11
    assert not any(run.state == State.FULL for run in runs)
