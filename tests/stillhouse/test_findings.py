"""What is found and shown: the doctor's findings, the teacher's score, what a mode means for whom."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from stillhouse.settings import Settings, convert, load
from stillhouse.views import tasks
from stillhouse.views.stores import Stores
from store.control import Control
from store.ids import new_id
from store.log import Log
from store.log.load import Batch
from store.paths import DataFolder
from store.vocabulary import (
    Answer,
    Attempt,
    Call,
    Outcome,
    Role,
    Score,
    ScoreSource,
    Task,
    TaskMode,
    TaskVersion,
    Who,
)

PRINT = "f" * 32


@contextmanager
def stores(root, *, live=True, **settings):
    folder = DataFolder(root).create()
    log, control = Log.open(folder.log), Control.open(folder.control)
    own = Settings.model_validate({"data": root, **settings})
    try:
        yield Stores(log=log, control=control, folder=folder, settings=own, live=live)
    finally:
        log.close()
        control.close()


def scored(here, *scores):
    """Log one answered call of the task "t", and scores (name, value, source) of its answer."""
    epoch = here.control.take_epoch("test")
    here.control.save_task(Task(task_id="t", name="T", created=1.0), epoch)
    version = TaskVersion(task_id="t", version=1, head_hash="h", fingerprints=(PRINT,))
    here.control.save_version(version, epoch)
    call = Call(
        call_id=new_id(), ts=1.0, fingerprint=PRINT, fp_version=1, model="m", body=b'{"messages": []}'
    )
    attempt = Attempt(
        attempt_id=new_id(),
        call_id=call.call_id,
        ts=2.0,
        role=Role.SERVE,
        who=Who.TEACHER,
        model="m",
        upstream="u",
        served=True,
        outcome=Outcome.COMPLETE,
    )
    completion = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}]}
    answer = Answer(completion=completion, completion_id=None)
    here.log.loader.load(Batch(calls=[(call, "w0")], attempts=[(attempt, answer, 0.0)]))
    here.log.add_scores(
        [
            Score(
                attempt_id=attempt.attempt_id,
                call_id=call.call_id,
                name=name,
                version="1",
                value=value,
                source=source,
                ts=time.time(),
            )
            for name, value, source in scores
        ]
    )


OWN = ("label", 1.0, ScoreSource.METRIC)
SAID = ("feedback", 0.25, ScoreSource.FEEDBACK)


@pytest.mark.parametrize(
    ("policy", "scores", "shown", "words"),
    [
        ({}, [OWN], None, "no scores of the teacher yet"),
        ({"metric": "label"}, [OWN], None, "no scores of the teacher yet"),
        ({}, [SAID, OWN], 0.25, "the teacher scores 25%"),
        ({"metric": "python:a.b:c"}, [("python:a.b:c", 0.75, ScoreSource.METRIC), OWN], 0.75, "scores 75%"),
        ({"metric": "python:a.b:c"}, [OWN], None, "no scores of the teacher yet"),
        (
            {"metric": "judge", "judge": {"model": "j"}},
            [("judge", 0.5, ScoreSource.JUDGE), OWN],
            0.5,
            "scores 50%",
        ),
    ],
)
def test_the_teachers_score_is_shown_where_something_else_than_itself_measured_it(
    tmp_path, policy, scores, shown, words
):
    with stores(tmp_path, policy=policy) as here:
        scored(here, *scores)
        (row,) = tasks.tasks(here)
        assert row["teacher_score"] == shown
        (baseline,) = [check for check in row["readiness"] if check["name"] == "baseline"]
        assert words in baseline["words"]


def test_a_mode_for_all_tasks_is_not_a_tasks_own(tmp_path):
    file = tmp_path / "stillhouse.yaml"
    file.write_text("policy: {mode: auto}\ntasks:\n  a: {delta: 0.1}\n  b: {mode: auto}\n")
    policies = convert.task_policies(load(file, {}))
    modes = {task: policies.mode(task, closed=False) for task in ("a", "b", "c")}
    assert modes == {"a": TaskMode.APPROVE, "b": TaskMode.AUTO, "c": TaskMode.APPROVE}
    assert {policies.mode(task, closed=True) for task in ("a", "b", "c")} == {TaskMode.AUTO}
