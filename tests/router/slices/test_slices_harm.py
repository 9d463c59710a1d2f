"""The harm test of slices against the formula written out by hand, and what its parts of alpha sum to."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makers import observation, rollout

from router import betting
from router.counts import EMPTY, Cell, merge
from router.decision import Facts
from router.evidence import Evidence, anew, update
from router.policy import next_step
from router.scan import first_decision
from router.settings import RolloutPolicy
from router.slices import harm, telling
from router.slices.rank import MOST, Life, parts
from router.streams.budget import SLICES
from store.vocabulary import ObservationKind, State, TaskMode, Who

C = [math.exp(math.log(0.05) + (math.log(0.97) - math.log(0.05)) * j / 15) for j in range(16)]
W = [c**0.75 / sum(c**0.75 for c in C) for c in C]
POLICY = RolloutPolicy(mode=TaskMode.AUTO, dwell_s=0.0)
EMPTY_EVIDENCE = Evidence(delta=0.03)

names = st.sampled_from(["tools:none", "tools:search", "length:short", "length:long", "language:de"])
rows = st.lists(
    st.tuples(
        st.sampled_from([None, -1.0, -0.4, 0.0, 0.25, 1.0]),
        st.sampled_from([State.SHADOW, State.CANARY_5, State.FULL]),
        st.sampled_from(list(Who)),
        st.frozensets(names, max_size=3).map(tuple),
        st.booleans(),
    ),
    max_size=60,
).map(
    lambda found: [
        observation(
            i + 1, d, step=step, served_by=who, slices=slices, **({"kind": ObservationKind.VOID} if void else {})
        )
        for i, (d, step, who, slices, void) in enumerate(found)
    ]
)  # fmt: skip


def brute(values, m):
    """The capital of sixteen bettors against E[-D] <= m, by multiplication."""
    return math.log(
        sum(w * math.prod(1 + c * (-d - m) / (1 + m) for d in values) for c, w in zip(C, W, strict=True))
    )


@given(rows)
@settings(max_examples=40)
def test_each_slice_is_tested_over_all_steps_by_the_formula(observations):
    found = harm.tested(update(EMPTY_EVIDENCE, observations), POLICY)
    told: dict[str, list[float]] = {}
    for o in observations:
        for name in sorted(o.slices) if o.kind != ObservationKind.VOID else ():
            told.setdefault(name, []).append(0.0 if o.d is None else o.d)
    assert [one.slice for one in found] == list(told)  # ranked by the first score, then by name
    for j, one in enumerate(found, 1):
        assert one.log_wealth == pytest.approx(brute(told[one.slice], 0.10), abs=1e-9)
        assert one.bar == pytest.approx(-math.log(0.01 * 3 / 8 * 4 / ((j + 3) * (j + 4))))


@given(rows, st.randoms(use_true_random=False), st.integers(1, 5))
@settings(max_examples=40)
def test_counts_of_slices_merge_in_any_order_to_those_of_one_writer(observations, rng, writers):
    whole = update(EMPTY_EVIDENCE, observations)
    shares = [
        update(EMPTY_EVIDENCE, [o for o in observations if o.seq % writers == w]).cells
        for w in range(writers)
    ]
    rng.shuffle(shares)
    merged = replace(EMPTY_EVIDENCE, cells=merge(*shares))
    assert merged.cells == whole.cells
    assert harm.tested(merged, POLICY) == harm.tested(whole, POLICY)
    assert Evidence.from_json(json.loads(json.dumps(whole.to_json()))) == whole


lives = st.lists(st.tuples(st.integers(1, 10**6), names), unique=True, max_size=40)


@given(lives, lives)
@settings(max_examples=50)
def test_the_parts_of_any_number_of_slices_stay_within_the_budget(living, over):
    """With lives that are over, too: what they had is never given out again."""
    slices = {f"{name}{n}": Cell(first=first) for n, (first, name) in enumerate(living)}
    shares = parts(slices, [Life(first, name) for first, name in over])
    every = parts({**slices, **{f"over{n}": Cell(first=life[0]) for n, life in enumerate(over)}}, ())
    assert set(shares) == set(slices)
    assert sum(every.values()) <= 1.0
    assert len(set(shares.values())) == len(shares)
    spent = sum(math.exp(-harm.bar(POLICY, share)) for share in every.values())
    assert spent <= POLICY.harm_alpha * SLICES + 1e-15


def test_a_slice_that_begins_anew_takes_the_next_part_and_leaves_the_others_theirs():
    seen = [
        observation(1, -1.0, slices=("a:x",)),
        observation(2, 0.0, slices=("a:y",)),
        observation(3, 0.0, slices=("a:z",)),
    ]
    evidence = anew(update(EMPTY_EVIDENCE, seen), "a:x")
    assert [one.slice for one in harm.tested(evidence, POLICY)] == ["a:y", "a:z"]
    evidence = update(evidence, [observation(4, 0.0, slices=("a:x",))])
    shares = parts(evidence.slices, evidence.begun_anew)
    assert shares == pytest.approx({"a:y": 4 / 30, "a:z": 4 / 42, "a:x": 4 / 56})
    assert evidence.slices["a:x"].paired == 1
    assert evidence.over().paired == 4  # its past stays in the pooled test
    assert Evidence.from_json(evidence.to_json()) == evidence


WEAK = [
    observation(i, (-1.0, 1.0, 0.0)[i % 3], slices=("tools:search" if i % 3 == 0 else "tools:none",))
    for i in range(1, 61)
]


@given(rows, st.integers(1, 60))
@example(WEAK, 10)
@settings(max_examples=25)
def test_one_after_the_other_or_all_at_once_excludes_the_same(observations, size):
    eager = replace(
        POLICY, harm_alpha=0.99
    )  # so that slices alarm within so few pairs, and the whole does not
    given_ = {"facts": Facts(), "policy": eager, "now": 1.0}
    at = rollout(State.HOLD, held_from=State.SHADOW, held_for=("paused",))
    whole = first_decision(at, EMPTY_EVIDENCE, observations, **given_)
    evidence, alone = EMPTY_EVIDENCE, None
    for start in range(len(observations)):
        evidence = update(evidence, observations[start : start + 1])
        if (alone := next_step(at, evidence, Facts(), eager, 1.0)) is not None:
            break
    assert (whole.decision, whole.evidence) == (alone, evidence)
    cut = first_decision(at, EMPTY_EVIDENCE, observations[:size], **given_)
    rest = first_decision(at, cut.evidence, observations[size:], **given_)
    assert whole.decision == (cut.decision or rest.decision)
    assert observations is not WEAK or whole.decision.exclude == ("tools:search",)


def test_only_so_many_slices_are_told_apart():
    many = [observation(i, 0.0, slices=(f"user:{i:03}", "tools:none")) for i in range(1, MOST + 20)]
    evidence = update(EMPTY_EVIDENCE, many)
    assert len(evidence.slices) == MOST
    assert evidence.slices["tools:none"].paired == evidence.over().paired == MOST + 19
    assert f"user:{MOST:03}" not in evidence.slices
    assert update(update(EMPTY_EVIDENCE, many[:30]), many[30:]) == evidence
    told = telling.lines(rollout(), evidence, telling.stories(rollout(), evidence, POLICY, ()), {})
    assert len(told) == MOST + 1
    assert told[-1].startswith(f"Only the first {MOST} slices are told apart")


def test_a_slice_at_its_margin_is_excluded_no_more_often_than_its_part_of_alpha():
    """Exactly 10 points worse there, looked at after every pair; alpha is made large to be seen."""
    policy = replace(POLICY, harm_alpha=0.8)
    runs, excluded = 200, 0
    for seed in range(runs):
        lost = np.random.default_rng(seed).random(300) < policy.delta_slice
        seen = [
            observation(i, -float(one), slices=("tools:search",))
            for i, one in enumerate(lost.tolist(), 1)
        ]  # fmt: skip
        excluded += bool(harm.eventful(EMPTY_EVIDENCE, seen, policy).any())
    assert 0 < excluded <= 0.8 * SLICES / 5 * runs


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_a_slice_is_excluded_where_its_upper_bound_falls_below_its_margin(scale):
    """Also where people correct a judge: D and margin are those divided by B."""
    evidence = Evidence(delta=0.03, scale=scale)
    for n in range(1, 400):
        evidence = update(evidence, [observation(n, -float(n % 2) / scale, slices=("tools:search",))])
        [found] = harm.tested(evidence, POLICY)
        assert found.harmful == (harm.upper(evidence, found) < -evidence.delta_slice - 1e-5)
        if found.harmful:
            break
    assert found.harmful
    assert betting.reach(scale) == 1000 * scale
    assert found.cell != EMPTY
