"""What is watched beside the scores, against the formulas written out by hand."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import observation, rollout

from router import betting
from router.decision import Facts
from router.evidence import Evidence, update, voided
from router.figures import bars, measure, trace
from router.policy import next_step
from router.settings import RolloutPolicy
from router.streams import alarms
from router.streams.budget import HARM, LATE, SLICES
from store.vocabulary import ObservationKind, State, Stream, TaskMode, Who

C = [math.exp(math.log(0.05) + (math.log(0.97) - math.log(0.05)) * j / 15) for j in range(16)]
W = [c**0.75 / sum(c**0.75 for c in C) for c in C]
MARGINS = {Stream.ERROR: 0.02, Stream.LATENCY: 0.05}
POLICY = RolloutPolicy(mode=TaskMode.AUTO)
LIVE = [State.SHADOW, State.CANARY_1, State.CANARY_25, State.FULL]
rows = st.lists(
    st.tuples(
        st.sampled_from([None, -1.0, 0.0, 0.5, 1.0]),
        st.sampled_from(LIVE),
        st.sampled_from(list(Who)),
        st.sampled_from([Stream.SCORE, Stream.ERROR, Stream.LATENCY]),
    ),
    max_size=50,
).map(
    lambda found: [
        observation(i + 1, d, step=step, served_by=who, stream=stream)
        for i, (d, step, who, stream) in enumerate(found)
    ]
)


def brute(values, m):
    return math.log(
        sum(w * math.prod(1 + c * (d - m) / (1 + m) for d in values) for c, w in zip(C, W, strict=True))
    )


def brute_detector(values, m):
    states = [0.0] * 16
    for d in values:
        states = [(r + 1) * (1 + c * (d - m) / (1 + m)) for r, c in zip(states, C, strict=True)]
    return math.log(sum(map(math.prod, zip(states, W, strict=True)))) if values else -math.inf


def test_the_shares_are_all_there_is():
    assert sum(HARM.values()) + SLICES == 1.0
    assert sum(LATE.values()) == 1.0


@given(rows)
@settings(deadline=None, max_examples=40)
def test_alarms_equal_the_formulas_and_scores_do_not_hear_of_them(observations):
    evidence = update(Evidence(delta=0.03, margins=MARGINS), observations)
    figures = measure(evidence, rollout(State.CANARY_25), POLICY)
    tests, late = [-math.inf], [-math.inf]
    for stream, margin in MARGINS.items():
        own = [(0.0 if o.d is None else o.d, o) for o in observations if o.stream == stream]
        for step in LIVE[:3]:
            for served in (False, True):
                if step == State.SHADOW and served:
                    continue
                here = [
                    d
                    for d, o in own
                    if o.step in LIVE[LIVE.index(step) : 3] and (not served or o.served_by == Who.STUDENT)
                ]
                parts = 1 if step == State.SHADOW else 2
                if here:
                    tests.append(brute(here, margin) + math.log(0.01 / 5 / 32 / parts))
        late.append(brute_detector([d for d, _ in own], margin) + math.log(1 / 32))
    assert figures.beside[0] == pytest.approx(max(tests), abs=1e-9)
    assert figures.late_beside[0] == pytest.approx(max(late), abs=1e-9)
    scores = [o for o in observations if o.stream == Stream.SCORE]
    alone = measure(update(Evidence(delta=0.03), scores), rollout(State.CANARY_25), POLICY)
    for name in ("pairs", "served", "missing", "promote", "fresh", "fresh_served", "harm", "late"):
        assert getattr(figures, name)[0] == getattr(alone, name)[0]


@given(rows, st.integers(0, 50))
@settings(deadline=None, max_examples=40)
def test_a_trace_is_what_looking_after_every_observation_would_show(observations, cut):
    at = rollout(State.CANARY_1)
    before = update(Evidence(delta=0.03, margins=MARGINS), observations[:cut])
    figures = trace(before, observations[cut:], at, POLICY)
    for i in range(len(observations[cut:]) + 1):
        then = measure(update(before, observations[cut : cut + i]), at, POLICY)
        assert figures.beside[i] == pytest.approx(then.beside[0], abs=1e-9)
        assert figures.late_beside[i] == pytest.approx(then.late_beside[0], abs=1e-9)


@given(rows)
@settings(deadline=None, max_examples=20)
def test_evidence_of_all_streams_survives_json_and_a_void_keeps_the_margins(observations):
    evidence = update(Evidence(delta=0.03, margins=MARGINS, scale=41.0), observations)
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence
    assert voided(evidence) == Evidence(delta=0.03, margins=MARGINS, scale=41.0)


def test_a_collapse_takes_the_student_off_and_says_why():
    good = [observation(i, 0.0, step=State.CANARY_5) for i in range(1, 200)]
    slow = [
        observation(i, 1.0, step=State.CANARY_5, served_by=Who.STUDENT, stream=Stream.LATENCY)
        for i in range(1, 40)
    ]
    evidence = update(Evidence(delta=0.03, margins=MARGINS), good)
    at = rollout(State.CANARY_5, entered=0.0)
    assert next_step(at, evidence, Facts(), POLICY, 0.0) is None
    taken = next(
        n
        for n in range(len(slow))
        if next_step(at, update(evidence, slow[:n]), Facts(), POLICY, 0.0) is not None
    )
    assert taken <= 22
    decision = next_step(at, update(evidence, slow[:taken]), Facts(), POLICY, 0.0)
    assert (decision.target, decision.cause) == (State.ROLLING_BACK, "guardrail")
    assert "later than the latency objective in +100.0 points" in decision.why
    assert "from step shadow on" in decision.why


def test_at_full_share_a_detector_finds_what_no_step_tests():
    good = [observation(i, 0.0, step=State.FULL, stream=Stream.LATENCY) for i in range(1, 3000)]
    bad = [observation(i, float(i % 2), step=State.FULL, stream=Stream.LATENCY) for i in range(3000, 3200)]
    evidence = update(Evidence(delta=0.03, margins=MARGINS), good)
    at = rollout(State.FULL)
    assert next_step(at, evidence, Facts(), POLICY, 0.0) is None
    decision = next_step(at, update(evidence, bad), Facts(), POLICY, 0.0)
    assert decision.cause == "guardrail"
    assert "change detector" in decision.why


def test_a_tolerable_student_is_seldom_taken_off_by_its_guardrails():
    """At the margin itself, of 400 seeded students each with 2,000 pairs in one step: at most the step's budget."""
    rng = np.random.default_rng(5)
    bar = alarms.bar(Stream.ERROR, bars(rollout(), POLICY).beside, State.SHADOW)
    table = betting.gains(0.02)
    alarmed = 0
    for _ in range(400):
        worse = (rng.random(2000) < 0.05).astype(int) - (rng.random(2000) < 0.03).astype(int)
        wealth = betting.wealth(np.cumsum(table[1000 * worse + 1000], axis=0))
        alarmed += bool((wealth >= bar).any())
    assert alarmed == 0


def test_what_is_not_known_of_an_attempt_is_no_harm():
    unknown = [
        observation(i, None, step=State.CANARY_5, stream=Stream.ERROR, kind=ObservationKind.MISSING)
        for i in range(500)
    ]
    evidence = update(Evidence(delta=0.03, margins=MARGINS), unknown)
    assert measure(evidence, rollout(State.CANARY_5), POLICY).beside[0] < 0
