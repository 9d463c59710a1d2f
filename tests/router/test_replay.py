"""Decisions made again from their rows: the same, and a difference for every persisted input that is not what it was."""

from dataclasses import replace

import pytest

from router.record import sealed
from router.replay import differences
from store.vocabulary import State


@pytest.fixture
def rows(house):
    """A rollout that went to 5%, with an order on the way, and its rows."""
    house.open()
    house.until(State.CANARY_1)
    house.order("pause")
    house.tick()
    house.order("resume")
    house.tick()
    house.until(State.CANARY_5)
    house.play(10)
    house.tick()
    rollout = house.latest()
    return (
        rollout,
        house.control.transitions(rollout_id=rollout.rollout_id),
        house.control.observations(rollout.rollout_id),
    )


def leaves(value, path=()):
    """Give the path of everything in JSON that is neither object nor list."""
    if isinstance(value, dict):
        found = [leaf for name in value for leaf in leaves(value[name], (*path, name))]
    elif isinstance(value, list):
        found = [leaf for at, one in enumerate(value) for leaf in leaves(one, (*path, at))]
    else:
        return [path]
    return found or [path]


def flipped(value, path):
    """Give JSON with another value at a path."""
    if not path:
        return _other(value)
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = flipped(value[path[0]], path[1:])
    return changed


def _other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "another"


def test_what_was_persisted_comes_out_again(rows):
    assert differences(*rows) == []


def test_every_input_of_every_decision_is_held_against_what_was_written(rows):
    rollout, transitions, observations = rows
    told = set()
    for number, transition in enumerate(transitions):
        for path in leaves(transition.inputs):
            kind = tuple(part for part in path if isinstance(part, str))
            if kind in told:  # one of a list is as good as another
                continue
            told.add(kind)
            other = replace(transition, inputs=flipped(transition.inputs, path))
            changed = [*transitions[:number], other, *transitions[number + 1 :]]
            assert differences(rollout, changed, observations), (number, path)
    assert len({kind[0] for kind in told}) >= 12


@pytest.mark.parametrize(
    "name", ["trial", "delta", "alpha", "entered", "consumed_seq", "figures", "evidence"]
)
def test_a_forged_digest_hides_nothing_that_a_decision_was_made_from(rows, name):
    rollout, transitions, observations = rows
    number = next(i for i, t in enumerate(transitions) if t.cause == "gate_passed")
    inputs = transitions[number].inputs
    path = next(path for path in leaves(inputs) if path[0] == name)
    forged = replace(transitions[number], inputs=sealed(flipped(inputs, path)))
    assert differences(rollout, [*transitions[:number], forged, *transitions[number + 1 :]], observations)


@pytest.mark.parametrize(
    "change",
    [
        {"target": State.FULL},
        {"source": State.FULL},
        {"cause": "another"},
        {"why": "another"},
        {"share": 0.5},
    ],
)
def test_every_column_of_a_decision_comes_out_again(rows, change):
    rollout, transitions, observations = rows
    for number, transition in enumerate(transitions):
        changed = [*transitions[:number], replace(transition, **change), *transitions[number + 1 :]]
        assert differences(rollout, changed, observations), number


@pytest.mark.parametrize(
    "change",
    [
        {"d": -1.0},
        {"kind": "void", "d": None},
        {"step": "full"},
        {"served_by": "student"},
        {"propensity": 0.5},
    ],
)
def test_every_observation_counts_as_it_was_counted(rows, change):
    rollout, transitions, observations = rows
    for at in (0, len(observations) // 2, len(observations) - 1):
        row = replace(observations[at], **change)
        if row != observations[at]:
            assert differences(rollout, transitions, [*observations[:at], row, *observations[at + 1 :]]), at
    assert differences(rollout, transitions, observations[1:])
    assert differences(rollout, transitions[1:], observations)


@pytest.mark.parametrize("change", [{"state": State.FULL}, {"trial": 7}, {"delta": 0.2}, {"evidence": {}}])
def test_the_rollout_itself_comes_out_again(rows, change):
    rollout, transitions, observations = rows
    assert differences(replace(rollout, **change), transitions, observations)


def test_a_decision_names_what_it_was_made_with(rows):
    _, transitions, _ = rows
    for transition in transitions:
        made = transition.inputs["versions"]
        assert made["student_id"] == "s1"
        assert made["score"] == "score"
        assert {len(made[name]) for name in ("policy_sha256", "student_sha256")} == {64}
        assert made["code"]
    assert len({t.inputs["versions"]["policy_sha256"] for t in transitions}) == 1
