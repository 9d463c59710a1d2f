"""The tasks that a job's own is trained with: who they are, what they add. Knows no training and no student."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from distiller.pipeline.collect import complete, learnable
from distiller.pipeline.errors import HopelessError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.settings import DistillerSettings, Policies
from distiller.trainset import DamagedError, ExposedError, LeakageError
from store.vocabulary import Task

if TYPE_CHECKING:
    from store.control import Control
    from store.log import Log

_log = logging.getLogger(__name__)

_UNUSABLE = (HopelessError, LeakageError, ExposedError, DamagedError)


async def gather(parts: Parts, keeper: Keeper) -> None:
    """Freeze the trainsets of the task's companions; leaves `beside`, and `without`: who is not there, and why."""
    if keeper.result("beside") is not None:
        return
    beside: dict[str, dict[str, Any]] = {}
    without: dict[str, str] = {}
    own = parts.control.task(keeper.job.task_id)
    for name in parts.policies.of(own).finetune.companions:
        task = companion(parts.control, own, name)
        if task is None:
            without[name] = "there is no other task of that name and tenant"
            continue
        try:
            found = await learnable(parts, task.task_id, parts.jobs / keeper.job.job_id / "trainset")
        except _UNUSABLE as error:
            without[name] = str(error)
            continue
        beside[task.task_id] = {**found, "complete": await asyncio.to_thread(complete, parts, task.task_id)}
    for name, why in without.items():
        _log.warning("job %s is trained without the task %s: %s", keeper.job.job_id, name, why)
    keeper.made(beside=beside, without=without)


def companion(control: Control, own: Task | None, name: str) -> Task | None:
    """Return the task that a name in `train_with` means: never another tenant's, nor the task itself."""
    if own is None:
        return None
    known = [task for task in control.tasks() if task.tenant == own.tenant and not task.left_alone]
    return next((task for task in known if task.task_id != own.task_id and name in task.names), None)


def rows_beside(
    own: Task, *, log: Log, control: Control, policies: Policies, settings: DistillerSettings
) -> int:
    """Return how many rows a task's companions add to its training at most."""
    found = [companion(control, own, name) for name in policies.of(own).finetune.companions]
    return sum(
        min(log.counts(fingerprints).complete, settings.of(policies.of(task)).training.max_rows)
        for task in found
        if task is not None
        and (fingerprints := [f for version in control.versions(task.task_id) for f in version.fingerprints])
    )
