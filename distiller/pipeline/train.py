"""The phase `train`: fine-tunes in a child process and publishes the weights. Knows no torch."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from distiller.grouping.words import name_slug
from distiller.pipeline.child import TrainingChild
from distiller.pipeline.collect import KIND as TRAINSETS
from distiller.pipeline.errors import FailedError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.scoring.shape import Shape
from distiller.serving.capabilities import capabilities
from distiller.training.spec import TrainSpec
from distiller.trainset import read_rows
from store.program import read as read_program
from store.vocabulary import Capabilities, Student

KIND = "students"
_SHOWN = ("step", "of", "loss", "tokens_per_s", "eta_s", "peak_mb")


async def train(parts: Parts, keeper: Keeper) -> None:
    """Train, publish, save the student; leaves `student_id`. Goes on where a killed run stopped."""
    folder = parts.jobs / keeper.job.job_id
    if keeper.result("student_id") is None:
        _write_spec(parts, keeper, folder)
        if not _trained(folder):
            await _run_child(parts, keeper, folder)
        sha256 = await asyncio.to_thread(parts.artifacts.sha256, folder / "out")
        student_id = f"{keeper.job.task_id}-{sha256[:12]}"
        keeper.made(student_id=student_id, weights_sha256=sha256)
    await asyncio.to_thread(_publish, parts, keeper, folder)


def _write_spec(parts: Parts, keeper: Keeper, folder: Path) -> None:
    """Write spec.json once: a job keeps the settings that it was begun with."""
    if (folder / "spec.json").is_file():
        return
    student, training = parts.settings.student, parts.settings.training
    TrainSpec(
        trainset=parts.artifacts.folder(TRAINSETS, keeper.result("trainset_id")),
        base=parts.artifacts.folder("base", name_slug(student.base)),
        out=folder / "out",
        base_name=student.base,
        program=read_program(keeper.result("program")),
        task_id=keeper.job.task_id,
        epochs=float(training.epochs),
        lr=training.lr,
        rank=training.rank,
        batch=training.batch,
        max_length=training.max_length,
        device=student.device,
        threads=student.threads,
        seed=training.seed,
    ).save(folder)


def _trained(folder: Path) -> bool:
    return (folder / "result.json").is_file() and (folder / "out" / "student.gguf").is_file()


async def _run_child(parts: Parts, keeper: Keeper, folder: Path) -> None:
    async with aclosing(TrainingChild(parts.training_child, folder).run()) as events:
        async for event in events:
            if event.get("event") == "checkpoint":
                keeper.advanced(int(event.get("step") or 0))
            elif event.get("event") == "progress":
                keeper.tell(doing=event.get("phase"), **{key: event.get(key) for key in _SHOWN})
    if not _trained(folder):
        raise FailedError(f"the training child left no result in {folder}")


def _publish(parts: Parts, keeper: Keeper, folder: Path) -> None:
    """Publish the weights and save the student. Each step may find itself done already."""
    student_id = str(keeper.result("student_id"))
    if parts.control.student(student_id) is not None:
        return
    if not parts.artifacts.folder(KIND, student_id).is_dir():
        parts.artifacts.publish(KIND, student_id, folder / "out")
    result: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    spec = TrainSpec.load(folder)
    student = Student(
        student_id=student_id,
        task_id=keeper.job.task_id,
        task_version=int(keeper.result("task_version")),
        recipe="finetune",
        base=spec.base_name,
        trainset_id=str(keeper.result("trainset_id")),
        created=parts.now(),
        weights=f"{KIND}/{student_id}",
        weights_sha256=str(keeper.result("weights_sha256")),
        program=spec.program,
        capabilities=_capabilities(parts, spec.trainset),
        training=result,
    )
    parts.control.save_student(student, parts.epoch)


def _capabilities(parts: Parts, trainset: Path) -> Capabilities:
    """Return what the student was shown and can therefore do; anything else is the teacher's."""
    card = json.loads((trainset / "card.json").read_text("utf-8"))
    requests = [row["request"] for row in read_rows(trainset / "train.jsonl")]
    return replace(
        capabilities(parts.settings.student.context),
        tools=card["shape"] == Shape.TOOL_CALL,  # the evaluation, on the endpoint, is their check
        multi_turn=any(_turns(request) > 1 for request in requests),
    )


def _turns(request: dict[str, Any]) -> int:
    messages = request.get("messages") or []
    return sum(isinstance(m, dict) and m.get("role") == "user" for m in messages)
