"""A rate that a reference bounds, and the detector against it."""

import json
import math
import random

import pytest

from router.drift.rates import NEW, Alarm, ceiling, upper


@pytest.mark.parametrize(("hits", "n", "rate"), [(0, 100, 0.05), (5, 100, 0.05), (30, 60, 0.5)])
def test_the_bound_is_hoeffdings(hits, n, rate):
    bound = upper(hits, n, 0.01)
    own = hits / n
    first = own * math.log(own / bound) if own else 0.0
    assert first + (1 - own) * math.log((1 - own) / (1 - bound)) == pytest.approx(math.log(100) / n, rel=1e-6)
    assert bound > own
    assert upper(hits, n, 0.001) > bound
    assert upper(0, 0, 0.5) == 1.0
    assert upper(n, n, 0.01) == 1.0


def test_the_true_rate_lies_above_the_bound_as_rarely_as_is_said():
    dice = random.Random(3)
    above = sum(upper(sum(dice.random() < 0.1 for _ in range(200)), 200, 0.05) < 0.1 for _ in range(1000))
    assert above <= 50


def test_a_tolerance_is_added_to_what_is_known():
    assert ceiling(100, 10_000, chance=0.01, tolerance=0.05) == pytest.approx(0.06)
    assert ceiling(0, 20, chance=0.01, tolerance=0.05) == upper(0, 20, 0.01)
    assert 0 < ceiling(20, 20, chance=0.01, tolerance=0.5) < 1


def test_false_alarms_are_as_rare_as_is_said():
    dice = random.Random(7)
    alarms = 0
    for _ in range(100):
        alarm = NEW
        top = -math.inf
        for _ in range(10):
            alarm = alarm.after([float(dice.random() < 0.1) for _ in range(50)], 0.1)
            top = max(top, alarm.log_wealth)
        alarms += top >= math.log(5_000)  # 500 / 5,000 = 10% of runs at most
    assert alarms <= 10


def test_a_change_is_caught_however_late_it_comes():
    dice = random.Random(11)
    alarm = NEW.after([float(dice.random() < 0.02) for _ in range(3000)], 0.07)
    assert alarm.log_wealth < math.log(1e6)
    caught = alarm.after([float(dice.random() < 0.2) for _ in range(500)], 0.07)
    assert caught.log_wealth > math.log(1e6)


def test_it_is_kept_bit_for_bit_and_does_not_depend_on_how_looks_cut_it():
    values = [0.0, 1.0, 0.25, 0.0, 1.0]
    whole = NEW.after(values, 0.3)
    assert NEW.after(values[:2], 0.3).after(values[2:], 0.3) == whole
    assert Alarm.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    assert Alarm.from_json(json.loads(json.dumps(NEW.to_json()))) == NEW
    assert NEW.after([], 0.3) is NEW
