"""What makes the scores changes while a rollout is compared: its evidence is void, once, and the next trial begins."""

from dataclasses import replace

import pytest
from makers import FAST, House

from router.decision import Cause
from router.replay import differences
from router.streams.scorer import Scorer, ScorerWatch, change
from store.vocabulary import State


class Scored(House):
    """A house whose scores are made by what a test says."""

    def __init__(self, folder, policy=FAST):
        self.scorer = ("judge", "v1")
        super().__init__(folder, policy)

    def another(self, control=None):
        self.watchers = (ScorerWatch(self.control, lambda _: self.scorer, self.epoch, self.clock),)
        return super().another(control)


@pytest.fixture
def scored(tmp_path):
    house = Scored(tmp_path)
    house.open()
    yield house
    house.close()


def replayed(house):
    at = house.latest()
    rows = house.control.transitions(rollout_id=at.rollout_id)
    return differences(at, rows, house.control.observations(at.rollout_id))


def test_the_same_scorer_is_no_finding_and_another_one_names_both():
    assert change(Scorer("judge", "v1"), Scorer("judge", "v1")) is None
    version = change(Scorer("judge", "v1"), Scorer("judge", "v2"))
    metric = change(Scorer("judge", "v1"), Scorer("label", "1"))
    assert {(found.cause, found.void) for found in (version, metric)} == {("judge_changed", "all")}
    assert "version v2, it was v1" in version.why
    assert "scored by label, and the student was evaluated by judge" in metric.why


def test_7_another_version_of_a_judge_voids_the_evidence_once_and_is_compared_as_the_next_trial(scored):
    scored.until(State.CANARY_5)
    scored.scorer, scored.policy = ("judge", "v2"), replace(FAST, dwell_s=60.0)
    scored.controller = scored.another()  # a judge is configured: control begins anew
    scored.tick()
    held = scored.latest()
    assert (held.state, held.held_from, held.held_for) == (State.HOLD, State.SHADOW, (Cause.JUDGE_CHANGED,))
    assert (held.trial, scored.control.task("t").trials) == (2, 2)
    scored.tick(61.0)
    assert scored.state() == State.SHADOW
    scored.policy = FAST
    scored.until(State.CANARY_1)
    made = scored.control.transitions()
    assert [t.cause for t in made].count("judge_changed") == 1
    by = [t.inputs["versions"]["score_version"] for t in made if t.cause in {"gate_passed", "judge_changed"}]
    assert by == ["v1"] * (len(by) - 1) + ["v2"], "each decision keeps whose scores it was made of"
    assert scored.latest().trial == 2
    assert replayed(scored) == []


def test_7_another_metric_holds_the_rollout_until_the_old_one_is_back(scored):
    scored.until(State.CANARY_5)
    scored.scorer = ("label", "1")
    for _ in range(3):
        scored.play(10)
        scored.tick()
    assert (scored.state(), scored.latest().trial) == (State.HOLD, 2), "and no further trial is spent"
    scored.scorer = ("judge", "v1")
    scored.tick()
    assert scored.state() == State.SHADOW
    scored.scorer = ("label", "1")
    scored.tick()
    scored.tick(86_401.0)
    assert scored.state() in {State.ROLLING_BACK, State.ROLLED_BACK}
    assert replayed(scored) == []


def test_a_scorer_that_is_not_known_yet_stands_against_nothing(scored):
    scored.until(State.CANARY_1)
    scored.scorer = None
    scored.controller = scored.another()
    scored.tick()
    assert scored.state() == State.CANARY_1


def test_7_a_margin_that_is_edited_moves_no_trial_that_runs(tmp_path):
    house = House(tmp_path, replace(FAST, delta=0.03))
    house.open()
    house.tick()
    house.policy = replace(FAST, delta=0.5)
    for _ in range(10):
        house.play(40, 0.9)  # ten points worse: within the edited margin alone
        house.tick()
        assert house.state() not in {State.CANARY_1, State.CANARY_5}
    at = house.latest()
    assert (at.delta, at.evidence["delta"], at.trial) == (0.03, 0.03, 1)
    assert replayed(house) == []
    house.close()
