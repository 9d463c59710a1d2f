"""What a task costs and saves, and what the next distillation would take. Knows no arithmetic: `distiller.cost` has it."""

from __future__ import annotations

import time
from typing import Any

from distiller.cost import Served, savings
from distiller.pipeline.companions import rows_beside
from distiller.pipeline.foresee import foresee
from distiller.pipeline.survey import survey
from distiller.scoring.shapes import Shapes
from stillhouse.errors import Missing
from stillhouse.grants import JUDGE
from stillhouse.settings import convert
from stillhouse.views.calls import fingerprints_of
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.control import Control
from store.vocabulary import Task

_DAY_S = 86_400.0
_RECENT_S = 7 * _DAY_S


def cost(stores: Stores, task_id: str) -> dict[str, Any]:
    """Give the estimate of the next climb, what was spent, and what is saved net. Raises Missing."""
    fingerprints = fingerprints_of(stores, task_id)
    task = stores.control.task(task_id)
    if task is None:
        raise Missing(f"There is no task {task_id!r}.")
    now = time.time()
    spent = stores.log.costs(fingerprints, now - _RECENT_S)
    usd_per_hour = convert.distiller(stores.settings).student.usd_per_hour
    found = savings(spent, _served(stores, task, now), usd_per_hour=usd_per_hour)
    return {
        "task_id": task_id,
        "name": task.name,
        "estimate": _estimate(stores, task),
        "spent": [plain(row) for row in spent],
        "savings": {**plain(found), "words": found.words},
    }


def _estimate(stores: Stores, task: Task) -> dict[str, Any] | None:
    """Estimate the next climb; None while there are no calls to learn from."""
    limits, policies = convert.distiller(stores.settings), convert.task_policies(stores.settings)
    policy = policies.of(task)
    seen = survey(
        task.task_id,
        log=stores.log,
        control=stores.control,
        shapes=Shapes(log=stores.log, control=stores.control, policies=policies),
        policy=policy,
        settings=limits,
    )
    if seen is None:
        return None
    beside = rows_beside(task, log=stores.log, control=stores.control, policies=policies, settings=limits)
    told = foresee(seen, policy, limits, stores.control.students(task.task_id), beside)
    return {**plain(told), "max_usd": limits.max_usd}


def _served(stores: Stores, task: Task, now: float) -> Served:
    control = stores.control
    students, jobs = control.students(task.task_id), control.jobs(task.task_id)
    internal = stores.log.internal_costs()
    judged = [t for t in control.tasks() if convert.task_policies(stores.settings).of(t).judge is not None]
    return Served(
        serving_s=sum(
            _kept_s(control, rollout.rollout_id, rollout.created, now)
            for rollout in control.rollouts(task.task_id)
        ),
        # Tasks that were trained together share what it took.
        training_s=sum(float(s.training.get("wall_s") or 0.0) / len(s.trainsets) for s in students),
        training_usd=sum(float(s.training.get("usd") or 0.0) for s in students)
        + sum(internal.get(job.job_id, 0.0) for job in jobs),
        # The judge's calls do not say for which task they were made: the tasks that have one share them.
        judge_usd=internal.get(JUDGE, 0.0) / len(judged) if task in judged else 0.0,
        days=(now - min((s.created for s in students), default=now)) / _DAY_S,
    )


def _kept_s(control: Control, rollout_id: str, created: float, now: float) -> float:
    """Return for how long a rollout kept a server: until it ended, else until now."""
    last = next(reversed(control.transitions(rollout_id=rollout_id)), None)
    live = any(r.rollout_id == rollout_id for r in control.rollouts(live=True))
    return (now if live or last is None else last.ts) - created
