"""The phase `train`: takes the next rung of the ladder, has its child make the student, and publishes it. Knows no torch."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from distiller.grouping.words import name_slug
from distiller.pipeline.child import TrainingChild
from distiller.pipeline.collect import KIND as TRAINSETS
from distiller.pipeline.errors import FailedError, HopelessError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.pipeline.rungs import climbed, record
from distiller.recipes import RECIPES, Access, Case, Recipe, following
from distiller.recipes.climb import best
from distiller.scoring.shape import Shape
from distiller.serving.capabilities import capabilities
from distiller.serving.engines import WEIGHTS
from distiller.training.child import TOKEN
from distiller.trainset import read_rows
from store.program import read as read_program
from store.vocabulary import Capabilities, Engine, Program, Student

KIND = "students"
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
        student_id = f"{keeper.job.task_id}-{sha256[:12]}"
        keeper.made(student_id=student_id, weights_sha256=sha256)
    await asyncio.to_thread(_publish, parts, keeper, recipe, folder)


async def _next(parts: Parts, keeper: Keeper) -> Recipe | None:
    """Return the rung under way, or the one to begin, None where none is left.

    Only the looking is done in a thread: the keeper writes from one place, or a renewed lease would write over it.
    """
    if keeper.result("recipe") is not None:
        return RECIPES[keeper.result("recipe")]
    ladder, behind = parts.policy(keeper.job.task_id).ladder, climbed(keeper)

    def unfit(name: str) -> str | None:
        return RECIPES[name].unfit(_case(parts, keeper, RECIPES[name]))

    name, skipped = await asyncio.to_thread(following, ladder, behind, unfit)
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
        base=parts.artifacts.folder("base", name_slug(parts.settings.student.base)),
        folder=_folder(parts, keeper, recipe),
        program=below.program if below else Program(),
        demo_calls=tuple(below.training.get("demo_calls", ())) if below else (),
        background=parts.access is not None,
        access=access,
    )


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


def _publish(parts: Parts, keeper: Keeper, recipe: Recipe, folder: Path) -> None:
    """Publish what was made and save the student. Each step may find itself done already."""
    student_id = str(keeper.result("student_id"))
    if parts.control.student(student_id) is not None:
        return
    if not parts.artifacts.folder(KIND, student_id).is_dir():
        parts.artifacts.publish(KIND, student_id, folder / "out")
    made = parts.artifacts.folder(KIND, student_id)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    program = read_program(json.loads((made / "program.json").read_text("utf-8")))
    trainset = parts.artifacts.folder(TRAINSETS, keeper.result("trainset_id"))
    student = Student(
        student_id=student_id,
        task_id=keeper.job.task_id,
        task_version=int(keeper.result("task_version")),
        recipe=recipe.name,
        base=str(result.get("base") or parts.settings.student.base),
        trainset_id=str(keeper.result("trainset_id")),
        created=parts.now(),
        weights=f"{KIND}/{student_id}",
        weights_sha256=str(keeper.result("weights_sha256")),
        engine=recipe.engine,
        program=program,
        capabilities=_capabilities(parts, trainset, recipe.engine),
        training=result | {"bytes": _bytes(made / WEIGHTS[recipe.engine])},
    )
    parts.control.save_student(_elsewhere(parts, made, student), parts.epoch)


def _elsewhere(parts: Parts, made: Path, student: Student) -> Student:
    """Say of a student that somebody else serves under which name, where and by whose key it is found."""
    service, vllm = parts.settings.service, parts.settings.student.vllm
    if student.engine is Engine.LLAMA and vllm is not None:
        own = (
            made / WEIGHTS[Engine.VLLM]
        ).is_dir()  # weights of its own; else it is the base model with a prompt
        name = f"stillhouse-{student.student_id[:16]}" if own else vllm.model
        return replace(student, engine=Engine.VLLM, model=name)
    if student.engine is not Engine.ENDPOINT or service is None:
        return student
    told = json.loads((made / WEIGHTS[student.engine]).read_text("utf-8"))
    return replace(student, model=told["model"], upstream=told["upstream"], base_url=service.base_url)


def _bytes(weights: Path) -> int:
    """Return the size of what is served."""
    files = [weights] if weights.is_file() else [file for file in weights.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _capabilities(parts: Parts, trainset: Path, engine: Engine) -> Capabilities:
    """Return what the student was shown and can therefore do; anything else is the teacher's."""
    card = json.loads((trainset / "card.json").read_text("utf-8"))
    requests = [row["request"] for row in read_rows(trainset / "train.jsonl")]
    return replace(
        capabilities(engine, parts.settings.student.context),
        tools=card["shape"] == Shape.TOOL_CALL,  # the evaluation, on the endpoint, is their check
        multi_turn=any(_turns(request) > 1 for request in requests),
    )


def _turns(request: dict[str, Any]) -> int:
    messages = request.get("messages") or []
    return sum(isinstance(m, dict) and m.get("role") == "user" for m in messages)
