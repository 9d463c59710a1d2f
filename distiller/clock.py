"""Looks at the tasks on a schedule and queues those that are ready. Knows no phase of a distillation.

APScheduler only ticks, in memory; what is to be done stands in the table of jobs and survives it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from distiller.cost.estimate import too_dear
from distiller.due import FAILED_LIVE, Facts, held_for_drift, why_not
from distiller.pipeline.companions import rows_beside
from distiller.pipeline.foresee import foresee
from distiller.pipeline.survey import RECENT, current, survey
from distiller.readiness import check, missing
from distiller.settings import DistillerSettings, Policies, SettingsError
from store.errors import StaleEpoch
from store.ids import new_id
from store.vocabulary import Job, JobKind, JobState, State, Task, TaskVersion

if TYPE_CHECKING:
    from distiller.scoring.shapes import Shapes
    from store.control import Control
    from store.log import Log

_log = logging.getLogger(__name__)

TICK = "distill"  # fixed id: a second start replaces, it does not add
_GRACE_S = 300
_OPEN = (JobState.QUEUED, JobState.RUNNING)


class Clock:
    """Ticks in the control process. `tick` may also be called by hand; it may take seconds."""

    def __init__(
        self,
        *,
        log: Log,
        control: Control,
        epoch: int,
        shapes: Shapes,
        policies: Policies | None = None,
        settings: DistillerSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._control = control
        self._epoch = epoch
        self._shapes = shapes
        self._policies = policies or Policies()
        self._settings = settings or DistillerSettings()
        self._now = now
        self._scheduler: AsyncIOScheduler | None = None

    def start(self) -> None:
        """Begin to tick, in the running loop's worker threads. Raises SettingsError for a bad schedule."""
        scheduler = AsyncIOScheduler()
        scheduler.add_job(
            self.tick,
            self._trigger(),
            id=TICK,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=_GRACE_S,
            replace_existing=True,
        )
        scheduler.start()
        self._scheduler = scheduler

    def stop(self) -> None:
        """Tick no more."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def tick(self) -> list[Job]:
        """Queue every task that is ready; return the new jobs. One bad task does not hold up the others."""
        queued: list[Job] = []
        for task in self._control.tasks():
            try:
                job = self._queue(task) if self._ready(task) else None
            except StaleEpoch:
                raise
            except Exception:  # noqa: BLE001 - the top of a loop
                _log.exception("task %s could not be looked at", task.task_id)
                continue
            queued += [job] if job is not None else []
        return queued

    def order(self, task_id: str) -> Job | None:
        """Queue a task on request, ready or not; None where it is queued or running already."""
        task = self._control.task(task_id)
        if task is None or any(j.state in _OPEN for j in self._control.jobs(task_id)):
            return None
        return self._queue(task)

    def _ready(self, task: Task) -> bool:
        why = why_not(self._facts(task), self._settings) or self._unmet(task)
        _log.debug("task %s: %s", task.task_id, why or "ready")
        return not why

    def _facts(self, task: Task) -> Facts:
        versions = self._control.versions(task.task_id)
        fingerprints = [f for v in versions for f in v.fingerprints]
        jobs = self._control.jobs(task.task_id)
        version = self._current(versions, fingerprints)
        tried = [
            int(j.result["complete"])
            for j in jobs
            if "complete" in j.result and j.result.get("task_version", version) == version
        ]
        live = [r for r in self._control.rollouts(task.task_id, live=True) if r.task_version == version]
        drifted = [r for r in live if held_for_drift(r)]
        since = max((j.created for j in jobs), default=0.0)
        return Facts(
            left_alone=task.left_alone,
            mode=task.mode,
            open_job=any(j.state in _OPEN for j in jobs),
            live_rollout=len(live) > len(drifted),
            complete=self._log.counts(fingerprints).complete,
            seen=max(tried, default=None),
            drifted=any(r.entered > since for r in drifted),
            failed_live=self._failed_live(task.task_id),
            age_s=self._now() - max((j.created for j in jobs), default=self._now()),
        )

    def _current(self, versions: list[TaskVersion], fingerprints: list[str]) -> int | None:
        """Return which version the calls of now belong to: a student of another answers none of them."""
        if len(versions) < 2:  # noqa: PLR2004 - there is nothing to tell apart
            return versions[0].version if versions else None
        found = current(versions, self._log.exchanges(fingerprints, limit=RECENT))
        return found.version if found else None

    def _failed_live(self, task_id: str) -> bool:
        last = next(reversed(self._control.transitions(task_id)), None)
        if last is None or last.target != State.ROLLED_BACK:
            return False
        causes = {t.cause for t in self._control.transitions(rollout_id=last.rollout_id)}
        return bool(causes & FAILED_LIVE)

    def _unmet(self, task: Task) -> str:
        policy = self._policies.of(task)
        seen = survey(
            task.task_id,
            log=self._log,
            control=self._control,
            shapes=self._shapes,
            policy=policy,
            settings=self._settings,
        )
        if seen is None:
            return "no calls"
        fingerprints = [f for v in self._control.versions(task.task_id) for f in v.fingerprints]
        unmet = missing(check(self._log.counts(fingerprints), policy, self._settings, seen.tally))
        if unmet:
            return unmet
        students = self._control.students(task.task_id)
        beside = rows_beside(
            task,
            log=self._log,
            control=self._control,
            policies=self._policies,
            settings=self._settings,
        )
        told = foresee(seen, policy, self._settings, students, beside)
        return too_dear(told, self._settings.max_usd) or ""

    def _queue(self, task: Task) -> Job | None:
        now = self._now()
        complete = self._facts(task).complete
        job = Job(
            job_id=new_id(),
            kind=JobKind.DISTILL,
            task_id=task.task_id,
            due=now,
            result={"complete": complete},
            created=now,
            updated=now,
        )
        return job if self._control.add_job(job, self._epoch) else None

    def _trigger(self) -> CronTrigger | IntervalTrigger:
        if self._settings.tick_s is not None:
            return IntervalTrigger(seconds=self._settings.tick_s)
        try:
            return CronTrigger.from_crontab(self._settings.schedule)
        except ValueError as error:
            raise SettingsError(
                f"distiller.schedule is {self._settings.schedule!r}, which is no crontab: {error}."
            ) from error
