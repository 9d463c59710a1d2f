"""What bounds a rollout besides its pairs: exposure, wordings that are gone, the unit, an operator's one step."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import FAST, House, evaluation, rollout

from router.decision import Facts
from router.errors import PolicyError, RolloutRefused
from router.evidence import Evidence
from router.policy import applied, next_step
from router.replay import differences
from router.settings import STEPS, RolloutPolicy
from router.steps import LADDER, most_exposed, share
from router.verbs import obey
from store.vocabulary import State, TaskMode, TaskVersion, Unit

AUTO = RolloutPolicy(mode=TaskMode.AUTO)
WEEK = 7 * 86_400.0


def replayed(house) -> list[str]:
    at = house.latest()
    rows = house.control.transitions(rollout_id=at.rollout_id)
    return differences(at, rows, house.control.observations(at.rollout_id))


def test_a_step_is_bounded_in_calls_also_where_no_pair_is_drawn():
    assert [most_exposed(step, AUTO) for step in STEPS[1:]] == [4000, 8000, 20_000, 80_000]
    unwatched = replace(AUTO, reverse_shadow=dict.fromkeys(LADDER, 0.0))
    assert most_exposed(State.CANARY_1, unwatched) == 80_000


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_student_that_got_its_calls_and_proved_nothing_is_taken_off(step):
    most = most_exposed(step, AUTO)
    evidence = Evidence(delta=0.03)
    assert next_step(rollout(step), evidence, Facts(exposed=most - 1), AUTO, 1.0) is None
    decision = next_step(rollout(step), evidence, Facts(exposed=most), AUTO, 1.0)
    assert (decision.target, decision.cause) == (State.INCONCLUSIVE, "exposure")
    assert share(applied(rollout(step), decision, 1.0), AUTO) == 0.0


def test_exposure_is_counted_at_the_step_over_restarts_and_spent_money(house):
    house.open()
    house.until(State.CANARY_5)
    house.log.usd = 5.0
    house.log.unpaired = 3900
    house.tick()
    house.tick()
    assert house.state() == State.CANARY_5
    house.log.unpaired = 200
    house.tick()
    assert house.state() == State.INCONCLUSIVE
    assert "4100 calls" in house.latest().reason
    assert replayed(house) == []


def test_a_wording_that_apps_left_ends_its_rollout_in_plain_words(house):
    house.open()
    house.tick()
    house.control.save_version(
        TaskVersion(task_id="t", version=2, head_hash="g", fingerprints=("g",)), house.epoch
    )
    house.log.last_calls = {"f": house.clock.now, "g": house.clock.now + WEEK}
    house.tick(9.0)
    assert house.state() == State.SHADOW
    house.log.last_calls["g"] += 100.0
    for _ in range(8):
        house.tick(10.0)
    last = house.control.transitions()[-1]
    assert (last.target, last.cause) == (State.SUPERSEDED, "wording_gone")
    assert "Apps have left version 1" in last.why
    assert house.control.routes() == []
    assert replayed(house) == []


def test_a_task_that_rests_altogether_keeps_its_rollout(house):
    house.open()
    house.tick()
    house.log.last_calls = {"f": house.clock.now}
    house.tick(30 * 86_400.0)
    assert house.state() == State.SHADOW


@pytest.mark.parametrize(("named", "unit"), [(999, Unit.CONVERSATION), (1000, Unit.USER)])
def test_users_are_assigned_only_where_asked_for_and_many_enough(tmp_path, named, unit):
    house = House(tmp_path, replace(FAST, unit=Unit.USER))
    house.log.named = named
    house.open()
    house.tick()
    assert (house.latest().unit, house.control.routes()[0].unit) == (unit, unit)
    house.log.named = 2000  # fixed for the trial: a change would move who is where
    house.tick()
    assert house.latest().unit == unit
    assert replayed(house) == []
    house.close()


def test_nobody_asked_for_users_so_conversations_are_assigned():
    at, facts = rollout(State.OFFLINE), Facts(evaluation=evaluation(), users=10**6)
    decision = next_step(at, Evidence(delta=0.03), facts, AUTO, 1.0)
    assert applied(at, decision, 1.0).unit == Unit.CONVERSATION


def test_an_operator_forces_one_step_and_not_the_next():
    forced = obey(rollout(), "force", actor="anna", reason="because")
    assert (forced.target, forced.unverified) == (State.CANARY_1, True)
    at = replace(rollout(State.CANARY_1), evidence={"unverified": ["canary_1"]})
    with pytest.raises(RolloutRefused, match="unverified itself"):
        obey(at, "force", actor="anna", reason="again")


@given(st.sampled_from(list(State)), st.floats(0.001, 0.5), st.booleans(), st.sampled_from([None, *LADDER]))
def test_invariant_6_the_holdback_is_never_below_h(state, holdback, serving, held_from):
    policy = replace(AUTO, holdback=holdback)
    at = rollout(state, held_from=held_from if state == State.HOLD else None, serving=serving)
    assert share(at, policy) <= 1.0 - holdback


def test_invariant_6_a_policy_without_a_holdback_is_refused():
    with pytest.raises(PolicyError, match="holdback"):
        RolloutPolicy(holdback=0.0)


def test_the_margin_of_a_running_trial_is_its_own(house):
    house.open()
    house.tick()
    house.policy = replace(house.policy, delta=0.3, alpha=0.5)
    house.until(State.ROLLED_BACK, student_score=0.9)
    assert (house.latest().delta, house.latest().alpha) == (0.05, 0.05)


def test_a_salt_stays_through_a_ramp(house):
    house.open()
    salts = set()
    for _ in range(60):
        house.tick()
        salts |= {published.salt for published in house.control.routes()}
        house.play(100)
    assert house.state() == State.FULL
    assert len(salts) == 1
