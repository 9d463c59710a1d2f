"""What is shown of a climb: every rung with its figures, the skipped and the failed ones with their reason."""

from dataclasses import replace

import pytest
from rich.console import Console
from test_house import stores  # noqa: F401 - the same house

from distiller.recipes.climb import SKIPPED, Rung
from stillhouse.cli.draw_ladder import ladder as drawn
from stillhouse.errors import Missing, Refused
from stillhouse.views.faces import Faces
from store.vocabulary import Evaluation, Job, JobKind, JobState, Student, Task, Verdict


@pytest.fixture
def climbed(stores):  # noqa: F811 - pytest's way
    epoch = stores.control.take_epoch("test")
    stores.control.save_task(Task(task_id="t", name="T"), epoch)
    student = Student(
        student_id="s", task_id="t", task_version=1, recipe="finetune", base="b", trainset_id="x", created=1.0,
        training={"seconds": 90.0, "wall_s": 120.0, "bytes": 145_000_000},
    )  # fmt: skip
    found = Evaluation(
        evaluation_id="e", student_id="s", task_id="t", created=2.0, n=200, student_mean=0.97, teacher_mean=1.0,
        delta_mean=-0.03, delta_lower=-0.04, verdict=Verdict.PASS, why="it holds", detail={"latency_ms": {"p50": 390.0, "p95": 500.0}},
    )  # fmt: skip
    stores.control.save_student(student, epoch)
    stores.control.save_evaluation(found, epoch)
    rungs = [
        Rung(recipe="base", verdict=SKIPPED, why="the answers are no closed set"),
        Rung(
            recipe="finetune", verdict="pass", why="it holds", student_id="s", evaluation_id="e", lower=-0.04
        ),
    ]
    job = Job(
        job_id="j", kind=JobKind.DISTILL, task_id="t", due=1.0, state=JobState.DONE, phase="rollout",
        result={"rungs": [rung.to_json() for rung in rungs], "student_id": "s", "trainset_id": "x"},
    )  # fmt: skip
    stores.control.add_job(job, epoch)
    return stores


def test_every_rung_is_shown_with_what_it_was_worth_and_what_it_cost(climbed):
    (climb,) = Faces(climbed).ladder("t")["climbs"]
    assert climb["chosen"] == "s"
    skipped, made = climb["rungs"]
    assert (skipped["verdict"], skipped["score"], skipped["wall_s"]) == ("skipped", None, None)
    assert (made["score"], made["n"], made["wall_s"], made["bytes"]) == (0.97, 200, 120.0, 145_000_000)
    assert made["latency_ms"]["p50"] == 390.0


def test_it_is_drawn_as_a_table_with_the_reasons_below(climbed):
    console = Console(width=120, record=True)
    drawn(console, Faces(climbed).ladder("t"))
    text = console.export_text()
    for words in ("finetune *", "0.970", "2.0 min", "390 ms", "145.0", "base: the answers are no closed set"):
        assert words in text


def test_a_student_without_weights_or_a_folder_of_ours_is_refused(climbed, tmp_path):
    faces = Faces(climbed)
    with pytest.raises(Missing, match="with weights"):
        faces.export_student("s", tmp_path / "out")
    epoch = climbed.control.take_epoch("again")
    climbed.control.save_student(replace(climbed.control.student("s"), weights="students/s"), epoch)
    with pytest.raises(Refused, match="one of Stillhouse's own"):
        faces.export_student("s", climbed.folder.artifacts / "mine")
    assert climbed.control.copies() == []


def test_a_task_that_nobody_knows_and_one_that_never_climbed(climbed):
    with pytest.raises(Missing):
        Faces(climbed).ladder("nobody")
    console = Console(width=80, record=True)
    drawn(console, {"task_id": "t", "climbs": []})
    assert "No ladder has been climbed yet." in console.export_text()
