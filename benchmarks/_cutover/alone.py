"""The tests by themselves, without a rollout around them, and the naive one beside them. Knows no page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks._cutover.rollouts import POLICY, spread
from router import betting
from router.decision import Facts
from router.evidence import Evidence
from router.scan import first_decision
from router.simulation.course import begun, observed
from router.simulation.world import Shape, World
from store.vocabulary import State

GOOD_BEFORE = 20_000  # pairs of a good student before it goes bad
BAD_AFTER = 15_000  # pairs that it is watched for then
LOOKS = 6000  # pairs at which the naive test looks
FROM = 30  # the first of them
NORMAL = 1.645  # one-sided 5%


def promotion(replications: int, seed: int) -> list[dict[str, Any]]:
    """Give pairs until the promotion test by itself passes an equal student, at alpha .05."""
    rng, equal, bar = np.random.default_rng(seed), World(gap=0.0), math.log(20)
    rows = []
    for delta in (0.02, 0.03, 0.05):
        when = []
        for _ in range(replications):
            wealth = _wealth(equal.differences(rng, np.zeros(12_000, dtype=bool)), delta)
            passed = np.flatnonzero(wealth >= bar)
            when.append(int(passed[0]) + 1 if passed.size else 12_000)
        rows.append({"delta": delta, "pairs": spread(when)})
    return rows


def regressions(replications: int, seed: int) -> list[dict[str, Any]]:
    """Give bad pairs until a student at FULL, good for 20,000 pairs, is rolled back."""
    given: dict[str, Any] = {"facts": Facts(), "policy": POLICY, "now": 0.0}
    rollout, gaps = begun(POLICY, State.FULL), (-0.20, -0.10, -0.05)
    when: dict[float, list[int]] = {gap: [] for gap in gaps}
    false_alarms = 0
    for i in range(replications):
        rng = np.random.default_rng(seed * 1_000_003 + i)
        good = observed(State.FULL, World(gap=0.0).differences(rng, np.ones(GOOD_BEFORE, dtype=bool)))
        before = first_decision(rollout, Evidence(delta=POLICY.delta), good, **given)
        false_alarms += before.decision is not None
        for gap in gaps:
            bad = observed(State.FULL, World(gap=gap).differences(rng, np.ones(BAD_AFTER, dtype=bool)))
            when[gap].append(first_decision(rollout, before.evidence, bad, **given).taken)
    return [
        {"gap": gap, "replications": replications, "false_alarms": false_alarms, "pairs": spread(when[gap])}
        for gap in gaps
    ]


def naive(replications: int, seed: int) -> list[dict[str, Any]]:
    """Give how often students at -delta pass by then: a z-test at 5% and ours at alpha .05, after every pair."""
    bar = math.log(1 / 0.05)
    marks = np.unique(np.geomspace(FROM, LOOKS, 24).astype(int))
    rows = []
    for shape in Shape:
        rng, world = np.random.default_rng(seed), World(gap=-POLICY.delta, shape=shape)
        z_first, e_first = [], []
        for _ in range(replications):
            d = world.differences(rng, np.zeros(LOOKS, dtype=bool))
            z_first.append(_first(_z(d + POLICY.delta) > NORMAL, FROM))
            e_first.append(_first(_wealth(d, POLICY.delta) >= bar, 0))
        rows.append(
            {
                "shape": str(shape),
                "naive": _until(z_first, LOOKS),
                "ours": _until(e_first, LOOKS),
                "naive_by": [(int(n), _until(z_first, n)) for n in marks],
                "ours_by": [(int(n), _until(e_first, n)) for n in marks],
            }
        )
    return rows


def _wealth(d: betting.Floats, delta: float) -> betting.Floats:
    bins = np.rint(d * betting.SCALE).astype(np.int64) + betting.SCALE
    return betting.wealth(np.cumsum(betting.gains(-delta)[bins], axis=0))


def _z(d: betting.Floats) -> betting.Floats:
    n = np.arange(1, len(d) + 1)
    mean = np.cumsum(d) / n
    return mean / np.sqrt(np.maximum(np.cumsum(d**2) / n - mean**2, 1e-12) / n)


def _first(passed: Any, least: int) -> int:
    found = np.flatnonzero(passed[least:])
    return int(found[0]) + least + 1 if found.size else LOOKS + 1


def _until(first: list[int], n: int) -> float:
    return sum(at <= n for at in first) / len(first)
