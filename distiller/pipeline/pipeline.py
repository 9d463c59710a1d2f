"""Runs one job through its phases and decides what a failure means. Knows no phase's inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from distiller.pipeline.collect import collect
from distiller.pipeline.errors import FailedError, HopelessError
from distiller.pipeline.judge import announce, evaluate, leave
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.rungs import climbed, ladder, record
from distiller.pipeline.serve import serve, stop_serving
from distiller.pipeline.train import train
from distiller.recipes.climb import Rung, best
from distiller.training.spec import SpecError
from distiller.trainset import DamagedError, ExposedError, LeakageError
from store.errors import StaleEpoch
from store.vocabulary import Job, JobState, Verdict

_log = logging.getLogger(__name__)

Phase = Callable[[Parts, Keeper], Awaitable[None]]
PHASES: dict[str, Phase] = {
    "trainset": collect,
    "train": train,
    "serve": serve,
    "evaluate": evaluate,
    "rollout": announce,
}
_OF_A_RUNG = ("train", "serve", "evaluate")  # come again for each
_MOST_LEASES = 10  # of a job whose process dies each time, so that nothing can be learnt from it
_FINAL = (HopelessError, LeakageError, ExposedError, DamagedError, SpecError)


class Pipeline:
    """Takes a leased job to its end, or as far as it goes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self, job: Job, *, stopping: Callable[[], bool] = lambda: True) -> Job:
        """Run the phases that are left and return the job as it was saved.

        A failure gives the job back for another try until its attempts are spent. Then the rung under way is
        given up for the next one, and where none is left the job is FAILED with the sentence of the failure.
        Cancelling this coroutine stops the child; the job is given back where `stopping()`, else CANCELLED.
        Raises StaleEpoch when a later leader exists.
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
        phase: str | None = keeper.job.phase if keeper.job.phase in PHASES else "trainset"
        while phase is not None:
            keeper.enter(phase)
            _log.info("job %s of %s: %s", keeper.job.job_id, keeper.job.task_id, phase)
            await PHASES[phase](self._parts, keeper)
            phase = self._after(phase, keeper)

    def _after(self, phase: str, keeper: Keeper) -> str | None:
        """Return the next phase: after an evaluation, `train` again while a higher rung is to be tried."""
        if phase == "train" and keeper.result("recipe") is None:
            return "rollout"
        if phase == "evaluate":
            passed = keeper.result("verdict") == Verdict.PASS
            leave(self._parts, keeper)
            return "train" if not passed and _higher(self._parts, keeper) else "rollout"
        names = [*PHASES, None]
        return names[names.index(phase) + 1]

    def _fail(self, keeper: Keeper, sentence: str, *, final: bool) -> None:
        spent = final or keeper.job.attempts >= self._parts.settings.attempts
        _log.warning("job %s, %s: %s", keeper.job.job_id, keeper.job.phase, sentence)
        if spent and self._give_up_rung(keeper, sentence):
            keeper.end(JobState.QUEUED, sentence)
        else:
            keeper.end(JobState.FAILED if spent else JobState.QUEUED, sentence)

    def _give_up_rung(self, keeper: Keeper, sentence: str) -> bool:
        """Leave the rung that failed for good, and tell whether there is something to go on with."""
        recipe = keeper.result("recipe")
        if keeper.job.phase not in _OF_A_RUNG or recipe is None:
            return False
        if (student_id := keeper.result("student_id")) is not None:
            stop_serving(self._parts, student_id)
        higher = _higher(self._parts, keeper)
        if not higher and best(climbed(keeper)) is None:
            return False
        record(keeper, Rung(recipe=recipe, verdict=Verdict.ERROR, why=sentence, student_id=student_id))
        keeper.enter("train" if higher else "rollout")
        return True


def _higher(parts: Parts, keeper: Keeper) -> bool:
    """Tell whether a rung of the ladder is still to be tried; one that does not suit the task is skipped later."""
    done = {rung.recipe for rung in climbed(keeper)} | {keeper.result("recipe")}
    return any(name not in done for name in ladder(parts, keeper))
