"""What an operator may order of a running house. Knows no HTTP; decides nothing that the router decides."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from distiller.pipeline import Executor
from distiller.scoring.audit import value_of
from distiller.scoring.rank import GOLD, GOLD_VERSION
from router import steps
from router.opening import refusal
from router.slices.naming import unfit
from router.verbs import VERBS
from stillhouse import backup
from stillhouse.erasure import Erasing, Wish
from stillhouse.errors import Missing, Refused
from stillhouse.lineage.verbs import checked_name
from stillhouse.views import audit, tasks
from stillhouse.views.lineage import why_alone
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.control import Order, TaskOrder
from store.ids import new_id
from store.vocabulary import Job, JobKind, JobState, Rollout, Score, ScoreSource


class ControlDesk:
    """Writes orders and jobs into the control state; the loops of control carry them out."""

    def __init__(self, stores: Stores, epoch: int, executor: Executor, erasing: Erasing) -> None:
        self._stores = stores
        self._executor = executor
        self._erasing = erasing
        self._control = stores.control
        self._epoch = epoch

    def distill(self, task_id: str, *, anyway: bool = False) -> dict[str, Any]:
        """Queue a distillation now. Raises Missing; Refused where something is missing, or one is under way.

        Also Refused while a student is on its way to full share: a newer one would be turned away at the end.
        """
        task = self._control.task(task_id)
        if task is None:
            raise Missing(f"There is no task {task_id!r}.")
        if (why := why_alone(task)) is not None:
            raise Refused(f"The task {task_id!r} {why}.")
        under_way = {JobState.QUEUED, JobState.RUNNING}
        if any(job.state in under_way for job in self._control.jobs(task_id)):
            raise Refused(f"A distillation of {task_id!r} is under way already.")
        if (why := refusal(self._control.rollouts(task_id))) is not None:
            raise Refused(f"{why} `stillhouse rollout abort {task_id}` ends it now.")
        lacking = [check["words"] for check in tasks.checks(self._stores, task) if not check["ok"]]
        if lacking and not anyway:
            raise Refused(f"The task {task_id!r} is not ready: {'; '.join(lacking)}.")
        now = time.time()
        job = Job(job_id=new_id(), kind=JobKind.DISTILL, task_id=task_id, due=now, created=now, updated=now)
        self._control.add_job(job, self._epoch)
        shown: dict[str, Any] = plain(job)
        return shown

    async def cancel(self, job_id: str) -> None:
        """Stop a job for good. Raises Refused where it has ended, or never was."""
        if not await self._executor.cancel(job_id):
            raise Refused(f"No job {job_id!r} is queued or running.")

    def order(self, target: str, verb: str, reason: str, about: str = "") -> dict[str, Any]:
        """Write an order for a rollout, or for the live one of a task; `about` is a slice. Raises Missing or Refused."""
        if verb not in VERBS:
            raise Refused(f"There is no order {verb!r}; there are {', '.join(VERBS)}.")
        if verb in {"force", "waive", "exclude", "include"} and not reason.strip():
            raise Refused(f"The order {verb!r} needs a reason.")
        if (name := about.strip()) and (why := unfit((name,))) is not None:
            raise Refused(f"The slice cannot be meant: {why}.")
        rollout = self._rollout(target)
        order = Order(
            order_id=new_id(),
            rollout_id=rollout.rollout_id,
            verb=verb,
            actor="operator",
            reason=reason.strip(),
            ts=time.time(),
            slice=name,
        )
        self._control.order(order)
        shown: dict[str, Any] = plain(order)
        return shown

    def order_task(
        self,
        verb: str,
        task_id: str,
        *,
        other: str = "",
        versions: tuple[int, ...] = (),
        name: str = "",
        reason: str = "",
    ) -> dict[str, Any]:
        """Write an order about a task; gives the order. Raises Missing or Refused."""
        for named in (task_id, other) if verb == "merge" else (task_id,):
            if self._control.task(named) is None:
                raise Missing(f"There is no task {named!r}.")
        order = TaskOrder(
            order_id=new_id(),
            verb=verb,
            task_id=task_id,
            other=other,
            versions=versions,
            name=checked_name(name) if verb == "rename" or name else "",
            actor="operator",
            reason=reason.strip(),
            ts=time.time(),
        )
        self._control.order_task(order)
        shown: dict[str, Any] = plain(order)
        return shown

    def label(self, task_id: str, target: str, label: str) -> dict[str, Any]:
        """Write down what a person thinks of an answer; gives the score. Raises Missing or Refused."""
        found = audit.targets(self._stores, task_id, target)
        if not found:
            raise Missing(
                f"No complete answer of the task {task_id!r} has the id {target!r}, nor has its call."
            )
        if len(found) > 1:
            ids = ", ".join(one.attempt_id for one in found)
            raise Refused(f"The call {target!r} has several answers; name one: {ids}.")
        try:
            value = value_of(label)
        except ValueError as error:
            raise Refused(str(error)) from error
        score = Score(
            attempt_id=found[0].attempt_id,
            call_id=found[0].call_id,
            name=GOLD,
            version=GOLD_VERSION,
            value=value,
            source=ScoreSource.GOLD,
            ts=time.time(),
        )
        self._stores.log.add_scores([score])
        shown: dict[str, Any] = plain(score)
        return shown

    def stop_students(self) -> None:
        """Make the STOP file."""
        self._stores.folder.stop_file.touch(mode=0o600)

    def resume_students(self) -> None:
        """Take the STOP file away."""
        self._stores.folder.stop_file.unlink(missing_ok=True)

    async def erase(self, wish: Wish) -> dict[str, Any]:
        """Write down that somebody is to be forgotten; gives the erasure. Raises Refused."""
        shown: dict[str, Any] = plain(self._erasing.ask(wish))
        return shown

    async def backup(self, folder: Path) -> dict[str, Any]:
        """Copy the house into a folder; gives its manifest. Raises Refused, also while an erasure is under way."""
        stores = self._stores
        async with self._erasing.none():
            made = await asyncio.to_thread(
                backup.make, stores.folder, stores.log, stores.control, folder, time.time
            )
        return {
            "folder": str(folder),
            "made": made.made,
            "files": len(made.files),
            "bytes": made.bytes,
            "versions": made.versions,
        }

    def _rollout(self, target: str) -> Rollout:
        named = next((r for r in self._control.rollouts() if r.rollout_id == target), None)
        if named is not None:
            return named
        if self._control.task(target) is None:
            raise Missing(f"There is no task and no rollout {target!r}.")
        live = [r for r in self._control.rollouts(target) if r.state not in steps.TERMINAL]
        if not live:
            raise Refused(f"The task {target!r} has no rollout under way.")
        return live[-1]
