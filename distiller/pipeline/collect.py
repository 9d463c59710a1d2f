"""The phase `trainset`: freezes what there is to learn. Knows no training."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

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
    """Freeze and publish the job's trainset; leaves what `learnable` gives, and what the clock counts."""
    task_id = keeper.job.task_id
    found = await learnable(parts, task_id, parts.jobs / keeper.job.job_id / "trainset")
    keeper.made(
        **found, complete=keeper.result("complete") or await asyncio.to_thread(complete, parts, task_id)
    )


async def learnable(parts: Parts, task_id: str, folder: Path) -> dict[str, Any]:
    """Freeze what a task has to learn and publish it; give `trainset_id`, `task_version`, `examples`.

    `folder` is made anew on the way. Raises HopelessError where there is too little, and what `freeze` raises.
    """
    seen = await asyncio.to_thread(look, parts, task_id)
    if seen is None:
        raise HopelessError(f"the task {task_id} has no calls to learn from")
    frozen = await asyncio.to_thread(_freeze, parts, task_id, folder, seen)
    made = {one.trainset_id: one.created for one in parts.control.trainsets(task_id)}
    trainset = Trainset(
        trainset_id=frozen.trainset_id,
        task_id=task_id,
        task_version=seen.version.version,
        created=made.get(frozen.trainset_id, parts.now()),  # the same rows again are the same trainset
        train=frozen.train,
        heldout=frozen.heldout,
        path=f"{KIND}/{frozen.trainset_id}",
        card=frozen.card,
    )
    parts.control.save_trainset(trainset, parts.epoch)
    return {
        "trainset_id": frozen.trainset_id,
        "task_version": seen.version.version,
        "examples": seen.tally.examples,
    }


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


def complete(parts: Parts, task_id: str) -> int:
    """Return what the clock counts: a job that an operator ordered says it too."""
    fingerprints = [f for version in parts.control.versions(task_id) for f in version.fingerprints]
    return parts.log.counts(fingerprints).complete


def _freeze(parts: Parts, task_id: str, folder: Path, seen: Survey) -> Frozen:
    policy = parts.policy(task_id)
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
    shutil.rmtree(folder, ignore_errors=True)
    frozen = freeze(arranged.parts, folder, _card(task_id, seen, arranged))
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
