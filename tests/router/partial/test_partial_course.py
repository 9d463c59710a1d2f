"""A partial cutover: its candidates in fixed order, its way from a refusal on, and what is promised of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decision import Facts
from router.evidence import Evidence, update
from router.partial import order
from router.partial.candidate import Candidate
from router.partial.received import received
from router.policy import applied, left, next_step
from router.scan import first_decision
from router.settings import RolloutPolicy
from router.steps import LADDER
from store.vocabulary import (
    Evaluation,
    Observation,
    ObservationKind,
    Rollout,
    State,
    TaskMode,
    Verdict,
    Who,
)

GRID = (0.9, 0.7, 0.5, 0.3)
EMPTY = Evidence(delta=0.03, candidates={threshold: Candidate() for threshold in GRID})
POLICY = RolloutPolicy(mode=TaskMode.AUTO, dwell_s=0.0, settle_s=0.0)
ROLLOUT = Rollout(
    rollout_id="r", task_id="t", task_version=1, student_id="s", trial=1, state=State.SHADOW, thresholds=GRID
)
PARTIAL = replace(ROLLOUT, partial=True, threshold=GRID[0])


def pair(seq: int, d: float, confidence: float | None, **said: object) -> Observation:
    """One compared call."""
    given = {"kind": ObservationKind.PAIRED, "step": State.SHADOW, "served_by": Who.TEACHER} | said
    return Observation(
        rollout_id="r", seq=seq, call_id="", d=d, confidence=confidence, propensity=1.0, ts=0.0, **given
    )


def pairs(seed: int, n: int, right: float = 0.0) -> list[Observation]:
    """Calls of a calibrated student: it is wrong with the chance that it says, less `right`."""
    rng = np.random.default_rng(seed)
    confidences = rng.beta(4, 1, n)
    lost = rng.random(n) > confidences + right
    return [
        pair(i, -float(one), float(c)) for i, (one, c) in enumerate(zip(lost, confidences, strict=True), 1)
    ]


def evaluation(mean: float, kept: float) -> Evaluation:
    """An offline evaluation that fails the whole, with one candidate."""
    return Evaluation(
        evaluation_id="e", student_id="s", task_id="t", created=0.0, n=300, student_mean=0.8, teacher_mean=1.0,
        delta_mean=-0.2, delta_lower=-0.22, verdict=Verdict.FAIL, why="it is worse",
        detail={"partial": [{"threshold": 0.9, "kept": kept, "mean": mean}]},
    )  # fmt: skip


def test_below_the_threshold_the_app_receives_the_teacher_s_answer() -> None:
    one, other = pair(1, -1.0, 0.6), pair(2, 1.0, 0.8)
    assert [o.d for o in received([one, other], 0.7)] == [0.0, 1.0]
    assert received([one, other], None) == [one, other]


def test_what_has_no_confidence_counts_where_it_lost_only() -> None:
    assert [o.d for o in received([pair(1, -1.0, None), pair(2, 1.0, None)], 0.9)] == [-1.0, 0.0]


def test_a_conversation_counts_call_by_call() -> None:
    parts = ((-1.0, 0.9), (-1.0, 0.2), (1.0, 0.95), (0.0, None))
    assert received([replace(pair(1, -0.25, None), parts=parts)], 0.5)[0].d == 0.0
    assert received([replace(pair(1, -0.25, None), parts=parts[:2])], 0.5)[0].d == -0.5


def test_a_missing_pair_stays_missing_at_every_threshold() -> None:
    lost = replace(pair(1, 0.0, 0.1), kind=ObservationKind.MISSING, d=None)
    evidence = update(EMPTY, [lost])
    assert [evidence.under(t).over().missing for t in GRID] == [1] * len(GRID)


@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.none() | st.floats(0, 1)), max_size=30))
def test_a_looser_candidate_keeps_no_less(drawn: list[tuple[float, float | None]]) -> None:
    evidence = update(EMPTY, [pair(i, d, c) for i, (d, c) in enumerate(drawn)])
    shares = [one.kept.share for one in evidence.candidates.values()]
    assert shares == sorted(shares)


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_counts_are_the_same_however_they_are_cut_and_come_back_from_json(seed: int, at: int) -> None:
    drawn = pairs(seed, 60)
    whole = update(EMPTY, drawn)
    assert update(update(EMPTY, drawn[:at]), drawn[at:]) == whole
    assert Evidence.from_json(whole.to_json()) == whole


def test_a_looser_candidate_is_not_believed_while_a_stricter_one_is_not() -> None:
    rare = [pair(i, -float(i % 12 == 0), 0.95 if i % 12 == 0 else 0.6) for i in range(1, 400)]
    gains = [pair(i, 1.0, 0.6) for i in range(400, 800)]
    evidence = update(EMPTY, rare + gains)
    at = {t: order.measure(evidence.under(t), PARTIAL, POLICY).promote[0] for t in GRID}
    assert at[0.5] > 10 > at[0.9]
    assert order.proven(PARTIAL, evidence, POLICY) == []


def test_the_chance_that_a_candidate_below_the_margin_is_ever_believed_is_at_most_alpha() -> None:
    """At every candidate but the strictest, what the app receives is exactly the margin worse."""
    policy, runs = replace(POLICY, alpha=0.2), 200
    wrong = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        sure = rng.random(600) < 0.5  # of the strictest candidate: it never errs there
        lost = ~sure & (rng.random(600) < 2 * 0.03)
        drawn = [
            pair(i, -float(one), 0.95 if s else 0.8)
            for i, (one, s) in enumerate(zip(lost, sure, strict=True))
        ]
        rollout, evidence = replace(PARTIAL, alpha=0.4), EMPTY
        view = order.trace(evidence.under(0.7), drawn, rollout, policy)
        strictest = order.trace(evidence.under(0.9), drawn, rollout, policy)
        bar = order.bars(rollout, policy).promote
        wrong += bool(((view.promote >= bar) & (strictest.promote >= bar)).any())
    assert 0 < wrong <= 0.2 * runs


def test_a_student_that_the_screen_refuses_as_a_whole_is_tried_on_a_part() -> None:
    waiting = replace(ROLLOUT, state=State.OFFLINE)
    hopeful = next_step(waiting, EMPTY, Facts(evaluation=evaluation(-0.01, 0.5)), POLICY, 0.0)
    assert hopeful is not None
    assert (hopeful.target, hopeful.cause, hopeful.threshold) == (State.SHADOW, "partial", GRID[0])
    assert hopeful.trial == waiting.trial  # nothing was spent on the whole
    for mean, kept in ((-0.04, 0.5), (-0.01, 0.1)):
        refused = next_step(waiting, EMPTY, Facts(evaluation=evaluation(mean, kept)), POLICY, 0.0)
        assert refused is not None
        assert refused.target == State.REJECTED


@pytest.mark.parametrize("cause", ["harm", "cap"])
def test_live_evidence_against_the_whole_begins_a_trial_on_a_part(cause: str) -> None:
    share = 0.3 if cause == "harm" else 0.03
    rng = np.random.default_rng(1)
    lost = rng.random(7000) < share
    drawn = [pair(i, -float(one), 0.35 if one else 0.95) for i, one in enumerate(lost, 1)]
    found = first_decision(ROLLOUT, EMPTY, drawn, facts=Facts(trials=4), policy=POLICY, now=0.0)
    assert found.decision is not None
    assert (found.decision.cause, found.decision.target, found.decision.trial) == ("partial", State.SHADOW, 5)
    after = applied(ROLLOUT, found.decision, 0.0)
    assert (after.partial, after.threshold, after.trial) == (True, GRID[0], 5)
    later = first_decision(
        after,
        left(found.evidence, found.decision),
        drawn[found.taken :],
        facts=Facts(),
        policy=POLICY,
        now=0.0,
    )
    assert later.decision is not None
    assert (later.decision.target, later.decision.threshold) == (State.CANARY_1, 0.5)


def test_a_rollout_without_candidates_ends_as_it_did() -> None:
    drawn = [pair(i, -float(i % 3 == 0), 0.9) for i in range(600)]
    whole = replace(ROLLOUT, thresholds=())
    found = first_decision(whole, Evidence(delta=0.03), drawn, facts=Facts(), policy=POLICY, now=0.0)
    assert found.decision is not None
    assert (found.decision.target, found.decision.cause) == (State.ROLLING_BACK, "harm")


def test_at_full_a_looser_threshold_is_published_once_it_is_proven_one_after_the_other() -> None:
    rollout, evidence = replace(PARTIAL, state=State.FULL), EMPTY.under(GRID[0])
    drawn = [
        replace(o, step=State.FULL, served_by=(Who.STUDENT, Who.TEACHER)[o.seq % 2])
        for o in pairs(3, 4000, right=0.2)
    ]
    published = [GRID[0]]
    while (
        found := first_decision(rollout, evidence, drawn, facts=Facts(), policy=POLICY, now=0.0)
    ).decision is not None:
        assert (found.decision.target, found.decision.cause) == (State.FULL, "loosened")
        drawn = drawn[found.taken :]
        rollout, evidence = applied(rollout, found.decision, 0.0), left(found.evidence, found.decision)
        assert rollout.threshold is not None
        published.append(rollout.threshold)
    assert len(published) > 1
    assert published == sorted(published, reverse=True)
    assert evidence.threshold == published[-1]
    assert evidence.cells == evidence.candidates[published[-1]].cells


@pytest.mark.parametrize("served_by", [Who.STUDENT, Who.TEACHER])
def test_at_full_a_threshold_that_only_old_pairs_prove_is_not_published(served_by: Who) -> None:
    """Nor one that fresh pairs prove, none of which the student served: as at the last gate."""
    rollout, old = replace(PARTIAL, state=State.FULL), update(EMPTY, pairs(3, 4000, right=0.2)).under(GRID[0])
    bar = order.bars(rollout, POLICY).promote
    assert all(order.measure(old.under(t), rollout, POLICY).promote[0] > bar for t in GRID[:2])
    assert order.proven(rollout, old, POLICY) == []
    assert order.proven(replace(rollout, state=State.CANARY_5), old, POLICY)
    fresh = [replace(o, step=State.FULL, served_by=served_by) for o in pairs(5, 2000, right=0.2)]
    found = first_decision(rollout, old, fresh, facts=Facts(), policy=POLICY, now=0.0)
    if served_by == Who.TEACHER:
        assert found.decision is None
        return
    assert found.decision is not None
    assert (found.decision.cause, found.decision.target) == ("loosened", State.FULL)
    assert found.taken > 0, "not before there are fresh pairs"


def test_harm_among_the_answers_that_went_out_rolls_a_partial_cutover_back() -> None:
    rollout, evidence = replace(PARTIAL, state=State.CANARY_50), EMPTY.under(GRID[0])
    said = {"step": State.CANARY_50, "served_by": Who.STUDENT}
    drawn = [pair(i, -float(i % 3 == 0), 0.95, **said) for i in range(1, 400)]
    found = first_decision(rollout, evidence, drawn, facts=Facts(), policy=POLICY, now=0.0)
    assert found.decision is not None
    assert (found.decision.target, found.decision.cause) == (State.ROLLING_BACK, "harm")
    deferred = [replace(o, confidence=0.1) for o in drawn]
    spared = first_decision(rollout, evidence, deferred, facts=Facts(), policy=POLICY, now=0.0)
    assert spared.decision is None or spared.decision.target in LADDER
