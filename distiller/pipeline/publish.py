"""Publishes what a rung's child has made, and saves the student that it is. Knows no child."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distiller.pipeline.collect import KIND as TRAINSETS
from distiller.pipeline.handing import hand_on
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.recipes import Recipe
from distiller.scoring.shape import Shape
from distiller.serving.capabilities import capabilities
from distiller.serving.engines import WEIGHTS
from distiller.trainset import read_rows
from store import room
from store.program import read as read_program
from store.program import rewrite
from store.vocabulary import Capabilities, Engine, Program, Student

KIND = "students"


def student_id(task_id: str, sha256: str) -> str:
    """Return the id of a task's student by the hash of what was made."""
    return f"{task_id}-{sha256[:12]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """What a rung has made, once for all tasks whose rows it learnt."""

    recipe: Recipe
    weights: str  # folder below artifacts/
    sha256: str
    result: dict[str, Any]  # the child's own
    frozen: dict[str, dict[str, Any]]  # by task: `trainset_id`, `task_version`


def publish(parts: Parts, keeper: Keeper, recipe: Recipe, folder: Path) -> None:
    """Publish what was made; save the student, after those of the tasks that were trained with it.

    Each step may find itself done already.
    """
    own, job = str(keeper.result("student_id")), keeper.job
    if parts.control.student(own) is not None:
        return
    if not parts.artifacts.folder(KIND, own).is_dir():
        parts.artifacts.publish(KIND, own, folder / "out")
    companions = keeper.result("beside") or {} if recipe.together else {}
    made = _Made(
        recipe=recipe,
        weights=f"{KIND}/{own}",
        sha256=str(keeper.result("weights_sha256")),
        result=json.loads((folder / "result.json").read_text("utf-8")),
        frozen={job.task_id: job.result, **companions},
    )
    if companions:
        hand_on(parts, keeper, lambda task_id: _student(parts, made, task_id))
    parts.control.save_student(_student(parts, made, job.task_id), parts.epoch)


def _student(parts: Parts, made: _Made, task_id: str) -> Student:
    """Return what was made as the student of one task."""
    folder, engine = parts.artifacts.at(made.weights), made.recipe.engine
    trainset_id = str(made.frozen[task_id]["trainset_id"])
    beside = [one["trainset_id"] for other, one in made.frozen.items() if other != task_id]
    told = {"bytes": _bytes(folder / WEIGHTS[engine]), **({"beside": beside} if beside else {})}
    program = read_program(json.loads((folder / "program.json").read_text("utf-8")))
    student = Student(
        student_id=student_id(task_id, made.sha256),
        task_id=task_id,
        task_version=int(made.frozen[task_id]["task_version"]),
        recipe=made.recipe.name,
        base=str(made.result.get("base") or parts.settings.student.base),
        trainset_id=trainset_id,
        created=parts.now(),
        weights=made.weights,
        weights_sha256=made.sha256,
        engine=engine,
        program=program,
        capabilities=_capabilities(parts, parts.artifacts.folder(TRAINSETS, trainset_id), engine, program),
        training=made.result | told,
    )
    return _elsewhere(parts, folder, student)


def _elsewhere(parts: Parts, made: Path, student: Student) -> Student:
    """Say of a student that somebody else serves under which name, where and by whose key it is found."""
    service, vllm = parts.settings.service, parts.settings.student.vllm
    if student.engine is Engine.LLAMA and vllm is not None:
        own = (
            made / WEIGHTS[Engine.VLLM]
        ).is_dir()  # weights of its own; else it is the base model with a prompt
        name = f"stillhouse-{student.student_id}" if own else vllm.model
        return replace(student, engine=Engine.VLLM, model=name)
    if student.engine is not Engine.ENDPOINT or service is None:
        return student
    told = json.loads((made / WEIGHTS[student.engine]).read_text("utf-8"))
    return replace(student, model=told["model"], upstream=told["upstream"], base_url=service.base_url)


def _bytes(weights: Path) -> int:
    """Return the size of what is served."""
    files = [weights] if weights.is_file() else [file for file in weights.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _capabilities(parts: Parts, trainset: Path, engine: Engine, program: Program) -> Capabilities:
    """Return what the student was shown and can therefore do; anything else is the teacher's."""
    card = json.loads((trainset / "card.json").read_text("utf-8"))
    requests = [row["request"] for row in read_rows(trainset / "train.jsonl")]
    longest = _longest(requests, program) if engine is Engine.CLASSIFIER else parts.settings.student.context
    return replace(
        capabilities(longest),
        tools=card["shape"] == Shape.TOOL_CALL,  # the evaluation, on the endpoint, is their check
        multi_turn=any(_turns(request) > 1 for request in requests),
    )


def _longest(requests: Sequence[dict[str, Any]], program: Program) -> int:
    """Return the tokens of a quarter more than the longest request: what a classifier read of others nobody has compared."""
    shown = [asked for request in requests if (asked := rewrite(request, program)) is not None]
    prompts = max((room.prompt(asked["messages"]) for asked in shown), default=0)
    return prompts * 5 // 4 + max(map(room.answer, shown), default=0)


def _turns(request: dict[str, Any]) -> int:
    messages = request.get("messages") or []
    return sum(isinstance(m, dict) and m.get("role") == "user" for m in messages)
