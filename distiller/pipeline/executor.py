"""Leases due jobs and runs them, one at a time. Knows no phase."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

from distiller.hours import hours, quiet
from distiller.pipeline.parts import Parts
from distiller.pipeline.pipeline import Pipeline
from distiller.pipeline.serve import tidy
from distiller.training.files import CANCELLED
from store.vocabulary import Job, JobKind, JobState

_POLL_S = 0.5
_LOOK_S = 15.0  # between two looks at the hour while a job runs


class Executor:
    """The job loop of the control process: a distillation takes all the cores that are to spare."""

    def __init__(self, pipeline: Pipeline, parts: Parts, *, poll_s: float = _POLL_S) -> None:
        self._pipeline = pipeline
        self._parts = parts
        self._poll_s = poll_s
        self._hours = hours(parts.settings.quiet_hours)
        self._job: Job | None = None
        self._running: asyncio.Task[Job] | None = None
        self._cancelled: str | None = None
        self._turn = asyncio.Lock()  # guards: no job is begun while somebody keeps this still

    async def run(self) -> None:
        """Work for ever; cancel it to stop. Raises StaleEpoch when a later leader exists."""
        while True:
            if not await self.step():
                await asyncio.sleep(self._poll_s)

    async def step(self) -> bool:
        """Run the job that is due longest, if there is one, and tidy up; return whether there was one."""
        parts = self._parts
        async with self._turn:
            job = None if self._quiet() else self._lease()
            if job is not None:
                await self._do(job)
        tidy(parts, frozenset(self._unfinished_students()))
        return job is not None

    async def cancel(self, job_id: str) -> bool:
        """Stop a job for good; False where it is not queued and not running."""
        if self._job is not None and self._job.job_id == job_id and self._running is not None:
            self._cancelled = job_id
            (self._parts.jobs / job_id / CANCELLED).touch()  # what goes on elsewhere is ended, too
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._running])
            return True
        return self._cancel_queued(job_id)

    @contextlib.asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Give back the job under way, its child stopped, and begin none until this ends.

        Whoever changes what jobs read does it here: the job goes on from where its files allow.
        """
        if self._running is not None:
            self._running.cancel()
        async with self._turn:
            yield

    async def _do(self, job: Job) -> None:
        self._job = job
        stopping = lambda: self._cancelled != job.job_id  # noqa: E731
        self._running = asyncio.create_task(self._pipeline.run(job, stopping=stopping))
        try:
            while not (await asyncio.wait([self._running], timeout=_LOOK_S))[0]:
                if self._quiet():
                    self._running.cancel()  # given back: it goes on from its checkpoint
        except asyncio.CancelledError:
            self._running.cancel()
            await asyncio.wait([self._running])
            raise
        finally:
            running, self._running, self._job = self._running, None, None
        if not running.cancelled():
            running.result()  # raises StaleEpoch here, at the top of the loop

    def _quiet(self) -> bool:
        local = datetime.fromtimestamp(self._parts.now(), UTC).astimezone()
        return quiet(local, self._hours)

    def _lease(self) -> Job | None:
        parts = self._parts
        return parts.control.lease(JobKind.DISTILL, parts.now(), parts.settings.lease_s, parts.epoch)

    def _cancel_queued(self, job_id: str) -> bool:
        job = next((j for j in self._parts.control.jobs() if j.job_id == job_id), None)
        if job is None or job.state is not JobState.QUEUED:
            return False
        gone = replace(job, state=JobState.CANCELLED, updated=self._parts.now())
        self._parts.control.save_job(gone, self._parts.epoch)
        return True

    def _unfinished_students(self) -> list[str]:
        open_states = (JobState.QUEUED, JobState.RUNNING)
        jobs = [j for j in self._parts.control.jobs() if j.state in open_states]
        return [str(j.result["student_id"]) for j in jobs if j.result.get("student_id")]
