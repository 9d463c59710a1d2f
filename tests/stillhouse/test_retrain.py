"""What an erasure does about students that learnt from the rows that it took."""

from contextlib import closing
from dataclasses import replace

import pytest
from erasurekit import SUBJECT, ask, carry_out, fill

from distiller.trainset import read_rows
from stillhouse.erasure.retrain import wanting
from stillhouse.settings import Settings
from stillhouse.views.stores import Stores
from stillhouse.views.taught import taught
from store.control import Control
from store.ids import new_id
from store.log import Log
from store.vocabulary import Job, JobKind, JobState, Student, Task, TaskMode


@pytest.fixture
def planted(tmp_path):
    return fill(tmp_path / "data")


def student(task_id="t", name="s"):
    return Student(
        student_id=name, task_id=task_id, task_version=1, recipe="finetune", base="b", trainset_id="x", created=1.0
    )  # fmt: skip


def job(state=JobState.RUNNING, **result):
    return Job(job_id="j", kind=JobKind.DISTILL, task_id="t", due=1.0, state=state, result=result)


def state(planted):
    with closing(Control.open(planted.folder.control)) as control:
        marks = {one.student_id: one.erased for one in control.students()}
        queued = [one.task_id for one in control.jobs() if one.state is JobState.QUEUED]
        return marks, queued


def test_the_student_is_marked_and_one_job_is_queued(planted):
    erasure = ask(planted)
    ended = carry_out(planted.folder, erasure.erasure_id)
    assert ended.phase == "done", ended.report
    assert ended.report["artifacts"]["retrained"] == ["t"]
    assert state(planted) == ({"student-1": erasure.asked}, ["t"])


def test_a_repeated_run_neither_marks_nor_queues_again(planted):
    erasure = ask(planted)
    carry_out(planted.folder, erasure.erasure_id)
    again = ask(planted)
    ended = carry_out(planted.folder, again.erasure_id)
    assert ended.report["artifacts"]["retrained"] == []
    assert state(planted) == ({"student-1": erasure.asked}, ["t"])


def test_a_student_that_was_only_tested_on_the_rows_is_not_marked(planted):
    folder = planted.folder
    with closing(Control.open(folder.control)) as control:
        trainset = control.trainsets("t")[0]
    rows = (folder.artifacts / trainset.path / "heldout.jsonl").read_text()
    call = next(call for calls in planted.calls.values() for call in calls if call in rows)
    ended = carry_out(folder, ask(planted, "call", call, also=()).erasure_id)
    assert ended.report["artifacts"]["students_tested"] == ["student-1"]
    assert state(planted) == ({"student-1": None}, [])


def test_what_a_call_has_taught_is_told_until_it_is_erased(planted):
    folder = planted.folder
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        stores = Stores(log=log, control=control, folder=folder, settings=Settings())
        rows = read_rows(folder.artifacts / "trainsets" / planted.trainset_id / "train.jsonl")
        call, mentioned = (row["call_id"] for row in rows if row["user"] == SUBJECT), new_id()
        call_id = next(call)
        told = {"trainset_id": planted.trainset_id, "part": "train", "students": ["student-1"]}
        assert taught(stores, call_id, 0.0) == [told]
        assert taught(stores, mentioned, 0.0) == []
        assert taught(stores, call_id, 2.0) == []  # frozen before the call was made
    carry_out(folder, ask(planted).erasure_id)
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        stores = Stores(log=log, control=control, folder=folder, settings=Settings())
        assert taught(stores, call_id, 0.0) == []


def test_a_student_of_another_task_that_was_trained_on_the_rows_is_marked_too(planted):
    folder = planted.folder
    with closing(Control.open(folder.control)) as control:
        epoch = control.take_epoch("test")
        control.save_task(Task(task_id="u", name="u"), epoch)
        other = replace(student("u", "student-2"), training={"beside": [planted.trainset_id]})
        control.save_student(other, epoch)
    with closing(Log.open(folder.log)) as log, closing(Control.open(folder.control)) as control:
        stores = Stores(log=log, control=control, folder=folder, settings=Settings())
        parts = {
            part: next(
                iter(read_rows(folder.artifacts / "trainsets" / planted.trainset_id / f"{part}.jsonl"))
            )
            for part in ("train", "heldout")
        }
        learnt, held = (taught(stores, row["call_id"], 0.0)[0]["students"] for row in parts.values())
    assert (learnt, held) == (["student-1", "student-2"], ["student-1"])
    erasure = ask(planted)
    ended = carry_out(folder, erasure.erasure_id)
    assert ended.report["artifacts"]["retrained"] == ["t", "u"]
    assert state(planted) == (dict.fromkeys(("student-1", "student-2"), erasure.asked), ["t", "u"])


TASK = Task(task_id="t", name="t")


@pytest.mark.parametrize(
    ("tasks", "jobs", "wanted"),
    [
        ([TASK], [], ["t"]),
        ([TASK], [job(JobState.QUEUED)], []),  # it will freeze what is left
        ([TASK], [job(trainset_id="x")], ["t"]),  # it has frozen, before the rows went
        ([TASK], [job(JobState.DONE)], ["t"]),
        ([replace(TASK, mode=TaskMode.OBSERVE)], [], []),
        ([replace(TASK, ignored=True)], [], []),
        ([replace(TASK, merged_into="u"), Task(task_id="u", name="u")], [], ["u"]),
        ([replace(TASK, merged_into="u"), Task(task_id="u", name="u", merged_into="t")], [], []),
        ([replace(TASK, merged_into="gone")], [], []),
        ([], [], []),
    ],
)
def test_which_tasks_want_another_try(tasks, jobs, wanted):
    assert wanting({task.task_id: task for task in tasks}, [student()], [], jobs) == wanted


def test_a_job_that_has_trained_already_is_followed_by_another():
    trained = job(trainset_id="x")
    assert wanting({"t": TASK}, [], [trained], [trained]) == ["t"]


def test_a_job_learns_from_its_companions_trainsets_too():
    assert job(trainset_id="x", beside={"u": {"trainset_id": "y"}}).trainsets == ("x", "y")
    assert job().trainsets == ()
