"""A teacher that becomes another one: by its name, and by what it answers. Adversarial test 6."""

import json
import random
from collections.abc import Sequence

import pytest

from router.drift import probes, teacher
from router.drift.probes import DAY_S, ProbeWatch
from router.drift.settings import DriftPolicy
from router.drift.teacher import FEW, TeacherWatch
from router.errors import PolicyError

POLICY = DriftPolicy()


def named(watch, *models, upstream="openai", system=None):
    for model in models:
        watch = teacher.noted(watch, upstream, {"model": model, "system_fingerprint": system})
        watch = TeacherWatch.from_json(json.loads(json.dumps(watch.to_json())))
    return watch


BEFORE = teacher.begun(named(TeacherWatch(), "gpt-x-08", "gpt-x-08", "gpt-x-07", system="fp_1"))


def test_6_another_model_under_the_name_that_the_app_asks_for_is_another_teacher():
    watch = named(BEFORE, *["gpt-x-09"] * (FEW - 1))
    assert watch.found is None
    watch = named(watch, "gpt-x-09")
    assert (watch.found.cause, watch.found.void) == ("teacher_changed", "all")
    assert "openai answers as gpt-x-09, it was gpt-x-08, gpt-x-07" in watch.found.why
    later = teacher.adopted(watch)
    assert named(later, *["gpt-x-09", "gpt-x-08"] * 5).found is None
    assert teacher.adopted(later) == later


def test_known_names_strays_and_new_upstreams_are_no_change():
    watch = named(BEFORE, *["gpt-x-07", "gpt-x-08"] * 9, "stray")
    watch = named(watch, *["azure-x"] * 9, upstream="azure")
    watch = named(watch, None, "", 7)
    assert watch.found is None
    assert named(watch, *["azure-y"] * FEW, upstream="azure").found.figures["upstream"] == "azure"


def test_a_new_system_fingerprint_is_a_reason_to_ask():
    assert named(BEFORE, "gpt-x-08", system="fp_1").systems_seen == 0
    watch = named(BEFORE, *["gpt-x-08"] * 9, system="fp_2")
    assert (watch.systems_seen, watch.found) == (1, None)
    asked = probes.asked(ProbeWatch(attempts=("a",)), 10 * DAY_S, 0)
    assert not probes.due(asked, 10.5 * DAY_S, 0, POLICY)
    done = probes.answered(asked, [1.0] * 40, POLICY)
    whole = played(ProbeWatch(), [[1.0] * 40] * 3, day=10)
    assert probes.due(done, 10.5 * DAY_S, 0, POLICY)  # the first rounds are asked at once
    assert not probes.due(whole, 12.5 * DAY_S, 0, POLICY)
    assert probes.due(whole, 12.5 * DAY_S, watch.systems_seen, POLICY)
    assert probes.due(whole, 13 * DAY_S, 0, POLICY)


def played(watch: ProbeWatch, rounds: Sequence[Sequence[float]], day: int = 0) -> ProbeWatch:
    for at, values in enumerate(rounds):
        watch = probes.asked(watch, (day + at) * DAY_S, 0)
        watch = probes.answered(watch, values, POLICY)
        watch = ProbeWatch.from_json(json.loads(json.dumps(watch.to_json())))
        if watch.found is not None:
            break
    return watch


def agreeing(dice: random.Random, rate: float, rounds: int) -> list[list[float]]:
    return [[float(dice.random() < rate) for _ in range(40)] for _ in range(rounds)]


@pytest.mark.parametrize("rate", [0.8, 0.97, 1.0])
def test_a_teacher_that_varies_as_ever_is_left_in_peace(rate):
    for seed in range(5):
        watch = played(ProbeWatch(), agreeing(random.Random(seed), rate, 63))
        assert (watch.found, watch.rounds) == (None, 63)


@pytest.mark.parametrize(("before", "later", "most"), [(0.97, 0.6, 3), (0.97, 0.75, 7), (0.8, 0.4, 6)])
def test_6_a_teacher_that_answers_otherwise_is_found_within_days(before, later, most):
    for seed in range(5):
        dice = random.Random(seed)
        watch = played(ProbeWatch(), agreeing(dice, before, 3))
        watch = played(watch, agreeing(dice, later, 40))
        assert (watch.found.cause, watch.found.void) == ("teacher_changed", "all")
        assert watch.rounds - 3 <= most


def test_a_round_of_which_little_came_counts_nothing():
    watch = played(ProbeWatch(), [[0.0] * 9])
    assert (watch.rounds, watch.base_n, watch.whole) == (0, 0, False)
    assert not probes.due(watch, 1.0, 0, POLICY)


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 0.0}, {"reference_alpha": 1.0}, {"probes": -1}, {"probe_usd_per_day": -0.1}]
)
def test_a_policy_that_cannot_be_is_refused(wrong):
    with pytest.raises(PolicyError, match=r"drift\."):
        DriftPolicy(**wrong)
