"""Hands the student of one training to each task that was trained with it. Knows no training and no rows.

A companion gets a job that begins where the student is to be served: it is tested on its own held-out rows, by its own
metric and margin, and rolled out or refused by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from distiller.due import held_for_drift
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from store.ids import new_id
from store.vocabulary import Job, JobKind, JobState, Student, Task, TaskMode

_log = logging.getLogger(__name__)

_OPEN = (JobState.QUEUED, JobState.RUNNING)


def hand_on(parts: Parts, keeper: Keeper, student_of: Callable[[str], Student]) -> None:
    """Give each companion its student and a job that goes on with it. May be repeated.

    A task that is observed, is rolling a student out, or has begun a job of its own gets none; a job of its that has
    not begun becomes this one.
    """
    for task_id, frozen in (keeper.result("beside") or {}).items():
        task, jobs = parts.control.task(task_id), parts.control.jobs(task_id)
        if any(job.result.get("handed_by") == keeper.job.job_id for job in jobs):
            continue
        waiting = next((job for job in jobs if job.state in _OPEN), None)
        why = _busy(parts, task, frozen["task_version"], waiting)
        if why is not None:
            _log.info("the task %s taught job %s and gets no student: %s", task_id, keeper.job.job_id, why)
            continue
        student = student_of(task_id)
        parts.control.save_student(student, parts.epoch)
        made = {
            "recipe": student.recipe,
            "student_id": student.student_id,
            "weights_sha256": student.weights_sha256,
        }
        result = {**frozen, **made, "ladder": [student.recipe], "handed_by": keeper.job.job_id}
        _queue(parts, task_id, waiting, result)


def _busy(parts: Parts, task: Task | None, version: int, waiting: Job | None) -> str | None:
    if task is None or task.left_alone or task.mode is TaskMode.OBSERVE:
        return "it is only observed"
    if waiting is not None and waiting.result.get("trainset_id"):
        return "a job of its own is under way"
    live = parts.control.rollouts(task.task_id, live=True)
    if any(rollout.task_version == version and not held_for_drift(rollout) for rollout in live):
        return "a student is being rolled out"
    return None


def _queue(parts: Parts, task_id: str, waiting: Job | None, result: dict[str, Any]) -> None:
    now = parts.now()
    if waiting is not None:
        parts.control.save_job(replace(waiting, phase="serve", result=result, updated=now), parts.epoch)
        return
    job = Job(
        job_id=new_id(),
        kind=JobKind.DISTILL,
        task_id=task_id,
        due=now,
        phase="serve",
        result=result,
        created=now,
        updated=now,
    )
    parts.control.add_job(job, parts.epoch)
