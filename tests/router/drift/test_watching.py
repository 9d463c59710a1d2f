"""The loops around the tests: what is read, kept and told to the controller, over a real control state."""

import json
from dataclasses import replace

import pytest
from makers import FAST, House
from traffic import USUAL, Traffic

from router.controller import Controller
from router.drift.probing import Probing
from router.drift.settings import DriftPolicy
from router.drift.watching import ANSWERED_S, Watching
from router.replay import differences
from store.errors import StoreError
from store.vocabulary import State, WatchKind

POLICY = DriftPolicy(reference=400, window=200, every=100, answers=100)


class Watched(House):
    """A house whose controller is told what a real watcher finds in generated traffic."""

    def __init__(self, folder):
        self.drift = POLICY
        self.traffic = Traffic()
        super().__init__(folder, replace(FAST, dwell_s=60.0, slices=("length", "label")))
        self.watching = self.watcher()
        self.traffic.add(450, self.clock.now - 100.0)

    def watcher(self):
        return Watching(self.control, self.traffic, lambda _: self.drift, self.epoch, self.clock)

    def another(self, control=None):
        def found(rollout, policy):  # whoever watches by then
            return self.watching.findings(rollout, policy)

        return Controller(
            control or self.control,
            self.log,
            lambda _: self.policy,
            self.epoch,
            self.clock,
            lambda _: "score",
            (found,),
        )

    def come(self, n, mix=USUAL, **more):
        """Let calls come, and look at them until they are old enough for their answers, too."""
        for _ in range(0, n, 50):
            self.traffic.add(50, self.clock.now, mix, **more)
            self.clock.now += 1
            self.watching.step()
        self.clock.now += ANSWERED_S + 1
        for _ in range(1 + n // 200):
            self.watching.step()
        self.tick()

    def kept(self, kind):
        return next(w for w in self.control.watches(self.latest().rollout_id) if w.kind == kind)

    def replayed(self):
        at = self.latest()
        rows = self.control.transitions(rollout_id=at.rollout_id)
        return differences(at, rows, self.control.observations(at.rollout_id))


@pytest.fixture
def watched(tmp_path):
    made = Watched(tmp_path)
    made.open()
    made.tick()
    made.tick()
    yield made
    made.close()


def test_7_a_rollout_whose_inputs_change_is_held_until_they_are_as_before(watched):
    watched.come(300)
    assert watched.state() == State.SHADOW
    watched.come(400, {"refund": 1})
    at = watched.latest()
    assert (at.state, at.held_for) == (State.HOLD, ("drift",))
    assert "order" in at.reason
    watched.watching = watched.watcher()  # as after a restart
    watched.come(100, {"refund": 1})
    assert watched.state() == State.HOLD
    watched.come(600)
    assert watched.state() == State.SHADOW
    assert watched.replayed() == []
    assert "ulysses" not in json.dumps(watched.kept(WatchKind.INPUTS).state)


def test_7_answers_of_another_shape_hold_it_too(watched):
    watched.come(200)
    watched.come(200, says=lambda _: '{"answer": "yes"}')
    assert watched.latest().held_for == ("drift",)
    assert watched.latest().reason.startswith("The teacher's answers look otherwise")
    assert watched.replayed() == []


def test_a_slice_that_the_teacher_keeps_is_no_drift_of_the_answers(watched):
    """Without its calls the others' answers are more frequent: they are held against their own beginning."""
    watched.come(200, says=lambda dice: dice.choice(["yes", "no"]))
    watched.order("exclude", about="length:long")
    watched.order(
        "exclude", about="label:no", order_id="o-label"
    )  # of answers: they stay among those that are watched
    watched.tick()
    assert set(watched.latest().excluded) == {"length:long", "label:no"}
    watched.come(300)
    assert (watched.state(), watched.kept(WatchKind.TEACHER_ANSWERS).state["without"]) == (
        State.SHADOW,
        ["length:long"],
    )
    watched.come(200, says=lambda dice: dice.choice(["yes", "no"]))
    assert watched.latest().reason.startswith("The teacher's answers look otherwise")
    watched.order("include", about="length:long")  # no order lifts a finding
    watched.tick()
    watched.come(50)
    assert watched.latest().held_for == ("drift",)
    assert watched.replayed() == []


def test_6_a_silently_upgraded_teacher_holds_voids_and_begins_the_next_trial(watched):
    watched.play(40)
    watched.come(100)
    before = watched.latest()
    assert before.evidence["cells"]
    watched.come(50, model="m-2")
    held = watched.latest()
    assert (held.state, held.held_for, held.trial) == (State.HOLD, ("teacher_changed",), before.trial + 1)
    assert held.evidence["cells"] == []
    watched.come(50, model="m-2")
    watched.tick(60.0)
    assert watched.state() == State.SHADOW
    assert [t.cause for t in watched.control.transitions()][-2:] == ["teacher_changed", "renewed"]
    assert watched.replayed() == []


def test_the_students_own_answers_are_watched_apart_from_anybody_elses(watched):
    watched.come(100, student="s1")
    watched.come(50, student="another")
    watched.come(50)
    assert watched.kept(WatchKind.STUDENT_ANSWERS).state["first"] == 100
    assert watched.kept(WatchKind.TEACHER_ANSWERS).state["first"] == 50
    watched.come(100, student="s1", says=lambda _: "no")
    assert watched.latest().reason.startswith("The student's answers look otherwise")


def test_who_switches_it_off_is_told_nothing(watched):
    watched.come(400, {"refund": 1})
    assert watched.state() == State.HOLD
    watched.drift = replace(POLICY, enabled=False)
    assert watched.watching.findings(watched.latest(), watched.policy) == ()
    seq = watched.kept(WatchKind.INPUTS).seq
    watched.come(50)
    assert watched.kept(WatchKind.INPUTS).seq == seq
    assert watched.state() == State.SHADOW


class Teacher:
    """A prober: answers are as they were, or not."""

    def __init__(self):
        self.agrees = True
        self.asked = []
        self.chosen = []
        self.raises = None

    def choose(self, task_id, version, most, after_ts):
        self.chosen.append(after_ts)
        return [f"a{i}" for i in range(most)]

    async def ask(self, task_id, version, attempts, usd):
        self.asked.append((task_id, version, len(attempts), usd))
        if self.raises:
            raise self.raises
        return dict.fromkeys(attempts, 1.0 if self.agrees else 0.0)


async def test_6_probes_find_a_teacher_that_keeps_its_name(watched):
    teacher = Teacher()
    probing = Probing(watched.control, teacher, lambda _: watched.drift, watched.epoch, watched.clock)
    watched.play(40)
    watched.come(100)
    for _ in range(5):
        await probing.step()
    assert teacher.asked == [("t", 1, 40, 0.25)] * 3  # the first rounds at once, then one a day
    assert teacher.chosen == [0.0]
    teacher.agrees = False
    watched.clock.now += 86_400.0
    await probing.step()
    watched.tick()
    held = watched.latest()
    assert (held.state, held.held_for, held.trial) == (State.HOLD, ("teacher_changed",), 2)
    assert "asked again, it agrees 0.00 with its earlier answers over 40 probes" in held.reason
    await probing.step()
    watched.tick(60.0)
    assert watched.state() == State.SHADOW
    watched.clock.now += 86_400.0
    await probing.step()
    assert teacher.chosen == [0.0, watched.latest().since]  # answers of the teacher that there is now
    assert watched.replayed() == []


async def test_probes_cost_nothing_where_they_are_off_or_fail(watched, caplog):
    teacher = Teacher()
    probing = Probing(watched.control, teacher, lambda _: watched.drift, watched.epoch, watched.clock)
    for off in ({"probe_usd_per_day": 0.0}, {"probes": 0}, {"enabled": False}):
        watched.drift = replace(POLICY, **off)
        await probing.step()
    assert teacher.asked == []
    watched.drift = POLICY
    teacher.raises = StoreError("The log is shut.")
    await probing.step()
    await probing.step()
    assert len(teacher.asked) == 1
    assert "tomorrow" in caplog.text


def test_a_fault_of_the_log_is_logged_and_tried_again(watched, caplog, monkeypatch):
    def shut(*_, **__):
        raise StoreError("The log is shut.")

    with monkeypatch.context() as broken:
        broken.setattr(watched.traffic, "inputs", shut)
        watched.watching.step()
    assert "could not be watched" in caplog.text
    watched.come(50)
    assert watched.kept(WatchKind.INPUTS).state["looked"] == 50
