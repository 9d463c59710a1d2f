"""How the rooms are joined: what the router refuses, the distiller and the operator are told."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from distiller.settings import DistillerSettings
from router.evidence import Evidence, update
from router.settings import RolloutPolicy
from stillhouse import house
from stillhouse.cli import draw
from stillhouse.desk import ControlDesk
from stillhouse.errors import Refused
from stillhouse.grants import Grants
from stillhouse.prices import PriceBook
from stillhouse.settings import convert
from stillhouse.settings.tree import Settings
from stillhouse.views import explain
from stillhouse.views.stores import Stores
from store.control import Control
from store.log import Log
from store.paths import DataFolder
from store.vocabulary import (
    Evaluation,
    JobState,
    Observation,
    ObservationKind,
    Rollout,
    State,
    Student,
    Task,
    TaskVersion,
    Verdict,
    Who,
)


@pytest.fixture
def stores(tmp_path):
    folder = DataFolder(tmp_path).create()
    log, control = Log.open(folder.log), Control.open(folder.control)
    yield Stores(log=log, control=control, folder=folder, settings=Settings(data=tmp_path), live=True)
    log.close()
    control.close()


def rolled_out(control, epoch, state):
    control.save_task(Task(task_id="t", name="T"), epoch)
    control.save_version(TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=("f",)), epoch)
    rollout = Rollout(
        rollout_id="r1", task_id="t", task_version=1, student_id="s1", trial=1, state=state, created=1.0
    )
    control.create_rollout(rollout, epoch)


def build(stores, epoch):
    prices = PriceBook.of(stores.settings, stores.folder.prices)
    url = "http://127.0.0.1:9/v1"
    return house.build(stores, epoch=epoch, grants=Grants(lambda: 0.0), prices=prices, inner_url=url)


async def test_a_second_student_is_turned_away_in_words(stores):
    control = stores.control
    epoch = control.take_epoch("test")
    rolled_out(control, epoch, State.SHADOW)
    student = Student(
        student_id="s2",
        task_id="t",
        task_version=1,
        recipe="finetune",
        base="b",
        trainset_id="x",
        created=2.0,
    )
    found = Evaluation(
        evaluation_id="e", student_id="s2", task_id="t", created=2.0, n=250, student_mean=1.0,
        teacher_mean=1.0, delta_mean=0.0, delta_lower=-0.01, verdict=Verdict.PASS, why="it holds up",
    )  # fmt: skip
    parts = build(stores, epoch)
    told = parts.executor._parts.on_student
    assert "has a rollout in state shadow (r1)" in told(student, found)
    assert told(replace(student, task_version=2), found) is None
    assert [r.task_version for r in control.rollouts("t")] == [1, 2]


async def test_nothing_is_distilled_while_a_student_is_on_its_way(stores):
    control = stores.control
    epoch = control.take_epoch("test")
    rolled_out(control, epoch, State.CANARY_5)
    parts = build(stores, epoch)
    desk = ControlDesk(stores, epoch, parts.executor, parts.erasing)
    with pytest.raises(Refused, match=r"rollout in state canary_5 \(r1\).*stillhouse rollout abort t"):
        desk.distill("t", anyway=True)
    assert control.jobs("t") == []
    rollout = control.rollout("r1")
    control.observe(replace(rollout, state=State.FULL), [], epoch)  # a better one may follow it
    assert desk.distill("t", anyway=True)["state"] == JobState.QUEUED


def test_both_screens_need_the_same(tmp_path):
    settings = Settings(data=tmp_path)
    assert convert.distiller(settings).screen_n == DistillerSettings().screen_n == RolloutPolicy().screen_n
    assert convert.task_policies(settings).default.timeout_s == RolloutPolicy().timeout_s


@pytest.mark.parametrize(
    ("given", "shadows"),
    [
        ({}, (1.0, 1.0)),
        ({"shadow": 0.1}, (0.1, 0.1)),
        ({"shadow": 0.1, "ramp_shadow": 0.5}, (0.1, 0.5)),
        ({"ramp_shadow": 0.0}, (1.0, 0.0)),
    ],
)
def test_one_setting_says_how_much_is_shadowed_all_the_way(tmp_path, given, shadows):
    policy = convert.rollout_policy(Settings(data=tmp_path, policy=given))
    assert (policy.shadow, policy.ramp_shadow) == shadows


def test_what_an_unknown_price_counts_can_be_said(tmp_path):
    settings = Settings(data=tmp_path, policy={"unknown_usd_per_call": 0})
    assert convert.rollout_policy(settings).unknown_usd_per_call == 0.0


def test_a_story_says_where_a_rollout_stands_and_all_that_its_gate_waits_for(stores):
    control = stores.control
    epoch = control.take_epoch("test")
    rolled_out(control, epoch, State.CANARY_50)
    rollout = control.rollout("r1")
    pairs = [
        Observation(
            rollout_id="r1", seq=seq, call_id=f"c{seq}", kind=ObservationKind.PAIRED, d=0.0, ts=float(seq),
            step=State.CANARY_50, served_by=Who.STUDENT if seq % 2 else Who.TEACHER, propensity=1.0,
        )
        for seq in range(1, 2001)
    ]  # fmt: skip
    evidence = update(Evidence(delta=rollout.delta), pairs)
    control.observe(replace(rollout, evidence=evidence.to_json()), [], epoch)
    told = explain.explain(stores, "t")
    assert any("2000 pairs compared (1000 served by the student" in said for said in told["stands"])
    assert any(
        "conversations at 25% and 50%, each 24 h after its hour (there are 0)" in said
        for said in told["waiting_for"]
    )
    terminal = Console(file=io.StringIO(), width=200)
    draw.story(terminal, told)
    assert "2000 pairs compared" in terminal.file.getvalue()
    assert "or the order `waive`" in terminal.file.getvalue()
