"""Properties of the pure state machine."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import FAST, evaluation, observation, rollout

from router.decision import Facts, Probe
from router.errors import PolicyError, RolloutRefused
from router.evidence import Evidence, update
from router.policy import applied, next_step
from router.record import policy_json, policy_of
from router.scan import first_decision
from router.settings import STEPS, RolloutPolicy, profiled
from router.steps import LADDER, TERMINAL, share
from router.verbs import VERBS, obey
from store.vocabulary import ObservationKind, Outcome, State, TaskMode, Who

AUTO = RolloutPolicy(mode=TaskMode.AUTO, dwell_s=0.0)


def seen(step, n, d=0.0, by=Who.STUDENT, start=0):
    return [observation(start + i + 1, d, step=step, served_by=by) for i in range(n)]


def decided(at, evidence, policy=AUTO, facts=None, now=1e6):
    return next_step(at, evidence, facts or Facts(), policy, now)


@pytest.mark.parametrize(("step", "target"), list(zip(STEPS, LADDER[1:], strict=True)))
def test_good_evidence_moves_one_step(step, target):
    evidence = update(Evidence(delta=0.03), seen(step, 400, 0.01))
    decision = decided(rollout(step), evidence)
    assert (decision.target, decision.cause) == (target, "gate_passed")


@pytest.mark.parametrize("step", STEPS[1:])
def test_minima_missing_pairs_and_dwell_hold_the_step(step):
    shadow = seen(State.SHADOW, 1000)
    here = seen(step, 400, start=1000)
    few = update(Evidence(delta=0.03), shadow + here[: AUTO.minima[step] - 1])
    assert decided(rollout(step), few) is None
    unserved = update(Evidence(delta=0.03), shadow + [replace(o, served_by=Who.TEACHER) for o in here])
    assert decided(rollout(step), unserved) is None
    lost = [replace(o, d=None, kind=ObservationKind.MISSING) for o in here[:20]]
    assert decided(rollout(step), update(Evidence(delta=0.03), shadow + lost + here[20:])) is None
    whole = update(Evidence(delta=0.03), shadow + here)
    patient = replace(AUTO, dwell_s=60.0)
    assert decided(rollout(step, entered=100.0), whole, patient, now=159.0) is None
    assert decided(rollout(step, entered=100.0), whole, patient, now=160.0) is not None


def test_the_last_gate_needs_fresh_pairs_and_served_ones():
    old = seen(State.SHADOW, 3000)
    at = rollout(State.CANARY_50)
    weak = update(Evidence(delta=0.03), old + seen(State.CANARY_50, 300, -0.03, start=3000))
    assert decided(at, weak) is None
    shadowed = seen(State.CANARY_50, 1500, by=Who.TEACHER, start=3000)
    served = seen(State.CANARY_50, 40, -0.05, start=5000)
    assert decided(at, update(Evidence(delta=0.03), old + shadowed + served)) is None
    good = seen(State.CANARY_50, 400, start=5000)
    assert decided(at, update(Evidence(delta=0.03), old + shadowed + good)).target == State.FULL


def test_the_current_wealth_counts_not_its_maximum():
    good, bad = seen(State.SHADOW, 299), seen(State.SHADOW, 300, -0.05, start=299)
    assert decided(rollout(), update(Evidence(delta=0.03), good)) is None
    assert decided(rollout(), update(Evidence(delta=0.03), good + bad)) is None


@pytest.mark.parametrize("step", STEPS)
def test_a_spent_cap_is_inconclusive_with_no_share(step):
    doubtful = seen(step, AUTO.caps[step], -0.03)
    decision = decided(rollout(step), update(Evidence(delta=0.03), doubtful))
    assert decision.target == State.INCONCLUSIVE
    assert share(applied(rollout(step), decision, 1.0), AUTO) == 0.0


def test_later_trials_need_more():
    evidence = update(Evidence(delta=0.03), seen(State.SHADOW, 300))
    assert decided(rollout(trial=1), evidence) is not None
    assert decided(rollout(trial=30), evidence) is None


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({}, State.SHADOW),
        ({"n": 199}, State.REJECTED),
        ({"delta_lower": -0.06}, State.REJECTED),
        ({"delta_lower": None, "verdict": "error"}, State.REJECTED),
    ],
)
def test_the_offline_screen(changes, target):
    facts = Facts(evaluation=evaluation(**changes))
    assert decided(rollout(State.OFFLINE), Evidence(delta=0.03), facts=facts).target == target
    assert decided(rollout(State.OFFLINE), Evidence(delta=0.03)) is None


failures = st.lists(st.sampled_from([*Outcome]), max_size=25).map(tuple)
histories = st.lists(
    st.tuples(
        st.integers(1, 120),
        st.sampled_from([0.0, 0.0, 0.1, -0.03, -0.2, -1.0, None]),
        st.sampled_from(list(Who)),
        failures,
        st.one_of(st.none(), st.none(), st.sampled_from(list(VERBS))),
    ),
    max_size=25,
)


@given(histories, st.sampled_from([TaskMode.AUTO, TaskMode.APPROVE, TaskMode.OBSERVE]))
@settings(deadline=None, max_examples=80)
def test_whatever_happens_the_invariants_hold(history, mode):
    policy = replace(FAST, mode=mode, delta=0.03)
    at, evidence = rollout(mode=str(mode)), Evidence(delta=0.03)
    seq, now = 0, 0.0
    for n, d, by, outcomes, verb in history:
        now += 10.0
        standing = at.held_from or at.state
        batch = [observation(seq + i + 1, d, step=standing, served_by=by) for i in range(n)]
        seq += n
        if verb is not None:
            decision = ordered(at, verb)
        else:
            facts = Facts(outcomes=outcomes, probes=tuple(Probe(outcome, 0.0) for outcome in outcomes))
            found = first_decision(at, evidence, batch, facts=facts, policy=policy, now=now)
            evidence, decision = found.evidence, found.decision
        if decision is not None:
            before, at = at, applied(at, decision, now)
            check(before, at, decision.cause, policy)


def ordered(at, verb):
    try:
        return obey(at, verb, actor="anna", reason="because")
    except RolloutRefused:
        return None


def check(before, at, cause, policy):
    """Assert what must hold after any transition."""
    served = share(at, policy)
    assert before.state not in TERMINAL
    assert 0.0 <= served <= 1.0 - policy.holdback
    if cause in {"harm", "late_regression"}:
        assert at.state == State.ROLLING_BACK
    if before.state == State.ROLLING_BACK:
        assert at.state == State.ROLLED_BACK  # and nothing else, whatever was ordered
    stopped = {State.ROLLING_BACK, State.AWAITING_APPROVAL, *TERMINAL}
    if at.state in stopped or policy.mode == TaskMode.OBSERVE:
        assert served == 0.0
    if cause == "waived":
        assert (at.state, served) == (before.state, share(before, policy))  # a gate less, and no step
    elif at.state in LADDER and before.state in LADDER:
        assert LADDER.index(at.state) == LADDER.index(before.state) + 1  # up by one, never down
        assert cause in {"gate_passed", "forced"}
    if policy.mode == TaskMode.APPROVE and at.state == State.CANARY_1 and before.state != State.HOLD:
        assert cause in {"approved", "forced"}


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, -0.1, -1.0, None]), st.sampled_from(list(Who))), max_size=400
    )
)
@settings(deadline=None, max_examples=40)
def test_looking_after_every_pair_or_at_once_decides_the_same(rows):
    policy = replace(FAST, minima={**FAST.minima, State.SHADOW: 20}, caps=dict.fromkeys(STEPS, 200))
    batch = [observation(i + 1, d, served_by=by) for i, (d, by) in enumerate(rows)]
    at, evidence, alone = rollout(), Evidence(delta=0.03), None
    taken = 0
    for o in batch:
        taken += 1
        evidence = update(evidence, [o])
        if (alone := next_step(at, evidence, Facts(), policy, 1.0)) is not None:
            break
    found = first_decision(at, Evidence(delta=0.03), batch, facts=Facts(), policy=policy, now=1.0)
    assert found.decision == alone
    assert found.evidence == evidence
    assert found.taken == taken


@pytest.mark.parametrize("verb", list(VERBS))
@pytest.mark.parametrize("state", sorted({*TERMINAL, State.ROLLING_BACK}))
def test_nothing_moves_what_has_ended(verb, state):
    with pytest.raises(RolloutRefused):
        obey(rollout(state), verb, actor="anna", reason="because")


def test_what_an_operator_may_not_do():
    for state, verb in (
        (State.SHADOW, "approve"),
        (State.SHADOW, "rollback"),
        (State.SHADOW, "resume"),
        (State.FULL, "force"),
        (State.OFFLINE, "force"),
        (State.HOLD, "force"),
        (State.OFFLINE, "pause"),
        (State.SHADOW, "edit_evidence"),
    ):
        with pytest.raises(RolloutRefused):
            obey(rollout(state), verb, actor="anna", reason="because")


def test_profiles_touch_neither_gates_nor_alpha():
    replay = profiled(AUTO, "replay")
    kept = (
        "delta",
        "alpha",
        "harm_alpha",
        "served_alpha",
        "late_ramp",
        "late_full",
        "max_missing",
        "caps",
        "holdback",
    )
    assert all(getattr(replay, name) == getattr(AUTO, name) for name in kept)
    assert [replay.minima[s] for s in STEPS] == [300, 10, 20, 100, 100]
    assert (replay.min_served, replay.dwell_s, set(replay.reverse_shadow.values())) == (3, 0.0, {0.0, 1.0})


@pytest.mark.parametrize(
    ("field", "value"),
    [("delta", 0.0), ("alpha", 1.0), ("holdback", 0.0), ("shadow", 1.5), ("profile", "hasty")],
)
def test_a_policy_that_cannot_work_is_refused_in_one_sentence(field, value):
    with pytest.raises(PolicyError, match=field):
        RolloutPolicy(**{field: value})


def test_a_policy_survives_its_record():
    assert policy_of(policy_json(FAST)) == FAST
