"""Keeps one job's row: its lease, its progress, what it has made so far. Knows no phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from store.vocabulary import Job, JobState

if TYPE_CHECKING:
    from store.control import Control

_TELL_S = 1.0  # least time between two writes of mere progress


class Keeper:
    """The only writer of a running job. Every write raises StaleEpoch when a later leader exists."""

    def __init__(
        self, *, control: Control, epoch: int, job: Job, lease_s: float, now: Callable[[], float]
    ) -> None:
        self.job = job
        self._control = control
        self._epoch = epoch
        self._lease_s = lease_s
        self._now = now
        self._told = 0.0

    def result(self, key: str) -> Any:
        """Return what an earlier phase left under `key`, None where it left nothing."""
        return self.job.result.get(key)

    def made(self, **results: Any) -> None:
        """Persist what a phase has made, before what follows from it is done."""
        self._save(result={**self.job.result, **results})

    def turned(self, **results: Any) -> None:
        """Persist results with which something else begins: attempts begin anew."""
        self._save(attempts=1, result={**self.job.result, **results})

    def enter(self, phase: str) -> None:
        """Persist that `phase` is the next thing to do; reaching it is progress, so attempts begin anew."""
        attempts = self.job.attempts if phase == self.job.phase else 1
        self._save(phase=phase, attempts=attempts, progress={"phase": phase}, error=None)

    def advanced(self, mark: int) -> None:
        """Persist a checkpoint further than any before: attempts begin anew."""
        if mark > int(self.job.result.get("checkpoint") or 0):
            self._save(attempts=1, result={**self.job.result, "checkpoint": mark})

    def tell(self, **progress: Any) -> None:
        """Show progress, at most once a second."""
        if self._now() - self._told >= _TELL_S:
            self._told = self._now()
            self._save(progress={"phase": self.job.phase, **progress})

    def end(self, state: JobState, error: str | None = None) -> None:
        """Persist how it ended; QUEUED gives it back for another try."""
        self._save(state=state, error=error, lease_until=0.0)

    async def beat(self) -> None:
        """Renew the lease for ever."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            self._save()

    def _save(self, **changes: Any) -> None:
        now = self._now()
        fresh = {"updated": now, "lease_until": now + self._lease_s}
        job = replace(self.job, **{**fresh, **changes})
        self._control.save_job(job, self._epoch)
        self.job = job
