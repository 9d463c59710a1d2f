"""The phase `train`: takes the next rung of the ladder, has its child make the student, and publishes it. Knows no torch."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, nullcontext
from pathlib import Path

from distiller.grouping.words import name_slug
from distiller.pipeline.child import TrainingChild
from distiller.pipeline.collect import KIND as TRAINSETS
from distiller.pipeline.companions import gather
from distiller.pipeline.errors import FailedError, HopelessError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.publish import publish, student_id
from distiller.pipeline.rungs import climbed, ladder, record
from distiller.recipes import RECIPES, Access, Case, Recipe, following
from distiller.recipes.climb import best
from distiller.scoring.shape import Shape
from distiller.serving.engines import WEIGHTS
from distiller.training.child import TOKEN
from store.vocabulary import Program, Student

_SHOWN = ("step", "of", "loss", "tokens_per_s", "eta_s", "peak_mb")


async def train(parts: Parts, keeper: Keeper) -> None:
    """Make the student of the next rung; leaves `recipe`, `student_id`. Goes on where a killed run stopped.

    Where no rung is left that suits the task it leaves neither. Raises HopelessError where none has ever made one.
    """
    recipe = await _next(parts, keeper)
    if recipe is None:
        return
    folder = _folder(parts, keeper, recipe)
    if keeper.result("student_id") is None:
        if not _made(folder, recipe):
            await _make(parts, keeper, recipe, folder)
        sha256 = await asyncio.to_thread(parts.artifacts.sha256, folder / "out")
        keeper.made(student_id=student_id(keeper.job.task_id, sha256), weights_sha256=sha256)
    await asyncio.to_thread(publish, parts, keeper, recipe, folder)


async def _next(parts: Parts, keeper: Keeper) -> Recipe | None:
    """Return the rung under way, or the one to begin, None where none is left.

    Only the looking is done in a thread: the keeper writes from one place, or a renewed lease would write over it.
    """
    if keeper.result("recipe") is not None:
        return RECIPES[keeper.result("recipe")]
    names, behind = ladder(parts, keeper), climbed(keeper)

    def unfit(name: str) -> str | None:
        return RECIPES[name].unfit(_case(parts, keeper, RECIPES[name]))

    name, skipped = await asyncio.to_thread(following, names, behind, unfit)
    for rung in skipped:
        record(keeper, rung)
    if name is not None:
        keeper.made(recipe=name)
        return RECIPES[name]
    if best(climbed(keeper)) is None:
        told = "; ".join(f"{rung.recipe}: {rung.why}" for rung in climbed(keeper))
        raise HopelessError(f"no rung of the ladder can make a student ({told})")
    return None


def _case(parts: Parts, keeper: Keeper, recipe: Recipe, access: Access | None = None) -> Case:
    task_id = keeper.job.task_id
    trainset = parts.artifacts.folder(TRAINSETS, keeper.result("trainset_id"))
    below = _rewriting(parts, keeper)
    return Case(
        task_id=task_id,
        shape=Shape(json.loads((trainset / "card.json").read_text("utf-8"))["shape"]),
        metric=parts.shapes.metric(task_id),
        policy=parts.policy(task_id),
        settings=parts.settings.of(parts.policy(task_id)),
        trainset=trainset,
        beside=_beside(parts, keeper) if recipe.together else (),
        base=parts.artifacts.folder("base", name_slug(parts.settings.student.base)),
        folder=_folder(parts, keeper, recipe),
        program=below.program if below else Program(),
        demo_calls=tuple(below.training.get("demo_calls", ())) if below else (),
        background=parts.access is not None,
        access=access,
    )


def _beside(parts: Parts, keeper: Keeper) -> tuple[Path, ...]:
    companions = (keeper.result("beside") or {}).values()
    return tuple(parts.artifacts.folder(TRAINSETS, one["trainset_id"]) for one in companions)


def _rewriting(parts: Parts, keeper: Keeper) -> Student | None:
    """Return the student of the best rung so far that does not leave the instructions out."""
    made = [rung for rung in climbed(keeper) if rung.student_id and rung.lower is not None]
    for rung in sorted(made, key=lambda rung: -(rung.lower or 0.0)):
        student = parts.control.student(str(rung.student_id))
        if student is not None and not student.program.silent:
            return student
    return None


def _folder(parts: Parts, keeper: Keeper, recipe: Recipe) -> Path:
    return parts.jobs / keeper.job.job_id / recipe.name


def _made(folder: Path, recipe: Recipe) -> bool:
    return (folder / "result.json").is_file() and (folder / "out" / WEIGHTS[recipe.engine]).exists()


async def _make(parts: Parts, keeper: Keeper, recipe: Recipe, folder: Path) -> None:
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    budget = parts.policy(keeper.job.task_id).optimizer_usd
    with parts.access(keeper.job.job_id, budget) if parts.access else nullcontext() as access:
        if not (folder / "spec.json").is_file():
            if recipe.together:
                await gather(parts, keeper)
            await asyncio.to_thread(recipe.write, _case(parts, keeper, recipe, access))
        own = {TOKEN: access.token} if access else {}
        child = TrainingChild(parts.child(recipe.child), folder, own)
        async with aclosing(child.run()) as events:
            async for event in events:
                if event.get("event") == "checkpoint":
                    keeper.advanced(int(event.get("step") or 0))
                elif event.get("event") == "progress":
                    shown = {key: event.get(key) for key in _SHOWN}
                    keeper.tell(recipe=recipe.name, doing=event.get("phase"), **shown)
    if not _made(folder, recipe):
        raise FailedError(f"the child of the rung {recipe.name} left no result in {folder}")
