"""A partial cutover through the real controller and control state: refused as a whole, at full share on a part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from makers import FAST, House, drawn, evaluation, student

from router.explain import explain
from router.opening import open_rollout
from router.replay import differences
from store.vocabulary import Calibration, Outcome, Release, State, TaskMode, Verdict, Who

GRID = (0.95, 0.8, 0.6)
LEARNT = student(calibration=Calibration(form="sum", slope=1.0, intercept=0.0, n=300, thresholds=GRID))
FOUND = evaluation(
    delta_mean=-0.2,
    delta_lower=-0.22,
    verdict=Verdict.FAIL,
    detail={"partial": [{"threshold": at, "kept": 0.5, "mean": -0.01} for at in GRID]},
)
POLICY = replace(FAST, mode=TaskMode.AUTO, release=Release.FIRST_TOKEN)


def play(house: House, n: int, rng: np.random.Generator) -> None:
    """Log drawn calls of a student that is right where it is sure, deferred where the route says so."""
    route = house.control.routes()[0]
    for i in range(n):
        house.seq += 1
        sure = bool(rng.random() < 0.6)
        by = Who.STUDENT if i % 100 < 100 * route.share else Who.TEACHER
        at = rng.uniform(0.8, 1.0) if sure else rng.uniform(0.2, 0.7)
        deferred = by == Who.STUDENT and route.threshold is not None and at < route.threshold
        said = {
            "step": route.step,
            "served_by": by,
            "ts": house.clock.now,
            "confidence": float(at),
            "student_outcome": Outcome.DEFERRED if deferred else Outcome.COMPLETE,
        }
        house.log.add(drawn(house.seq, float(sure or rng.random() < 0.4), **said))
        if by == Who.STUDENT:
            house.log.outcomes.append((house.clock.now, said["student_outcome"]))


def test_refused_as_a_whole_and_full_on_a_part_with_the_same_decisions_again(tmp_path):
    house, rng = House(tmp_path, POLICY), np.random.default_rng(5)
    house.control.save_student(LEARNT, house.epoch)
    house.control.save_evaluation(FOUND, house.epoch)
    open_rollout(house.control, LEARNT, FOUND, POLICY, epoch=house.epoch, clock=house.clock)
    for _ in range(60):
        house.tick()
        if house.state() == State.FULL and house.latest().threshold == GRID[1]:
            break
        play(house, 100, rng)
    rollout, transitions = house.latest(), house.control.transitions()
    assert (rollout.state, rollout.partial, rollout.threshold) == (State.FULL, True, GRID[1])
    assert [t.cause for t in transitions][:3] == ["created", "partial", "gate_passed"]
    (route,) = house.control.routes()
    assert (route.threshold, route.calibration, route.release) == (GRID[1], LEARNT.calibration, Release.WHOLE)
    assert differences(rollout, transitions, house.control.observations(rollout.rollout_id)) == []
    story = explain(transitions, rollout, POLICY, now=house.clock.now)
    assert "answers what it is sure of among 98% of calls" in story.headline
    said = "\n".join(story.lines())
    assert "the student's answers go out from a confidence of 0.800 on, " in said
    assert "Next 0.600" in said
    house.control.close()


def test_a_task_that_wants_no_part_is_rejected(tmp_path):
    house = House(tmp_path, replace(POLICY, partial=False))
    house.control.save_student(LEARNT, house.epoch)
    house.control.save_evaluation(FOUND, house.epoch)
    rollout = open_rollout(house.control, LEARNT, FOUND, house.policy, epoch=house.epoch, clock=house.clock)
    house.tick()
    assert (house.state(), rollout.thresholds, rollout.trial) == (State.REJECTED, (), 0)
    house.control.close()
