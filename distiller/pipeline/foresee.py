"""What a climb over a task's calls will take. Pure, over what a survey has found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean

from distiller.cost.estimate import Estimate, Speed, estimate
from distiller.pipeline.survey import Survey
from distiller.settings import DistillerSettings, TaskPolicy
from distiller.training.adapt import pace
from distiller.trainset.rows import passing
from store.vocabulary import Student

_SAMPLED = 100


def foresee(
    seen: Survey,
    policy: TaskPolicy,
    settings: DistillerSettings,
    students: Sequence[Student] = (),
    beside: int = 0,
) -> Estimate:
    """Return the estimate; `students`: earlier ones, whose training says how fast this machine is.

    `beside`: rows of the tasks that are trained with it.
    """
    rows = seen.screened.rows[-_SAMPLED:]
    characters = (
        fmean(len(json.dumps(row.request["messages"])) + len(json.dumps(row.completion)) for row in rows)
        if rows
        else 0.0
    )
    passed = passing(seen.screened.rows)
    held = min(max(round(settings.heldout * passed), settings.heldout_min), settings.heldout_max, passed // 2)
    own = settings.of(policy).training
    rows_learnt = min(passed - held, own.max_rows) + beside
    return estimate(
        policy.ladder,
        rows=rows_learnt,
        heldout=held,
        characters=characters,
        epochs=pace(rows_learnt, epochs=own.epochs, batch=own.batch, lr=own.lr).epochs,
        speed=speed(students),
        usd_per_hour=settings.student.usd_per_hour,
        optimizer_usd=policy.optimizer_usd,
        taught=policy.finetune.live,
    )


def speed(students: Sequence[Student]) -> Speed:
    """Return how fast this machine trained the latest student that it trained."""
    told = [s.training.get("tokens_per_s") for s in sorted(students, key=lambda s: s.created)]
    known = [value for value in told if value]
    return Speed(train_tokens_s=float(known[-1])) if known else Speed()
