"""The phase `trainset`: freezes what there is to learn. Knows no training."""

from __future__ import annotations

import asyncio
import shutil

from distiller.pipeline.errors import HopelessError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.survey import Survey, survey
from distiller.trainset import Frozen, freeze
from distiller.trainset.arrange import Arranged, arrange
from distiller.trainset.cleaner import People
from distiller.trainset.patterns import Level
from distiller.trainset.people import MissingError, Presidio
from distiller.trainset.rows import passing
from store.vocabulary import Trainset

KIND = "trainsets"
LEAST_TRAIN = 20
REACH = 3  # times the rows that are trained on, among which rare kinds are looked for


async def collect(parts: Parts, keeper: Keeper) -> None:
    """Freeze and publish a trainset; leaves `trainset_id`, `task_version`, `examples`."""
    seen = await asyncio.to_thread(look, parts, keeper.job.task_id)
    if seen is None:
        raise HopelessError(f"the task {keeper.job.task_id} has no calls to learn from")
    frozen = await asyncio.to_thread(_freeze, parts, keeper, seen)
    made = {one.trainset_id: one.created for one in parts.control.trainsets(keeper.job.task_id)}
    trainset = Trainset(
        trainset_id=frozen.trainset_id,
        task_id=keeper.job.task_id,
        task_version=seen.version.version,
        created=made.get(frozen.trainset_id, parts.now()),  # the same rows again are the same trainset
        train=frozen.train,
        heldout=frozen.heldout,
        path=f"{KIND}/{frozen.trainset_id}",
        card=frozen.card,
    )
    parts.control.save_trainset(trainset, parts.epoch)
    keeper.made(
        trainset_id=frozen.trainset_id,
        task_version=seen.version.version,
        examples=seen.tally.examples,
        complete=keeper.result("complete") or await asyncio.to_thread(_complete, parts, keeper.job.task_id),
    )


def look(parts: Parts, task_id: str) -> Survey | None:
    """Survey a task with the parts' settings."""
    return survey(
        task_id,
        log=parts.log,
        control=parts.control,
        shapes=parts.shapes,
        policy=parts.policy(task_id),
        settings=parts.settings,
        reach=REACH,
    )


def _complete(parts: Parts, task_id: str) -> int:
    """Return what the clock counts: a job that an operator ordered says it too."""
    fingerprints = [f for version in parts.control.versions(task_id) for f in version.fingerprints]
    return parts.log.counts(fingerprints).complete


def _freeze(parts: Parts, keeper: Keeper, seen: Survey) -> Frozen:
    policy = parts.policy(keeper.job.task_id)
    level = Level(policy.redact)
    arranged = arrange(
        seen.screened.rows, parts.settings.of(policy), level=level, people=_people(parts, level)
    )
    learnt, heldout = passing(arranged.parts.train), len(arranged.parts.heldout)
    if learnt < LEAST_TRAIN or not heldout:
        raise HopelessError(
            f"{learnt} passing train rows and {heldout} held-out rows: "
            f"at least {LEAST_TRAIN} and 1 are needed"
        )
    folder = parts.jobs / keeper.job.job_id / "trainset"
    shutil.rmtree(folder, ignore_errors=True)
    frozen = freeze(arranged.parts, folder, _card(keeper.job.task_id, seen, arranged))
    parts.artifacts.publish(KIND, frozen.trainset_id, folder)
    return frozen


def _people(parts: Parts, level: Level) -> People | None:
    """Return who finds names, where they are to be taken out. Raises HopelessError where there is nobody."""
    if level is not Level.NAMES:
        return None
    try:
        return Presidio(parts.settings.trainset.names_model, parts.settings.trainset.names_language)
    except MissingError as error:
        raise HopelessError(str(error)) from error


def _card(task_id: str, seen: Survey, arranged: Arranged) -> dict[str, object]:
    return {
        **arranged.card,
        "task_id": task_id,
        "task_version": seen.version.version,
        "metric": seen.metric.name,
        "shape": seen.shape,
        "examples": seen.tally.examples,
        "passing": seen.tally.passing,
        "judged": seen.tally.judged,
        "corrected": sum(row.teacher is not None for row in seen.screened.rows),
        "unheard": seen.screened.unheard,
        "left_out": seen.screened.left_out | arranged.left_out,
    }
