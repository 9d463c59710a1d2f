"""Runs one job through its phases and decides what a failure means. Knows no phase's inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from distiller.pipeline.collect import collect
from distiller.pipeline.errors import FailedError, HopelessError
from distiller.pipeline.judge import announce, evaluate
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.serve import serve
from distiller.pipeline.train import train
from distiller.training.spec import SpecError
from distiller.trainset import DamagedError, LeakageError
from store.errors import StaleEpoch
from store.vocabulary import Job, JobState

_log = logging.getLogger(__name__)

Phase = Callable[[Parts, Keeper], Awaitable[None]]
PHASES: dict[str, Phase] = {
    "trainset": collect,
    "train": train,
    "serve": serve,
    "evaluate": evaluate,
    "rollout": announce,
}
_MOST_LEASES = 10  # of a job whose process dies each time, so that nothing can be learnt from it
_FINAL = (HopelessError, LeakageError, DamagedError, SpecError)


class Pipeline:
    """Takes a leased job to its end, or as far as it goes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self, job: Job, *, stopping: Callable[[], bool] = lambda: True) -> Job:
        """Run the phases that are left and return the job as it was saved.

        A failure gives the job back for another try until its attempts are spent: then it is FAILED
        with the sentence of the failure. Cancelling this coroutine stops the child; the job is given
        back where `stopping()`, else CANCELLED. Raises StaleEpoch when a later leader exists.
        """
        parts = self._parts
        keeper = Keeper(
            control=parts.control, epoch=parts.epoch, job=job, lease_s=parts.settings.lease_s, now=parts.now
        )
        (parts.jobs / job.job_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        beating = asyncio.create_task(keeper.beat())
        try:
            await self._phases(keeper)
            keeper.end(JobState.DONE)
        except asyncio.CancelledError:
            keeper.end(JobState.QUEUED if stopping() else JobState.CANCELLED)
            raise
        except StaleEpoch:
            raise
        except _FINAL as error:
            self._fail(keeper, str(error), final=True)
        except FailedError as error:
            self._fail(keeper, str(error), final=False)
        except Exception as error:  # noqa: BLE001 - the top of a job: whatever it was, the loop goes on
            _log.exception("job %s failed", job.job_id)
            self._fail(keeper, f"{keeper.job.phase}: {type(error).__name__}: {error}", final=False)
        finally:
            beating.cancel()
        return keeper.job

    async def _phases(self, keeper: Keeper) -> None:
        if keeper.job.attempts > _MOST_LEASES:
            raise HopelessError(f"given up: begun {keeper.job.attempts} times without getting further")
        names = list(PHASES)
        first = names.index(keeper.job.phase) if keeper.job.phase in names else 0
        for name in names[first:]:
            keeper.enter(name)
            _log.info("job %s of %s: %s", keeper.job.job_id, keeper.job.task_id, name)
            await PHASES[name](self._parts, keeper)

    def _fail(self, keeper: Keeper, sentence: str, *, final: bool) -> None:
        spent = keeper.job.attempts >= self._parts.settings.attempts
        _log.warning("job %s, %s: %s", keeper.job.job_id, keeper.job.phase, sentence)
        keeper.end(JobState.FAILED if final or spent else JobState.QUEUED, sentence)
