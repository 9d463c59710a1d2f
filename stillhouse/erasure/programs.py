"""Of the phase `artifacts`: programs of students that repeat what the subject said. Knows no trainset.

A child notes of which calls a program repeats words, or may: those of its examples, and those that a model was
shown which rewrote its instructions (`demo_calls`, `docs/child-protocol.md`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from stillhouse.erasure.scene import Scene, rewrite
from store.control import Order
from store.ids import new_id
from store.vocabulary import Program, State

NOTED = "demo_calls"
_STUDENTS, _PROGRAM = "students", "program.json"
_PLAIN = json.dumps(asdict(Program())).encode()
_WHY = "its examples or instructions repeat what was asked to be erased"


def repeating(scene: Scene, calls: frozenset[str]) -> set[str]:
    """Return the students whose program repeats words of these calls."""
    return {s.student_id for s in scene.control.students() if not calls.isdisjoint(s.training.get(NOTED, ()))}


def retire(scene: Scene, students: Collection[str]) -> None:
    """Let the teacher answer in place of these students, and take their programs away. May be repeated.

    The controller ends their rollouts; until it does, their routes have no share.
    """
    asked = {order.rollout_id for order in scene.control.orders() if order.verb == "abort"}
    for rollout in scene.control.rollouts(live=True):
        over = rollout.state is State.ROLLING_BACK or rollout.rollout_id in asked
        if rollout.student_id in students and not over:
            scene.control.order(
                Order(
                    order_id=new_id(),
                    rollout_id=rollout.rollout_id,
                    verb="abort",
                    actor="erasure",
                    reason=_WHY,
                    ts=scene.now(),
                )
            )
    for student in scene.control.students():
        if student.student_id in students:
            told = {key: value for key, value in student.training.items() if key not in {NOTED, "spec"}}
            scene.control.save_student(replace(student, program=Program(), training=told), scene.epoch)
            if (scene.artifacts.folder(_STUDENTS, student.student_id) / _PROGRAM).is_file():
                scene.artifacts.rewrite(_STUDENTS, student.student_id, {_PROGRAM: _PLAIN})
    for route in scene.control.routes():
        if route.student_id in students:
            off = replace(route, share=0.0, shadow=0.0, reverse_shadow=0.0, program=Program())
            scene.control.save_route(off, scene.epoch)


def clear(scene: Scene, calls: frozenset[str], trainsets: Collection[str]) -> None:
    """Take these calls out of what the rungs of jobs were told and have made. No job may run meanwhile."""
    for folder in scene.folder.jobs.glob("*/*/"):
        _clear(folder, calls, trainsets)


def _clear(folder: Path, calls: frozenset[str], trainsets: Collection[str]) -> None:
    spec, result, made = folder / "spec.json", folder / "result.json", folder / "out" / _PROGRAM
    told, found = _object(spec), _object(result)
    for partial in (*folder.glob("*.part"), *folder.glob("out/*.part")):
        partial.unlink()  # left by a writer that was killed
    if not found:
        made.unlink(missing_ok=True)  # nothing says of which calls it is; the child makes it again
    learnt = told.get("train", {}).get("trainset", "")
    log = folder / "log.txt"
    if "way" in told and Path(learnt).name in trainsets and log.exists():
        rewrite(log, b"")  # it quotes each rewriting, also those that were not taken
    if not calls.isdisjoint(told.get(NOTED, ())):
        plain = {**told["train"], "program": asdict(Program())}
        rewrite(spec, json.dumps({**told, "train": plain, NOTED: []}, indent=1).encode())
    if not calls.isdisjoint(found.get(NOTED, ())):
        kept = {key: value for key, value in found.items() if key not in {NOTED, "spec"}}
        rewrite(result, json.dumps(kept, indent=1).encode())
        if made.is_file():
            rewrite(made, _PLAIN)


def _object(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}
