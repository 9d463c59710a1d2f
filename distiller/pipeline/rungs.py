"""What a job keeps of its climb: the rungs it has behind it. Knows no rung's inside."""

from __future__ import annotations

from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.recipes.climb import Rung

_CURRENT = ("recipe", "student_id", "weights_sha256", "evaluation_id", "verdict", "checkpoint")


def climbed(keeper: Keeper) -> tuple[Rung, ...]:
    """Return the rungs that were tried or skipped, in their order."""
    return tuple(Rung.from_json(rung) for rung in keeper.result("rungs") or ())


def ladder(parts: Parts, keeper: Keeper) -> tuple[str, ...]:
    """Return the rungs that the job may try: its task's, or the one whose student another task's job has handed to it."""
    return tuple(keeper.result("ladder") or parts.policy(keeper.job.task_id).ladder)


def record(keeper: Keeper, rung: Rung) -> None:
    """Persist what became of a rung, and that none is under way."""
    done = [r.to_json() for r in climbed(keeper) if r.recipe != rung.recipe]
    keeper.turned(rungs=[*done, rung.to_json()], **dict.fromkeys(_CURRENT))
