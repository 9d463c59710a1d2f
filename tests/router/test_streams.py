"""What is watched beside the scores: indicators, blocks of listening, comparisons of users' word, assignments, outages."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import FAST, House, drawn, evaluation, observation, rollout

from router import rules
from router.decision import Cause, Facts
from router.errors import RolloutRefused
from router.evidence import Evidence, update
from router.explain import explain
from router.figures import bars, measure
from router.pairs import Seen
from router.policy import applied
from router.settings import RolloutPolicy, profiled
from router.streams import feedback, guardrails, outage, ratio
from router.streams.hearing import Hearing
from router.streams.listening import BLOCK_S, Block, Listening
from router.streams.outage import Due
from router.streams.ratio import Assigned
from router.streams.terms import notes, terms
from router.streams.watchers import OutageWatch, findings
from router.verbs import obey
from store.vocabulary import Heard, ObservationKind, Outcome, State, Stream, Who

SLO = 2000.0
FINE = {"student_ms": 500.0, "teacher_ms": 900.0, "student_status": 200, "teacher_status": 200}


@pytest.mark.parametrize(
    ("changes", "error", "form", "late"),
    [
        ({}, 0.0, 0.0, 0.0),
        ({"student_outcome": Outcome.TIMEOUT, "student_ms": 10_000.0, "student_status": 0}, 1.0, 0.0, 1.0),
        ({"student_outcome": Outcome.ERROR, "student_status": 500}, 1.0, 0.0, 0.0),
        ({"student_outcome": Outcome.ERROR, "student_status": 200}, 0.0, 1.0, 0.0),
        ({"student_outcome": Outcome.LENGTH}, 0.0, 1.0, 0.0),
        ({"student_outcome": Outcome.REFUSED}, 0.0, 0.0, 0.0),
        ({"student_ms": 2500.0}, 0.0, 0.0, 1.0),
        ({"student_ms": 2500.0, "teacher_ms": 2500.0}, 0.0, 0.0, 0.0),
        ({"teacher_ms": 2500.0}, 0.0, 0.0, -1.0),
        ({"teacher_outcome": Outcome.ERROR, "teacher_status": 503}, -1.0, 0.0, 0.0),
        ({"student_outcome": Outcome.CLIENT_ABORT, "student_ms": 800.0}, None, None, None),
        ({"student_outcome": Outcome.CLIENT_ABORT, "student_ms": 2800.0}, None, None, 1.0),
        ({"teacher_outcome": Outcome.LOST}, None, None, None),
        ({"student_outcome": Outcome.DEFERRED, "student_ms": 1500.0}, 0.0, 0.0, 1.0),
        ({"student_outcome": Outcome.DEFERRED, "student_ms": 500.0}, 0.0, 0.0, 0.0),
    ],
)
def test_what_counts_against_a_student_beside_its_scores(changes, error, form, late):
    found = guardrails.worse(drawn(1, **{**FINE, **changes}), SLO)
    assert (found[Stream.ERROR], found[Stream.FORMAT], found[Stream.LATENCY]) == (error, form, late)


def guarded(rows, waited=None, seen=None):
    return guardrails.resolve("r", rows, seen or Seen(), waited or {}, patience_s=900.0, slo_ms=SLO)


def test_guardrails_wait_for_answers_in_the_order_of_the_log_and_for_no_score():
    rows = [
        drawn(1, None, None, **FINE),
        drawn(2, None, None, **FINE, teacher_outcome=None),
        drawn(3, **FINE),
    ]
    assert {o.seq for o in guarded(rows)} == {1}
    late = guarded(rows, waited={2: 900.0})
    assert {o.seq for o in late} == {1, 2, 3}
    assert {o.kind for o in late if o.seq == 2} == {ObservationKind.MISSING}
    again = [replace(rows[0], seq=4), replace(rows[0], seq=5)]
    kinds = {o.seq: o.kind for o in guarded(again)}
    assert kinds == {4: ObservationKind.PAIRED, 5: ObservationKind.VOID}, "once each"


def slow_house(tmp_path, **changes):
    house = House(tmp_path, replace(FAST, latency_slo_s=2.0, **changes))
    house.open()
    return house


@pytest.mark.parametrize(
    "collapse",
    [
        {"student_ms": 9000.0, "teacher_ms": 400.0},  # slow and right: no score says anything
        {
            "student_outcome": Outcome.TIMEOUT,  # the teacher rescued it: the app saw a good answer
            "student_score": None,
            "student_ms": 10_000.0,
            "student_status": 0,
            "teacher_ms": 400.0,
        },
    ],
)
def test_5_a_latency_collapse_that_fallback_hides_is_rolled_back(tmp_path, collapse):
    house = slow_house(tmp_path)
    house.until(State.CANARY_5, student_ms=300.0, teacher_ms=400.0)
    score = collapse.pop("student_score", 1.0)
    house.until(State.ROLLED_BACK, student_score=score, batch=40, ticks=20, **collapse)
    causes = [t.cause for t in house.control.transitions(rollout_id=house.latest().rollout_id)]
    assert causes[-1] == "settled"
    assert causes[-2] in {"guardrail", "harm", "late_regression"}
    if "student_outcome" not in collapse:
        assert causes[-2] == "guardrail"
    house.close()


def test_a_judge_that_is_out_stops_no_guardrail(tmp_path):
    house = slow_house(tmp_path)
    house.until(State.CANARY_5, student_ms=300.0, teacher_ms=400.0)
    house.until(
        State.ROLLED_BACK,
        student_score=None,
        teacher_score=None,
        student_ms=9000.0,
        teacher_ms=400.0,
        ticks=20,
    )
    assert house.observed(Stream.LATENCY)[-1].seq > house.observed()[-1].seq
    house.close()


# -- listening


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 4000)), max_size=60))
def test_blocks_are_taken_in_order_without_gaps_and_never_before_their_time(looks):
    listening, seq, taken = Listening(), 0, []
    closed: dict[int, float] = {}
    for calls, seconds in looks:
        seq += calls
        listening = listening.further(seq, seconds)
        for mark in listening.marks:
            closed.setdefault(mark.seq, mark.looked)
        listening = Listening.from_json(json.loads(json.dumps(listening.to_json())))
        while (block := listening.over(5000.0)) is not None:
            assert listening.looked - closed[block.until] >= 5000.0
            taken.append(block)
            listening = listening.past()
    assert all(one.until == other.after for one, other in pairwise(taken))


def test_a_block_is_an_hour_of_looking():
    listening = Listening().further(10, 0.0).further(20, BLOCK_S - 1).further(30, 1.0)
    assert [mark.seq for mark in listening.marks] == [10, 30]
    assert listening.over(100.0) is None
    assert listening.further(40, 100.0).over(100.0) == Block(10, 30)


# -- feedback


def heard(seq, who=Who.STUDENT, *, bad=False, **changes):
    given = {
        "seq": seq,
        "call_id": f"c{seq}",
        "ts": 10.0,
        "step": State.CANARY_25,
        "served_by": who,
        "unit": f"u{seq}",
        "bad": bad,
    }
    return Heard(**{**given, **changes})


def test_a_students_unit_is_compared_with_teachers_units_of_its_hour_and_slice():
    block = [
        heard(1, bad=True),
        *(heard(n, Who.TEACHER, bad=n == 2) for n in (2, 3, 4, 5)),
        heard(6, Who.TEACHER, bad=True, ts=4000.0),
        heard(7, Who.TEACHER, bad=True, slices=("language:de",)),
        heard(8, ts=8000.0),
    ]
    one, lonely = feedback.observations("r", block)
    assert (one.seq, one.stream, one.kind, one.d) == (1, Stream.FEEDBACK, ObservationKind.PAIRED, 0.75)
    assert (lonely.seq, lonely.kind, lonely.d) == (8, ObservationKind.VOID, None)


def test_a_conversation_is_one_unit_and_silence_is_no_complaint():
    block = [heard(1, unit="u", bad=True), heard(2, unit="u"), heard(3, Who.TEACHER)]
    (only,) = feedback.observations("r", block)
    assert only.d == 0.5


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 2)), max_size=80))
def test_no_unit_of_the_teacher_is_compared_twice(calls):
    block = [
        heard(i + 1, Who.STUDENT if student else Who.TEACHER, bad=bad, ts=3600.0 * hour)
        for i, (student, bad, hour) in enumerate(calls)
    ]
    found = feedback.observations("r", block)
    assert len(found) == sum(student for student, _, _ in calls)
    for hour in range(3):
        teachers = sum(not student and h == hour for student, _, h in calls)
        here = [o for o in found if o.ts == 3600.0 * hour]
        each = min(feedback.MOST, max(1, teachers // max(1, len(here))))
        assert sum(o.kind == ObservationKind.PAIRED for o in here) == min(
            len(here), math.ceil(teachers / each)
        )


def crowd(rng, bad_student, bad_teacher=0.10, n=3000, share=0.25):
    """Units, 200 of an hour: who has something bad to say says it in 6 of 10 cases, and nobody else says anything."""
    who = rng.random(n) < share
    bad = rng.random(n) < np.where(who, bad_student, bad_teacher) * 0.6
    return [
        heard(i + 1, Who.STUDENT if who[i] else Who.TEACHER, bad=bool(bad[i]), ts=3600.0 * (i // 200))
        for i in range(n)
    ]


def test_3_feedback_on_bad_answers_alone_tells_a_worse_student_and_no_tolerable_one():
    """Of those who answer all complain, about both alike; per unit served the difference is seen."""
    margins = {Stream.FEEDBACK: 0.03}
    at, policy = rollout(State.CANARY_25), RolloutPolicy()
    worse, fine, trusted = 0, 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        for rate, kind in ((0.30, "worse"), (0.10 + 0.03 / 0.6, "margin")):
            found = feedback.observations("r", crowd(rng, rate))
            evidence = update(Evidence(delta=0.03, margins=margins), found)
            alarmed = rules.beside(measure(evidence, at, policy), bars(at, policy))[0]
            clean = rules.listened(replace(at, state=State.CANARY_50), evidence, Facts(speaks=True), policy)
            if kind == "worse":
                worse += alarmed
                trusted += clean
            else:
                fine += alarmed
    assert worse == 6
    assert trusted == 0
    assert fine == 0


def test_the_last_gate_waits_for_users_who_speak_and_an_operator_may_waive_them():
    policy, at = RolloutPolicy(), rollout(State.CANARY_50)
    none = Evidence(delta=0.03, margins={Stream.FEEDBACK: 0.03})
    quiet = [
        observation(i, 0.0, stream=Stream.FEEDBACK, step=State.CANARY_50, served_by=Who.STUDENT)
        for i in range(30)
    ]
    assert rules.listened(at, none, Facts(), policy), "users who never speak are not waited for"
    assert not rules.listened(at, none, Facts(speaks=True), policy)
    assert not rules.listened(at, update(none, quiet[:29]), Facts(speaks=True), policy)
    assert rules.listened(at, update(none, quiet), Facts(speaks=True), policy)
    decision = obey(at, "waive", actor="anna", reason="the form is broken")
    assert (decision.target, decision.cause) == (State.CANARY_50, "waived")
    waived = applied(at, decision, 5.0)
    assert rules.listened(waived, none, Facts(speaks=True), policy)
    for refused, reason in ((waived, "again"), (at, ""), (rollout(State.FULL), "late")):
        with pytest.raises(RolloutRefused):
            obey(refused, "waive", actor="anna", reason=reason)


class Users:
    """A log in which 40 calls come in an hour, and one of ten is complained about."""

    def __init__(self):
        self.seq = 0

    def newest_seq(self):
        return self.seq

    def heard(self, rollout_id, after, until, since, window_s):
        return [
            heard(seq, Who.STUDENT if seq % 4 == 0 else Who.TEACHER, bad=seq % 10 == 0)
            for seq in range(after + 1, until + 1)
        ]

    def speaks(self, fingerprints):
        return self.seq > 100


def test_what_users_say_is_counted_a_day_of_looking_later_over_restarts():
    log, policy = Users(), RolloutPolicy()
    at, hearing, found, hours = rollout(State.CANARY_25), Hearing(log, lambda _: ("f",)), [], []
    for hour in range(60):
        log.seq += 40
        if hour % 13 == 12:  # control begins anew, with what was written
            hearing = Hearing(log, lambda _: ("f",))
        for half in (0, 1):
            at = hearing.listen(at, 86_400.0, 3600.0 * hour + 1800.0 * half)
            while new := hearing.observations(at, policy):
                found += new[:3]  # a decision cut the rest off: it is found again
                hours.append(hour)
                at = replace(at, counted_seq={Stream.FEEDBACK: new[:3][-1].seq})
    seqs = [o.seq for o in found]
    assert seqs == sorted(set(seqs)), "each once, in the log's order"
    assert set(seqs) == {seq for seq in range(seqs[0], seqs[-1] + 1) if seq % 4 == 0}, "and none left out"
    assert min(hours) >= 25
    assert hearing.speaks(at, 0.0)


def test_played_traffic_is_listened_to_in_seconds():
    """No hour passes while a file is played: with the standard's blocks its last gate would wait for users for ever."""
    log, policy = Users(), profiled(RolloutPolicy(), "replay")
    at, hearing, found = rollout(State.CANARY_50), Hearing(log, lambda _: ("f",)), []
    for second in range(30):
        log.seq += 4
        at = hearing.listen(at, policy.feedback_window_s, float(second))
        while new := hearing.observations(at, policy):
            found += new
            at = replace(at, counted_seq={Stream.FEEDBACK: new[-1].seq})
    assert len(found) >= 15
    assert found[-1].seq <= log.seq - 4 * policy.feedback_window_s


# -- assignments


@given(st.floats(0.01, 0.99), st.integers(0, 300), st.integers(0, 300))
def test_the_mixture_is_a_martingale_while_the_share_holds(share, student, teacher):
    def log(x, y):
        return ratio.log_evidence(Assigned("s", share, x, y))

    one, other = log(student + 1, teacher) + math.log(share), log(student, teacher + 1) + math.log1p(-share)
    assert np.logaddexp(one, other) == pytest.approx(
        log(student, teacher), rel=1e-6, abs=1e-6
    )  # their own may overflow


def test_units_that_fall_as_published_hold_nothing_and_others_do():
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        student = np.cumsum(rng.random(3000) < 0.05)
        seen = [
            Assigned("canary_5", 0.05, int(student[n - 1]), n - int(student[n - 1]))
            for n in range(10, 3000, 40)
        ]
        alarms += any(findings([one], 0.05) for one in seen)
    assert alarms <= 0.05 / 5 * 200 + 2
    found = findings([Assigned("canary_25", 0.25, 250, 750), Assigned("canary_50", 0.5, 400, 600)], 0.001)
    assert [f.cause for f in found] == [Cause.ASSIGNMENT_MISMATCH]
    assert "400 of 1000 conversations of step canary_50" in found[0].why
    assert found[0].figures["log_evidence"] >= found[0].figures["log_threshold"]


# -- outages


def due(scored, waited=400.0):
    return [Due(i + 1, waited, one) for i, one in enumerate(scored)]


def test_an_outage_is_that_nothing_is_scored_and_no_bad_answer_makes_one():
    assert outage.silence(due([True] * 9 + [False] * 5), 900.0, held=False) == outage.Silence(5, 10)
    assert outage.silence(due([True] * 9 + [False] * 4), 900.0, held=False) is None
    assert outage.silence(due([False, False, True, False, False, False]), 900.0, held=False) is None
    assert outage.silence(due([False] * 9, waited=100.0), 900.0, held=False) is None, "they may still come"


def test_an_outage_is_over_when_pairs_are_scored_again():
    assert outage.silence(due([False] * 9 + [True] * 4), 900.0, held=True) is not None
    assert outage.silence(due([False] * 9 + [True] * 5), 900.0, held=True) is None
    assert outage.silence([], 900.0, held=True) is not None


def test_1_a_judge_outage_holds_the_rollout_and_voids_what_it_left_out(tmp_path):
    house = House(tmp_path, FAST)
    watch = OutageWatch(house.log, lambda _: "score", house.clock)
    house.watchers = (watch,)
    house.controller = house.another()
    house.open()
    house.until(State.CANARY_5)
    counted = house.observed()[-1].seq
    house.play(40, None, teacher_score=None)
    for _ in range(60):
        house.tick(10.0)
        if house.state() == State.HOLD:
            break
    assert house.latest().held_for == (Cause.JUDGE_OUTAGE,)
    house.tick(1.0)
    left = [o for o in house.observed() if o.seq > counted]
    assert {o.kind for o in left} == {ObservationKind.VOID}
    late = {
        seq: replace(row, student_score=0.0, teacher_score=1.0)
        for seq, row in house.log.rows.items()
        if seq > counted
    }
    house.log.rows |= late  # the judge says afterwards what it thought: nobody looks
    house.play(10)
    for _ in range(8):
        house.tick(10.0)
    assert house.state() == State.CANARY_5
    assert {o.kind for o in house.observed() if o.seq in late} == {ObservationKind.VOID}
    house.close()


# -- terms


def evaluated(**detail):
    return evaluation(detail=detail)


def test_terms_are_fixed_by_what_is_known_when_a_rollout_begins():
    policy = RolloutPolicy(gold_audit=0.1)
    itself = {"mean": 0.97, "n": 50, "lower": 0.9, "upper": 0.99}
    agreed = terms(evaluated(metric="label", agreement=True, teacher_with_itself=itself), policy, 3100.0)
    assert (agreed.ceiling, agreed.ceiling_n, agreed.gold, agreed.slo_ms) == (0.97, 50, 0.0, 3100.0)
    assert "97.0%" in " ".join(notes(agreed))
    assumed = terms(
        evaluated(metric="label", agreement=True, teacher_with_itself={"mean": 1.0, "n": 0}), policy, 300.0
    )
    assert (assumed.ceiling, assumed.slo_ms) == (1.0, 2000.0)
    assert "not measured and taken as 1" in " ".join(notes(assumed))
    judged = terms(evaluated(metric="judge", agreement=False), policy, None)
    assert (judged.gold, judged.slo_ms) == (0.1, 10_000.0)
    assert "Unaudited" in " ".join(notes(replace(judged, gold=0.0)))
    assert terms(evaluated(), replace(policy, latency_slo_s=0.5), 300.0).slo_ms == 500.0


def test_every_view_says_what_is_waited_for_and_what_was_assumed(house):
    house.open()
    at = replace(house.latest(), state=State.CANARY_50, terms=terms(evaluated(agreement=True), FAST, None))
    story = explain([], at, FAST, now=at.entered)
    assert any("taken as 1" in said for said in story.stands)
    assert any("say what answers are worth" in said for said in story.needed)
    waived = explain([], replace(at, waived=("feedback",)), FAST, now=at.entered)
    assert not any("say what answers are worth" in said for said in waived.needed)
