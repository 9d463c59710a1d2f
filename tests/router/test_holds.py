"""What holds a rollout besides its scores: findings, what they void, and how a hold ends."""

from dataclasses import replace

import pytest
from makers import FAST, House, evaluation, observation, rollout

from router.decision import Cause, Facts, Finding
from router.evidence import Evidence, update
from router.policy import applied, next_step
from router.record import facts_json, facts_of
from router.replay import differences
from router.steps import LADDER, share
from store.vocabulary import ObservationKind, Outcome, State, TaskMode

OUTAGE = Finding(cause=Cause.JUDGE_OUTAGE, why="The judge has not answered for 5 minutes.", void="interval")
CHANGED = Finding(
    cause=Cause.TEACHER_CHANGED,
    why="The teacher names another version of itself.",
    void="all",
    figures={"p": 0.1},
)
DRIFT = Finding(cause=Cause.DRIFT, why="The requests look otherwise than before.", serving=False)
MISMATCH = Finding(
    cause=Cause.ASSIGNMENT_MISMATCH, why="52% of calls are the student's, not 50%.", void="all"
)


def replayed(house) -> list[str]:
    at = house.latest()
    rows = house.control.transitions(rollout_id=at.rollout_id)
    return differences(at, rows, house.control.observations(at.rollout_id))


@pytest.mark.parametrize("step", LADDER)
@pytest.mark.parametrize(
    "cause", ["judge_outage", "store_outage", "drift", "assignment_mismatch", "teacher_changed"]
)
def test_every_finding_holds_every_live_step_with_its_share(step, cause):
    finding = Finding(cause=cause, why="So it is.")
    decision = next_step(rollout(step), Evidence(delta=0.03), Facts(findings=(finding,)), FAST, 1.0)
    held = applied(rollout(step), decision, 1.0)
    assert (decision.cause, held.state, held.held_from, held.held_for) == (cause, State.HOLD, step, (cause,))
    assert share(held, FAST) == share(rollout(step), FAST)
    assert share(replace(held, serving=False), FAST) == 0.0


@pytest.mark.parametrize("step", [*LADDER, State.AWAITING_APPROVAL])
def test_7_a_version_change_voids_the_evidence_and_is_the_next_trial(step):
    at = rollout(step, trial=2)
    evidence = update(Evidence(delta=0.03), [observation(1)])
    facts = Facts(findings=(CHANGED,), trials=3)
    decision = next_step(at, evidence, facts, FAST, 7.0)
    held = applied(at, decision, 7.0)
    assert (held.state, held.held_from, held.trial, held.since) == (State.HOLD, State.SHADOW, 4, 7.0)
    assert held.salt != at.salt
    assert share(held, FAST) == 0.0
    later = next_step(held, Evidence(delta=0.03), Facts(trials=4), replace(FAST, dwell_s=60.0), 66.0)
    assert later is None
    later = next_step(held, Evidence(delta=0.03), Facts(trials=4), replace(FAST, dwell_s=60.0), 67.0)
    assert (later.target, later.cause) == (State.SHADOW, "renewed")


def test_nothing_is_voided_for_ever_while_a_finding_stands():
    at, evidence = rollout(State.CANARY_5), update(Evidence(delta=0.03), [observation(1)])
    facts = Facts(findings=(CHANGED, MISMATCH), trials=1)
    at = applied(at, next_step(at, evidence, facts, FAST, 1.0), 1.0)
    assert set(at.held_for) == {"teacher_changed", "assignment_mismatch"}
    assert next_step(at, Evidence(delta=0.03), replace(facts, trials=2), FAST, 2.0) is None


def test_observing_spends_no_alpha_when_evidence_is_voided_and_waits_as_long_as_it_takes():
    at = rollout(State.SHADOW, mode="observe", trial=1)
    facts = Facts(findings=(CHANGED,), trials=1)
    held = applied(at, next_step(at, Evidence(delta=0.03), facts, FAST, 1.0), 1.0)
    assert (held.trial, held.state) == (1, State.HOLD)
    assert next_step(held, Evidence(delta=0.03), facts, FAST, 1e6) is None


def test_1_a_judge_outage_holds_the_step_and_its_interval_counts_nowhere(house):
    house.open()
    house.until(State.CANARY_5)
    counted = _paired(house)
    house.findings = [OUTAGE]
    house.play(10, None)
    house.tick()
    [route] = house.control.routes()
    assert (house.state(), route.step, route.share) == (State.HOLD, State.CANARY_5, 0.05)
    house.play(10)  # a score here would look good; it is not looked at
    house.tick()
    kinds = [o.kind for o in house.observed()][-20:]
    assert kinds == [ObservationKind.VOID] * 20
    assert _paired(house) == counted
    house.findings = []
    house.tick()
    assert house.state() == State.CANARY_5
    assert house.control.transitions()[-1].cause == "cleared"
    house.play(10)
    house.tick()
    assert _paired(house) == counted + 10
    assert replayed(house) == []


def test_6_a_silently_upgraded_teacher_begins_the_next_trial_from_shadow(house):
    house.open()
    house.until(State.CANARY_25)
    salt, before = house.latest().salt, house.latest().consumed_seq
    house.findings = [CHANGED]
    house.tick()
    [route] = house.control.routes()
    assert (house.state(), route.step, route.share) == (State.HOLD, State.SHADOW, 0.0)
    assert (house.latest().trial, house.control.task("t").trials) == (2, 2)
    assert house.latest().salt == route.salt != salt
    assert house.latest().since_seq >= before
    house.findings = []
    house.tick()
    assert house.state() == State.SHADOW
    assert _paired(house) == 0
    house.until(State.FULL)
    assert replayed(house) == []


def test_a_breaker_and_an_outage_end_each_by_its_own_rule(house):
    house.open()
    house.until(State.CANARY_5)
    house.log.outcomes += [(house.clock.now + 0.1, Outcome.TIMEOUT)] * 5
    house.tick()
    house.findings = [OUTAGE]
    house.tick()
    assert house.latest().held_for == ("breaker", "judge_outage")
    house.findings = []
    house.tick()
    assert house.state() == State.HOLD
    house.play(10)
    house.tick()
    assert house.state() == State.CANARY_5
    assert replayed(house) == []


def test_a_drift_that_stays_is_rolled_back_after_a_day(house):
    house.open()
    house.until(State.CANARY_5)
    house.findings = [DRIFT]
    house.tick()
    assert house.control.routes()[0].share == 0.0
    order = house.order("resume")
    house.tick()
    assert "the drift" in house.outcome_of(order)
    house.tick(86_401.0)
    assert house.state() == State.ROLLED_BACK
    assert replayed(house) == []


def test_a_pause_outlasts_what_was_found_and_the_other_way_round(house):
    house.open()
    house.until(State.CANARY_5)
    house.findings = [OUTAGE]
    house.tick()
    house.order("pause")
    house.tick()
    house.findings = []
    house.tick()
    assert (house.state(), house.latest().held_for) == (State.HOLD, ("judge_outage", "paused"))
    house.order("resume")
    house.tick()
    assert house.state() == State.CANARY_5
    assert replayed(house) == []


def test_a_finding_while_a_person_is_awaited_takes_the_gate_back(tmp_path):
    house = House(tmp_path, replace(FAST, mode=TaskMode.APPROVE))
    house.open()
    house.until(State.AWAITING_APPROVAL)
    house.findings = [OUTAGE]
    assert house.tick() == []
    house.findings = [CHANGED]
    house.tick()
    house.findings = []
    house.tick()
    assert (house.state(), house.latest().trial) == (State.SHADOW, 2)
    assert replayed(house) == []
    house.close()


@pytest.mark.parametrize("finding", [OUTAGE, CHANGED])
def test_a_finding_that_stands_when_a_student_is_first_shadowed_holds_it_at_once(house, finding):
    house.findings = [finding]
    house.open()
    house.tick()
    assert (house.state(), house.latest().held_from) == (State.HOLD, State.SHADOW)
    house.findings = []
    house.until(State.CANARY_1)
    assert replayed(house) == []


def test_facts_survive_their_record():
    found = evaluation(detail={"partial": []})
    facts = Facts(findings=(CHANGED, DRIFT), trials=3, evaluation=found, exposed=1, users=2, gap_s=0.5)
    assert facts_of(facts_json(facts)) == facts


def _paired(house) -> int:
    return Evidence.from_json(house.latest().evidence).over().paired
