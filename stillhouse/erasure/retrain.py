"""What follows for students that learnt from rows which went: a mark, and another try without the rows.

Weights cannot be made to forget. Whether a student that was marked for its weights goes on answering until its successor
is there is the operator's to say (`stillhouse rollout rollback`): nothing here stops it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from stillhouse.erasure.scene import Scene
from store.ids import new_id
from store.vocabulary import Job, JobKind, JobState, Student, Task, TaskMode

_OPEN = frozenset({JobState.QUEUED, JobState.RUNNING})


def follow(scene: Scene, asked: float, students: Collection[str], jobs: Collection[str]) -> list[str]:
    """Mark these students, and queue a job for each task of theirs and of these jobs; return the tasks.

    May be repeated: a student keeps its first mark, and there is one job for an erasure (by the time when it
    was asked) and a task.
    """
    control = scene.control
    marked = [student for student in control.students() if student.student_id in students]
    for student in marked:
        if student.erased is None:
            control.save_student(replace(student, erased=asked), scene.epoch)
    every = control.jobs()
    tasks = {task.task_id: task for task in control.tasks()}
    due = wanting(tasks, marked, [job for job in every if job.job_id in jobs], every)
    now = scene.now()
    for task_id in due:
        job = Job(job_id=new_id(), kind=JobKind.DISTILL, task_id=task_id, due=asked, created=now, updated=now)
        control.add_job(job, scene.epoch)
    return due


def wanting(
    tasks: Mapping[str, Task], students: Sequence[Student], trained: Sequence[Job], jobs: Sequence[Job]
) -> list[str]:
    """Return the tasks that want another try. Pure.

    A task that was merged is where it went; one that is left alone or only observed wants none; and an open
    job that has not frozen its rows yet is that try.
    """
    found = {
        _now(tasks, task_id) for task_id in (*(s.task_id for s in students), *(j.task_id for j in trained))
    }
    begins = {job.task_id for job in jobs if job.state in _OPEN and not job.result.get("trainset_id")}
    wanted = (tasks[task_id] for task_id in sorted(found & tasks.keys() - begins))
    return [task.task_id for task in wanted if not task.left_alone and task.mode is not TaskMode.OBSERVE]


def _now(tasks: Mapping[str, Task], task_id: str) -> str:
    """Return the task that has the versions of a task now."""
    for _ in tasks:
        task = tasks.get(task_id)
        if task is None or not task.merged_into:
            break
        task_id = task.merged_into
    return task_id
