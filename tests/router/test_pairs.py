import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import drawn

from router import betting
from router.pairs import FULL_MEMORY, Patience, Seen, resolve, single
from store.vocabulary import ObservationKind, Outcome, State

PAIRED, MISSING, VOID = ObservationKind.PAIRED, ObservationKind.MISSING, ObservationKind.VOID
PATIENCE = Patience(score_s=900.0, conversation_s=600.0)


def resolved(rows, waited=None, seen=None):
    return resolve("r", rows, seen or Seen(), waited or {}, PATIENCE)


@pytest.mark.parametrize(
    ("changes", "kind", "d"),
    [
        ({}, PAIRED, 0.0),
        ({"student_score": 0.25, "teacher_score": 1.0}, PAIRED, -0.75),
        ({"student_score": None, "student_outcome": Outcome.TIMEOUT, "teacher_score": 0.5}, PAIRED, -0.5),
        ({"student_score": None, "student_outcome": Outcome.REFUSED}, PAIRED, -1.0),
        ({"student_score": None, "student_outcome": Outcome.LOST}, MISSING, None),
        ({"student_score": None, "student_outcome": Outcome.CLIENT_ABORT}, MISSING, None),
        ({"teacher_score": None, "teacher_outcome": Outcome.LENGTH}, MISSING, None),
    ],
)
def test_what_becomes_of_a_pair(changes, kind, d):
    found = single(drawn(1, **changes), 0.0, PATIENCE)
    assert (found.kind, found.d) == (kind, d)


@pytest.mark.parametrize(
    "changes",
    [
        {"student_score": None},
        {"teacher_score": None},
        {"student_outcome": None, "student_score": None, "student_attempt": None},
        {"student_score": None, "student_outcome": Outcome.ERROR, "teacher_score": None},
        {"teacher_score": None, "teacher_outcome": None},
    ],
)
def test_what_may_still_come_is_waited_for_and_then_missing(changes):
    row = drawn(1, **changes)
    assert single(row, 899.0, PATIENCE) is None
    assert single(row, 900.0, PATIENCE).kind == MISSING


def test_what_the_teacher_keeps_of_the_answers_is_received_alike_and_counts_in_its_slice_no_more():
    kept = frozenset({"label:refund"})
    slices = ("length:short", "label:refund")
    rows = [
        drawn(1, student_score=0.0, slices=slices),
        drawn(2, student_score=None, student_outcome=Outcome.DEFERRED, slices=slices),  # nobody scores it
        drawn(3, student_score=0.0, slices=("length:short", "label:other")),
    ]
    found = resolve("r", rows, Seen(), {}, PATIENCE, withheld=kept)
    assert [(o.kind, o.d) for o in found] == [(PAIRED, 0.0), (PAIRED, 0.0), (PAIRED, -1.0)]
    assert [o.slices for o in found] == [slices[:1], slices[:1], ("length:short", "label:other")]
    assert [o.slices for o in resolved(rows)] == [slices]
    talk = Seen(inputs={}, units={"a": 0}, turns=3)
    rows = [replace(row, unit="one", input_hash=str(row.seq)) for row in rows[::2]]
    (whole, _) = resolve("r", rows, talk, {1: 600.0, 3: 600.0}, PATIENCE, withheld=kept)
    assert (whole.d, whole.slices) == (-0.5, slices[:1])  # of two calls the app received one of the student's


def test_a_failed_teacher_may_be_replaced_by_another_upstream():
    row = drawn(1, teacher=None, teacher_outcome=Outcome.ERROR)
    assert single(row, 100.0, PATIENCE) is None
    assert single(row, 120.0, PATIENCE).kind == MISSING


@given(st.lists(st.booleans(), max_size=40))
def test_only_the_contiguous_prefix_is_consumed(known):
    rows = [drawn(i + 1, 1.0 if ready else None) for i, ready in enumerate(known)]
    expected = known.index(False) if False in known else len(known)
    assert [o.seq for o in resolved(rows)] == list(range(1, expected + 1))


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1), st.floats(0, 1)), max_size=40), st.randoms())
@settings(deadline=None)
def test_the_order_of_arrival_changes_nothing(calls, rng):
    rows = [drawn(i + 1, s, t, input_hash=f"i{key}", unit=f"u{key}") for i, (key, s, t) in enumerate(calls)]
    whole = resolved(rows)
    known = {row.seq: replace(row, student_score=None) for row in rows}
    arrivals = list(rows)
    rng.shuffle(arrivals)
    seen, found = Seen(), []
    for row in arrivals:
        known[row.seq] = row
        at = found[-1].seq if found else 0
        found += resolved([known[seq] for seq in sorted(known) if seq > at], seen=seen)
    assert found == whole


def test_the_same_request_counts_once():
    rows = [drawn(i, input_hash="i", unit="u") for i in range(1, 22)]
    assert [o.kind for o in resolved(rows)] == [PAIRED] + [VOID] * 20


def test_at_full_a_request_counts_again_after_a_while():
    seen = Seen()
    rows = [drawn(i + 1, input_hash=f"i{i % 10}", unit=f"u{i % 10}", step=State.FULL) for i in range(2500)]
    kinds = [o.kind for o in resolved(rows, seen=seen)]
    assert kinds.count(PAIRED) == 30
    assert kinds[FULL_MEMORY : FULL_MEMORY + 10] == [PAIRED] * 10
    assert len(seen.inputs) <= 2 * FULL_MEMORY


def test_a_conversation_is_one_observation_its_mean():
    talkative = [drawn(i, unit=f"a{i // 2}") for i in range(2, 10)]  # two calls each, and it shows
    seen = Seen()
    resolved(talkative, seen=seen)
    assert seen.gathers()
    talk = [
        drawn(20, 1.0, unit="b"),
        drawn(21, 0.0, unit="c"),
        drawn(22, 0.0, unit="b"),
        drawn(23, 1.0, unit="b"),
    ]
    waited = dict.fromkeys((20, 21, 22, 23), 599.0)
    assert resolved(talk, waited, seen) == []
    waited = dict.fromkeys((20, 21, 22, 23), 600.0)
    found = resolved(talk, waited, seen)
    assert [(o.kind, o.d) for o in found] == [
        (PAIRED, pytest.approx(-1 / 3)),
        (PAIRED, -1.0),
        (VOID, None),
        (VOID, None),
    ]


def test_a_conversation_with_a_lost_call_is_missing():
    seen = Seen(turns=5)
    talk = [drawn(1, unit="b"), drawn(2, None, unit="b", student_outcome=Outcome.LOST)]
    assert resolved(talk, {1: 600.0, 2: 600.0}, seen)[0].kind == MISSING


def test_what_was_seen_can_be_rebuilt_from_the_rows():
    rng = random.Random(5)
    rows = [
        drawn(i + 1, input_hash=f"i{rng.randrange(300)}", unit=f"u{rng.randrange(200)}") for i in range(400)
    ]
    seen, again = Seen(), Seen()
    consumed = resolved(rows, dict.fromkeys(range(401), 1e9), seen)
    for row in rows[: len(consumed)]:
        again.note(row)
    assert again == seen


def _late_losses(seed, n=700):
    """A student exactly at the margin: it loses 13 of 100 pairs and wins 10."""
    rng = random.Random(seed)
    lost = [rng.random() < 0.13 for _ in range(n)]
    won = [not one and rng.random() < 0.10 / 0.87 for one in lost]
    pairs_ = [
        (0.0, 1.0) if one else (1.0, 0.0) if two else (1.0, 1.0) for one, two in zip(lost, won, strict=True)
    ]
    return [drawn(i + 1, *scores) for i, scores in enumerate(pairs_)]


def _promoted(ds, delta=0.03, alpha=0.05):
    bins = [betting.bin_down(d) for d in ds]
    return bool((betting.wealth(np.cumsum(betting.gains(-delta)[bins], axis=0)) >= -np.log(alpha)).any())


def test_3_losses_that_are_scored_late_promote_no_student_at_the_margin():
    """Looking at every moment: in the log's order at most alpha, in the order of arrival nearly always."""
    in_order = as_arrived = 0
    for seed in range(30):
        rows = _late_losses(seed)
        known = [replace(row, student_score=None) if row.student_score == 0.0 else row for row in rows]
        seen, found = Seen(), resolved(known)
        first = next(i for i, row in enumerate(known) if row.student_score is None)
        assert [o.seq for o in found] == list(range(1, first + 1)), "nothing behind the first loss is counted"
        ds = [o.d for o in resolved(rows, seen=seen)]
        in_order += _promoted(ds)
        as_arrived += _promoted(sorted(ds, reverse=True))
    assert in_order <= 0.05 * 30 + 2
    assert as_arrived == 30
