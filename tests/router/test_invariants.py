"""The ten invariants of the state machine (docs/cutover.md), a property test for each, found by its number."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import FAST, House, drawn, evaluation, observation, rollout

from router.decision import Facts, Finding
from router.errors import RolloutRefused
from router.evidence import Evidence, merge, update
from router.feed import RouteFeed
from router.pairs import Patience, Seen, resolve
from router.policy import applied, left, next_step
from router.record import policy_json, policy_of
from router.replay import differences
from router.rules import FAILED
from router.scan import first_decision
from router.settings import STEPS, RolloutPolicy, profiled
from router.steps import LADDER, LIVE, TERMINAL, share
from router.verbs import obey
from store.errors import StaleEpoch
from store.template import Template
from store.vocabulary import Outcome, Route, State, TaskMode, Who

AUTO = RolloutPolicy(mode=TaskMode.AUTO, dwell_s=0.0)
ADVANCES = {State.AWAITING_APPROVAL, *LADDER[1:]}
CHANGED = Finding(cause="teacher_changed", why="The teacher changed.", void="all")

few = settings(max_examples=5)  # of those with a store on disk
lives = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.0]), st.integers(1, 200)),
        st.tuples(st.just("order"), st.sampled_from(["pause", "resume", "force", "rollback"]), st.just(0)),
        st.tuples(st.just("restart"), st.just(0.0), st.just(0)),
        st.tuples(st.just("usurped"), st.just(0.0), st.just(0)),
    ),
    min_size=3,
    max_size=12,
)
differing = st.sampled_from([0.0, 0.0, 0.1, -0.03, -0.2, -1.0, None])
rows = st.lists(st.tuples(differing, st.sampled_from(list(Who))), min_size=1, max_size=120)


@contextmanager
def a_house(policy: RolloutPolicy = FAST) -> Iterator[House]:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), policy)
        try:
            yield house
        finally:
            house.close()


def live(house: House, life) -> Iterator[None]:
    """Let things happen to a house, one at a time."""
    house.open()
    house.until(State.CANARY_1, batch=200)
    for number, (what, how, many) in enumerate(life):
        if what == "play":
            house.play(many, how)
        elif what == "order":
            house.order(how, order_id=f"o{number}")
        elif what == "restart":
            house.controller = house.another()
        else:
            house.epoch = house.control.take_epoch(f"leader {number}")
            with pytest.raises(StaleEpoch):
                house.tick()
            house.controller = house.another()
        house.tick()
        yield


@given(lives)
@few
def test_invariant_1_a_share_only_with_a_committed_transition_at_the_current_epoch(life):
    with a_house() as house:
        for _ in live(house, life):
            committed = {t.rollout_id: t for t in house.control.transitions()}
            for route in house.control.routes():
                last = committed[route.rollout_id]
                assert (route.share, route.step) == (last.share, house.latest().held_from or last.target)
                assert route.epoch == house.epoch >= last.epoch


@given(
    st.sampled_from(STEPS),
    st.integers(1, 400),
    st.sampled_from(["missing", "unknown", "few"]),
    st.sampled_from([0.0, 0.02, 0.5]),
)
def test_invariant_2_missing_or_inconclusive_never_advances(step, n, how, d):
    if how == "missing":  # more than 2% of the step's pairs have no score
        lost = n // 40 + 1
        seen = [
            observation(i + 1, None if i < lost else d, step=step, served_by=Who.STUDENT) for i in range(n)
        ]
    elif how == "unknown":  # as bad as the margin: no wealth
        seen = [observation(i + 1, -0.03, step=step, served_by=Who.STUDENT) for i in range(n)]
    else:
        seen = [observation(i + 1, d, step=step) for i in range(min(n, AUTO.minima[step] - 1))]
    decision = next_step(rollout(step), update(Evidence(delta=0.03), seen), Facts(), AUTO, 1e6)
    assert decision is None or decision.target not in ADVANCES
    for silent in (Facts(), Facts(evaluation=evaluation(delta_lower=None, verdict="error"))):
        screened = next_step(rollout(State.OFFLINE), Evidence(delta=0.03), silent, AUTO, 1e6)
        assert screened is None or screened.target == State.REJECTED


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.sampled_from([1.0, 0.0])), max_size=40),
    st.lists(st.integers(1, 10), min_size=1, max_size=5),
)
def test_invariant_3_an_observation_counts_once(calls, cuts):
    """However the log is cut into ticks, by whatever restarts: once for a request and once for a conversation."""
    log = [
        drawn(i + 1, score, input_hash=f"i{text}", unit=f"u{unit}", step=State.CANARY_5)
        for i, (text, unit, score) in enumerate(calls)
    ]
    patience, at, counted = Patience(score_s=900.0, conversation_s=0.0), 0, []
    for turn in range(len(log) + 1):
        until = min(len(log), at + cuts[turn % len(cuts)])
        seen = Seen()
        for row in log[:at]:
            seen.note(row)
        counted += resolve("r", log[at:until], seen, dict.fromkeys(range(1, until + 1), 1e6), patience)
        at = until
    paired = [log[o.seq - 1] for o in counted if o.kind == "paired"]
    assert [o.seq for o in counted] == sorted({o.seq for o in counted})
    assert len({row.input_hash for row in paired}) == len(paired)
    assert len({row.unit for row in paired}) == len(paired)


@given(st.sampled_from(LADDER[1:]), st.integers(0, 20), st.sampled_from(sorted(FAILED)))
def test_invariant_4_going_back_needs_no_judge(step, ahead, outcome):
    """No score is there at all: failures alone stop a student, and an operator's word takes it off."""
    good = update(Evidence(delta=0.03), [observation(i + 1, 0.0, step=step) for i in range(50)])
    failed = Facts(outcomes=(outcome,) * 5 + (Outcome.COMPLETE,) * ahead)
    held = next_step(rollout(step), good, failed, AUTO, 1.0)
    assert (held.target, held.serving) == (State.HOLD, False)
    at = applied(rollout(step), held, 1.0)
    assert share(at, AUTO) == 0.0
    late = next_step(at, good, Facts(), AUTO, 1.0 + AUTO.hold_limit_s + 1)
    assert late.target == State.ROLLING_BACK
    fails = [observation(i + 1, -1.0, step=step, served_by=Who.STUDENT) for i in range(60)]
    found = first_decision(rollout(step), Evidence(delta=0.03), fails, facts=Facts(), policy=AUTO, now=1e6)
    assert found.decision.target == State.ROLLING_BACK


class Published:
    """A control state that was written once."""

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat

    def data_version(self) -> int:
        return 1

    def heartbeat_at(self) -> float:
        return self._heartbeat

    def templates_revision(self) -> int:
        return 0

    def templates(self) -> list[Template]:
        return []

    def routes(self) -> list[Route]:
        return [
            Route(
                task_id="t", task_version=1, fingerprints=("f",), rollout_id="r", student_id="s", step=State.FULL,
                share=0.98, holdback=0.02, salt="x", shadow=1.0, reverse_shadow=0.05, base_url="http://x", model="m",
            )
        ]  # fmt: skip


@given(st.floats(-1e6, 1e6), st.text(max_size=8))
def test_invariant_5_a_table_stale_for_a_minute_serves_the_teacher(age, unit):
    with tempfile.TemporaryDirectory() as folder:
        feed = RouteFeed(Published(2e6), Path(folder) / "STOP", lambda: 2e6 + age)
        feed.refresh()
        choice = feed.choose(fingerprint="f", unit=unit, call_id="c", barred=None)
    assert (feed.state() == "stale") == (abs(age) > 60.0)
    if abs(age) > 60.0:
        assert (choice.who, choice.reason) == (Who.TEACHER, "stale_routes")


@given(
    st.sampled_from(list(State)),
    st.sampled_from([None, *LADDER]),
    st.booleans(),
    st.floats(0.001, 0.5),
    st.sampled_from(["standard", "replay"]),
)
def test_invariant_6_the_teacher_keeps_its_holdback(state, held_from, serving, holdback, profile):
    policy = profiled(replace(AUTO, holdback=holdback), profile)
    held = held_from if state == State.HOLD else None
    part = share(rollout(state, held_from=held, serving=serving), policy)
    assert 0.0 <= part <= 1.0 - holdback
    if state not in LIVE or (state == State.HOLD and not serving):
        assert part == 0.0


@given(
    st.sampled_from([step for step in LADDER if step != State.FULL]), st.integers(1, 400), st.integers(1, 9)
)
def test_invariant_7_a_version_change_voids_the_evidence_and_begins_the_next_trial(step, n, trial):
    at = rollout(step, trial=trial)
    evidence = update(Evidence(delta=0.03), [observation(i + 1, 0.0, step=step) for i in range(n)])
    decision = next_step(at, evidence, Facts(findings=(CHANGED,), trials=trial), AUTO, 1e6)
    assert (decision.target, decision.cause, decision.void) == (State.HOLD, "teacher_changed", "all")
    after = applied(at, decision, 1e6)
    assert after.trial == trial + 1
    emptied = left(evidence, decision)
    assert emptied.over().paired == 0
    assert (emptied.late, emptied.delta) == (Evidence(delta=0.03).late, 0.03)


@given(lives)
@few
def test_invariant_8_decisions_are_made_again_identically(life):
    with a_house() as house:
        for _ in live(house, life):
            row = house.latest()
            transitions = house.control.transitions(rollout_id=row.rollout_id)
            assert differences(row, transitions, house.control.observations(row.rollout_id)) == []


@given(rows, st.randoms(use_true_random=False), st.integers(1, 6))
def test_invariant_8_counts_merge_in_any_order_to_those_of_one_writer(seen, rng, writers):
    batch = [observation(i + 1, d, served_by=by) for i, (d, by) in enumerate(seen)]
    shares = [[o for o in batch if o.seq % writers == w] for w in range(writers)]
    parts = [update(Evidence(delta=0.03), part).cells for part in shares]
    rng.shuffle(parts)
    alone = update(Evidence(delta=0.03), batch).cells
    merged = merge(*parts)
    assert {at: replace(cell, calls=0.0) for at, cell in merged.items()} == {
        at: replace(cell, calls=0.0) for at, cell in alone.items()
    }
    assert policy_of(policy_json(AUTO)) == AUTO
    assert Evidence.from_json(update(Evidence(delta=0.03), batch).to_json()).cells == alone


@given(rows, st.integers(1, 40), st.sampled_from([0.0, 86_400.0, -86_400.0]))
def test_invariant_9_order_is_the_logs_and_the_clock_only_dwells(seen, size, jump):
    """Cut into ticks in whatever way, at whatever times, the same pairs decide the same."""
    policy = replace(AUTO, minima=dict.fromkeys(STEPS, 20), caps=dict.fromkeys(STEPS, 100))
    batch = [observation(i + 1, d, served_by=by, ts=0.0) for i, (d, by) in enumerate(seen)]
    whole = first_decision(rollout(), Evidence(delta=0.03), batch, facts=Facts(), policy=policy, now=1e6)
    at, evidence, taken, decision, now = rollout(), Evidence(delta=0.03), 0, None, 1e6
    for start in range(0, len(batch), size):
        part = [replace(o, ts=o.ts + jump) for o in batch[start : start + size]]
        found = first_decision(at, evidence, part, facts=Facts(), policy=policy, now=now)
        evidence, taken, decision = found.evidence, taken + found.taken, found.decision
        now += max(0.0, jump) + 1.0
        if decision is not None:
            break
    assert (taken, decision, evidence) == (whole.taken, whole.decision, whole.evidence)


@given(lives, st.sampled_from([86_400.0, -86_400.0, 3600.0]))
@few
def test_invariant_9_time_never_runs_backwards(life, jump):
    with a_house() as house:
        latest = 0.0
        for number, _ in enumerate(live(house, life)):
            house.clock.now += jump if number % 3 == 1 else 0.0
            row = house.latest()
            assert row.entered >= latest or row.state in TERMINAL
            latest = row.entered
        times = [t.ts for t in house.control.transitions(rollout_id=house.latest().rollout_id)]
        assert times == sorted(times)


slicing = st.lists(
    st.tuples(
        st.integers(5, 20),
        st.sampled_from([-1.0, -1.0, -1.0, 0.0, None]),  # on a slice that is a sixth of the calls
        st.sampled_from([None, None, "include", "include", "exclude", "pause", "resume", "force"]),
    ),
    max_size=10,
)


@given(slicing)
@settings(max_examples=20)
def test_invariant_10_what_harm_excluded_comes_back_by_an_operator_only_and_no_exclusion_raises_a_share(
    history,
):
    policy = replace(AUTO, harm_alpha=0.9, minima=dict.fromkeys(STEPS, 50))
    at, evidence, seq = rollout(slicers=("tools",), excluded={}), Evidence(delta=0.03), 0
    for n, d, verb in history:
        step, batch = at.held_from or at.state, []
        for i in range(6 * n):
            weak = i % 6 == 0
            name, here = ("tools:search", d) if weak else ("tools:none", 0.2)
            batch.append(observation(seq + i + 1, here, step=step, served_by=Who.STUDENT, slices=(name,)))
        seq += 6 * n
        decisions = [_ordered(at, verb)] if verb else []
        while decisions or batch:
            decision = decisions.pop() if decisions else None
            if decision is None:
                found = first_decision(at, evidence, batch, facts=Facts(), policy=policy, now=1e6)
                evidence, decision, batch = found.evidence, found.decision, batch[found.taken :]
            if decision is None:
                break
            before, at, evidence = at, applied(at, decision, 1e6), left(evidence, decision)
            back = {name for name, why in before.excluded.items() if why == "harm"} - at.excluded.keys()
            assert not back or (decision.actor, decision.cause, decision.include) == (
                "anna",
                "included",
                (*back,),
            )
            if decision.exclude or decision.include:
                assert (at.state, at.held_from, at.held_for) == (
                    before.state,
                    before.held_from,
                    before.held_for,
                )
                assert share(at, policy) == share(before, policy)
            if at.state in TERMINAL or at.state == State.ROLLING_BACK:
                return


def _ordered(at, verb):
    try:
        return obey(at, verb, actor="anna", reason="because", about="tools:search")
    except RolloutRefused:
        return None
