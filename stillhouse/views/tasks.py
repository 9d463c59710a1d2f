"""Tasks with their traffic, readiness, students and rollout. Knows no HTTP and no terminal."""

from __future__ import annotations

import time
from typing import Any

from distiller import readiness
from distiller.evaluation import ceiling
from distiller.scoring.late import FEEDBACK, SIGNAL
from distiller.scoring.rank import GOLD, countable
from router import steps
from stillhouse.errors import Missing
from stillhouse.settings import convert
from stillhouse.views import audit, lineage
from stillhouse.views.calls import fingerprints_of
from stillhouse.views.evidence import deferred, evidence
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.vocabulary import Job, JobState, Rollout, Route, Task

HOUR = 3600.0


def tasks(stores: Stores, *, everything: bool = False) -> list[dict[str, Any]]:
    """Give each task in one flat mapping, busiest first; those that are left alone with `everything` only."""
    shown = [task for task in stores.control.tasks() if everything or not task.left_alone]
    rows = [summary(stores, task) for task in shown]
    return sorted(rows, key=lambda row: -row["calls"])


def summary(stores: Stores, task: Task) -> dict[str, Any]:
    """Give what a person sees of a task in a list."""
    control = stores.control
    counts = stores.log.counts(fingerprints_of(stores, task.task_id))
    rollouts = control.rollouts(task.task_id)
    rollout = rollouts[-1] if rollouts else None
    live = rollout if rollout and rollout.state not in steps.TERMINAL else None
    job = _running(control.jobs(task.task_id))
    found = checks(stores, task)
    ready = all(check["ok"] for check in found)
    return {
        "task_id": task.task_id,
        "name": task.name,
        "tenant": task.tenant,
        "mode": task.mode.value,
        "trials": task.trials,
        "left_alone": lineage.why_alone(task),
        "versions": lineage.wordings(stores, task.task_id),
        "history": lineage.history(stores, task.task_id),
        "calls": counts.calls,
        "complete": counts.complete,
        "scored": counts.scored,
        "feedback": counts.feedback,
        "teacher_score": next(check["have"] for check in found if check["name"] == "baseline"),
        "state": _state(task, rollout, job, ready=ready),
        "share": _share(live, control.routes()),
        "rollout_id": live.rollout_id if live else None,
        "student_id": live.student_id if live else None,
        "evidence": evidence(live, convert.rollout_policy(stores.settings, task)) if live else None,
        "deferred": deferred(stores.log, live) if live else None,
        "readiness": found,
        "why": rollout.reason if rollout else None,
    }


def task(stores: Stores, task_id: str) -> dict[str, Any]:
    """Everything about one task. Raises Missing."""
    found = stores.control.task(task_id)
    if found is None:
        fingerprints_of(stores, task_id)
        raise Missing(f"There is no task {task_id!r}.")
    fingerprints = set(fingerprints_of(stores, task_id))
    traffic = stores.log.by_task(time.time() - HOUR)
    students = stores.control.students(task_id)
    return {
        **summary(stores, found),
        "signals": stores.log.signals(fingerprints),
        "signals_worth": dict(convert.task_policies(stores.settings).of(found).signals),
        "judge": audit.figures(stores, task_id),
        "self_agreement": _self_agreement(stores, found),
        "called": list(found.called),
        "fingerprints": {v.version: list(v.fingerprints) for v in stores.control.versions(task_id)},
        "last_hour": [plain(row) for row in traffic if row.fingerprint in fingerprints],
        "students": plain(students),
        "evaluations": [plain(e) for s in students for e in stores.control.evaluations(s.student_id)],
        "rollouts": plain(stores.control.rollouts(task_id)),
        "jobs": plain(stores.control.jobs(task_id)),
        "transitions": plain(stores.control.transitions(task_id=task_id)),
    }


def _self_agreement(stores: Stores, task: Task) -> dict[str, Any] | None:
    """Give the latest measurement of the teacher against itself; None where the teacher is scored by others."""
    if readiness.independent(convert.task_policies(stores.settings).of(task)):
        return None
    latest = next(reversed(stores.control.self_agreements(task.task_id)), None)
    return {**(plain(latest) if latest else {}), "words": ceiling(latest).words()}


def students(stores: Stores, task_id: str | None = None) -> list[dict[str, Any]]:
    """Give the students, oldest first, each with its last evaluation and its server."""
    control = stores.control
    servers = {server.student_id: server for server in control.servers()}
    names = lineage.names(stores)
    return [
        {
            **plain(student),
            "name": names.get(student.task_id),
            "evaluation": plain(next(reversed(control.evaluations(student.student_id)), None)),
            "server": plain(servers.get(student.student_id)),
        }
        for student in control.students(task_id)
    ]


def checks(stores: Stores, task: Task) -> list[dict[str, Any]]:
    """Give each condition of a distillation: name, ok, words, have, need."""
    policy = convert.task_policies(stores.settings).of(task)
    fingerprints = fingerprints_of(stores, task.task_id)
    judged = readiness.independent(policy)
    names = (FEEDBACK, SIGNAL, GOLD, *([policy.metric] if judged else []))
    counts = stores.log.counts(fingerprints, score_names=names, sources=countable(judged=judged))
    limits = convert.distiller(stores.settings)
    found = readiness.check(counts, policy, limits, measured=counts.mean_score)
    return [plain(check) for check in found]


def _running(jobs: list[Job]) -> Job | None:
    return next((job for job in reversed(jobs) if job.state in {JobState.RUNNING, JobState.QUEUED}), None)


def _state(task: Task, rollout: Rollout | None, job: Job | None, *, ready: bool) -> str:
    if task.left_alone:
        return "merged" if task.merged_into else "ignored"
    if rollout and rollout.state not in steps.TERMINAL:
        return rollout.state.value
    if job:
        return "distilling"
    if rollout:
        return rollout.state.value
    return "ready" if ready else "collecting"


def _share(rollout: Rollout | None, routes: list[Route]) -> float:
    if rollout is None:
        return 0.0
    return next((route.share for route in routes if route.rollout_id == rollout.rollout_id), 0.0)
