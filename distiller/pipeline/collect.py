"""The phase `trainset`: freezes what there is to learn. Knows no training."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace

from distiller.pipeline.errors import HopelessError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.survey import Survey, survey
from distiller.settings import DistillerSettings
from distiller.trainset import Frozen, Row, Split, freeze, split
from distiller.trainset.rows import passing
from store.vocabulary import Trainset

KIND = "trainsets"
LEAST_TRAIN = 20


async def collect(parts: Parts, keeper: Keeper) -> None:
    """Freeze and publish a trainset; leaves `trainset_id`, `task_version`, `examples`."""
    seen = await asyncio.to_thread(look, parts, keeper.job.task_id)
    if seen is None:
        raise HopelessError(f"the task {keeper.job.task_id} has no calls to learn from")
    frozen = await asyncio.to_thread(_freeze, parts, keeper, seen)
    trainset = Trainset(
        trainset_id=frozen.trainset_id,
        task_id=keeper.job.task_id,
        task_version=seen.version.version,
        created=parts.now(),
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
    )


def _complete(parts: Parts, task_id: str) -> int:
    """Return what the clock counts: a job that an operator ordered says it too."""
    fingerprints = [f for version in parts.control.versions(task_id) for f in version.fingerprints]
    return parts.log.counts(fingerprints).complete


def wanted_heldout(passed: int, settings: DistillerSettings) -> int:
    """Return how many held-out conversations to aim for among `passed` rows."""
    return min(max(round(settings.heldout * passed), settings.heldout_min), settings.heldout_max)


def _freeze(parts: Parts, keeper: Keeper, seen: Survey) -> Frozen:
    parted = _split(seen, parts.settings)
    learnt = passing(parted.train)
    if learnt < LEAST_TRAIN or not parted.heldout:
        raise HopelessError(
            f"{learnt} passing train rows and {len(parted.heldout)} held-out rows: "
            f"at least {LEAST_TRAIN} and 1 are needed"
        )
    folder = parts.jobs / keeper.job.job_id / "trainset"
    shutil.rmtree(folder, ignore_errors=True)
    frozen = freeze(parted, folder, _card(keeper.job.task_id, seen))
    parts.artifacts.publish(KIND, frozen.trainset_id, folder)
    return frozen


def _split(seen: Survey, settings: DistillerSettings) -> Split:
    rows = seen.screened.rows
    parted = split(rows, heldout=wanted_heldout(passing(rows), settings))
    held = [row for row in parted.heldout if row.passed]
    return replace(
        parted,
        train=parted.train[-settings.training.max_rows :],
        heldout=bounded(held, settings.heldout_max * 2),
    )


def bounded(rows: Sequence[Row], most: int) -> tuple[Row, ...]:
    """Return about `most` rows in log order: the latest of each conversation, then the newest others."""
    latest = {row.unit: row for row in rows}
    others = [row for row in rows if latest[row.unit] is not row]
    room = max(0, most - len(latest))
    kept = [*latest.values(), *others[len(others) - min(room, len(others)) :]]
    return tuple(sorted(kept, key=lambda row: row.seq))


def _card(task_id: str, seen: Survey) -> dict[str, object]:
    return {
        "task_id": task_id,
        "task_version": seen.version.version,
        "metric": seen.metric.name,
        "shape": seen.shape,
        "examples": seen.tally.examples,
        "passing": seen.tally.passing,
        "judged": seen.tally.judged,
        "corrected": sum(row.teacher is not None for row in seen.screened.rows),
        "left_out": seen.screened.left_out,
    }
