"""The rungs of a task's ladder side by side: what each was worth and what it cost. Knows no job's inside."""

from __future__ import annotations

from typing import Any

from stillhouse.errors import Missing
from stillhouse.views.calls import fingerprints_of
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.control import Control
from store.vocabulary import Evaluation, Job

_FIGURES = ("seconds", "wall_s", "bytes", "usd")


def ladder(stores: Stores, task_id: str) -> dict[str, Any]:
    """Give the climbs of a task, newest first, each with its rungs in their order. Raises Missing."""
    task = stores.control.task(task_id)
    if task is None:
        fingerprints_of(stores, task_id)
        raise Missing(f"There is no task {task_id!r}.")
    jobs = [job for job in stores.control.jobs(task_id) if job.result.get("rungs")]
    climbs = [_climb(stores.control, job) for job in reversed(jobs)]
    return {"task_id": task_id, "name": task.name, "climbs": climbs}


def _climb(control: Control, job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "state": plain(job.state),
        "trainset_id": job.result.get("trainset_id"),
        "chosen": job.result.get("student_id") if job.phase == "rollout" else None,
        "rungs": [_rung(control, rung) for rung in job.result["rungs"]],
    }


def _rung(control: Control, rung: dict[str, Any]) -> dict[str, Any]:
    """Give one rung; figures that were not measured are None."""
    student = control.student(rung["student_id"]) if rung["student_id"] else None
    found = _evaluation(control, rung)
    return {
        "rung": rung["recipe"],
        "verdict": rung["verdict"],
        "why": rung["why"],
        "student_id": rung["student_id"],
        "n": found.n if found else None,
        "score": found.student_mean if found else None,
        "teacher_score": found.teacher_mean if found else None,
        "lower": found.delta_lower if found else None,
        "latency_ms": found.detail.get("latency_ms") if found else None,
        **{name: student.training.get(name) if student else None for name in _FIGURES},
    }


def _evaluation(control: Control, rung: dict[str, Any]) -> Evaluation | None:
    known = control.evaluations(rung["student_id"]) if rung["student_id"] else []
    return next((e for e in known if e.evaluation_id == rung["evaluation_id"]), None)
