"""Statistics against the formulas written out by hand, one observation at a time."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import observation, rollout

from router import betting
from router.counts import merge
from router.evidence import Evidence, update
from router.figures import bars, measure, spend, trace
from router.settings import RolloutPolicy
from store.vocabulary import ObservationKind, State, Who

STEPS = [State.SHADOW, State.CANARY_1, State.CANARY_5, State.CANARY_25, State.CANARY_50, State.FULL]
C = [math.exp(math.log(0.05) + (math.log(0.97) - math.log(0.05)) * j / 15) for j in range(16)]
W = [c**0.75 / sum(c**0.75 for c in C) for c in C]
POLICY = RolloutPolicy()

ds = st.integers(-1000, 1000).map(lambda k: k / 1000)
rows = st.lists(
    st.tuples(
        st.one_of(st.none(), ds),
        st.sampled_from(STEPS),
        st.sampled_from(list(Who)),
        st.sampled_from([1.0, 0.5]),
    ),
    max_size=60,
).map(
    lambda found: [
        observation(i + 1, d, step=step, served_by=who, propensity=p)
        for i, (d, step, who, p) in enumerate(found)
    ]
)


def brute(values, m):
    """The capital of sixteen bettors against E[D] <= m, by multiplication."""
    return math.log(
        sum(w * math.prod(1 + c * (d - m) / (1 + m) for d in values) for c, w in zip(C, W, strict=True))
    )


def brute_detector(values, m):
    """Shiryaev-Roberts on -D, as defined: R <- (R + 1) f."""
    states = [0.0] * 16
    for d in values:
        states = [(r + 1) * (1 + c * (-d - m) / (1 + m)) for r, c in zip(states, C, strict=True)]
    return math.log(sum(map(math.prod, zip(states, W, strict=True)))) if values else -math.inf


@given(rows)
@settings(deadline=None, max_examples=60)
def test_figures_equal_the_formulas(observations):
    evidence = update(Evidence(delta=0.03), observations)
    at = rollout(State.CANARY_25)
    figures, bar = measure(evidence, at, POLICY), bars(at, POLICY)
    hopeful = [(-1.0 if o.d is None else o.d, o) for o in observations]
    doubtful = [(0.0 if o.d is None else o.d, o) for o in observations]
    fresh = [d for d, o in hopeful if o.step in {State.CANARY_25, State.CANARY_50, State.FULL}]
    assert figures.promote[0] == pytest.approx(brute([d for d, _ in hopeful], -0.03), abs=1e-9)
    assert figures.fresh[0] == pytest.approx(brute(fresh, -0.03), abs=1e-9)
    tests = [brute([-d for d, o in doubtful if o.step in STEPS[:5]], 0.03) - bar.harm_shadow]
    for first in range(1, 5):
        since = [(-d, o) for d, o in doubtful if o.step in STEPS[first:5]]
        tests.append(brute([d for d, _ in since], 0.03) - bar.harm_live)
        tests.append(brute([d for d, o in since if o.served_by == Who.STUDENT], 0.03) - bar.harm_live)
    assert math.exp(figures.harm[0]) == pytest.approx(sum(map(math.exp, tests)), rel=1e-9)
    assert math.exp(-bar.harm_shadow) + 8 * math.exp(-bar.harm_live) == pytest.approx(0.01 / 2)
    late = [
        brute_detector([d for d, _ in doubtful], 0.03),
        brute_detector([d for d, o in doubtful if o.served_by == Who.STUDENT], 0.03),
    ]
    mean = sum(map(math.exp, late)) / 2
    assert math.exp(figures.late[0]) == pytest.approx(mean * 7 / 8, rel=1e-9)


def test_what_a_thin_step_began_to_show_counts_on_in_the_next():
    """Half of 20 served pairs lost: at 1% and at 5% no alarm by itself, both together are one."""

    def harm(*steps):
        seen = [
            observation(i, -float(i % 2), step=step, served_by=Who.STUDENT)
            for i, step in enumerate(step for step in steps for _ in range(20))
        ]
        return measure(update(Evidence(delta=0.03), seen), rollout(steps[-1]), POLICY).harm[0]

    assert harm(State.CANARY_1) < 0.0
    assert harm(State.CANARY_5) < 0.0 <= harm(State.CANARY_1, State.CANARY_5)


@given(rows, st.integers(0, 60))
@settings(deadline=None, max_examples=60)
def test_a_trace_is_what_looking_after_every_observation_would_show(observations, cut):
    at = rollout(State.CANARY_5)
    before = update(Evidence(delta=0.03), observations[:cut])
    traced = trace(before, observations[cut:], at, POLICY)
    for i in range(len(observations[cut:]) + 1):
        now = measure(update(before, observations[cut : cut + i]), at, POLICY)
        for name in ("pairs", "served", "missing", "promote", "fresh", "fresh_served", "harm", "late"):
            assert getattr(traced, name)[i] == pytest.approx(getattr(now, name)[0], abs=1e-8), name


@given(rows, st.integers(0, 60), st.randoms())
@settings(deadline=None, max_examples=60)
def test_counts_merge_in_any_order_and_grouping(observations, cut, rng):
    whole = update(Evidence(delta=0.03), observations)
    first = update(Evidence(delta=0.03), observations[:cut])
    other = update(Evidence(delta=0.03), observations[cut:])
    assert merge(first.cells, other.cells) == whole.cells
    assert update(first, observations[cut:]) == whole  # the detectors, too, in sequence
    mixed = list(observations)
    rng.shuffle(mixed)
    assert dict(update(Evidence(delta=0.03), mixed).cells) == dict(whole.cells)


@given(rows)
@settings(deadline=None, max_examples=40)
def test_evidence_survives_json_bit_for_bit(observations):
    evidence = update(Evidence(delta=0.03), observations)
    data = json.loads(json.dumps(evidence.to_json(), allow_nan=False))
    assert Evidence.from_json(data) == evidence


def test_evidence_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version 2"):
        Evidence.from_json({"v": 2})


def test_a_void_counts_nowhere():
    void = observation(1, None, kind=ObservationKind.VOID)
    evidence = update(Evidence(delta=0.03), [void])
    assert (evidence.over().paired, evidence.over().missing, evidence.over().void) == (0, 0, 1)
    assert evidence.late == Evidence(delta=0.03).late


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_rounding_goes_against_the_claim(values):
    for d in values:
        assert betting.bin_down(d) / 1000 - 1 <= d + 1e-9
        assert betting.bin_up(d) / 1000 - 1 >= d - 1e-9
        assert 0 <= betting.bin_down(d) <= betting.bin_up(d) <= 2000


@given(st.lists(ds, min_size=1, max_size=200))
@settings(deadline=None, max_examples=40)
def test_the_lower_bound_is_where_the_wealth_crosses(values):
    counts = update(Evidence(delta=0.03), [observation(i + 1, d) for i, d in enumerate(values)]).over().down
    bound = betting.lower_bound(counts, math.log(20))
    assert -1.0 <= bound <= np.mean(values)
    if bound > -1.0:
        assert brute(values, bound) >= math.log(20) - 1e-6
        assert brute(values, min(0.999, bound + 1e-4)) < math.log(20)


def test_the_alpha_of_all_trials_together_is_alpha():
    assert sum(spend(0.05, k) for k in range(1, 100_000)) == pytest.approx(0.05, rel=1e-4)
    assert spend(0.05, 1) == 0.025


def test_calls_are_estimated_from_the_chances_of_the_draws():
    seen = [observation(i, propensity=0.05) for i in range(1, 11)]
    assert update(Evidence(delta=0.03), seen).over().calls == pytest.approx(200)
