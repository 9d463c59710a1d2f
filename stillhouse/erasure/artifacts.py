"""The phase `artifacts`: takes the subject's rows out of what was made from the log. Knows no training.

Who learnt from a row is written down before the row goes: a repeated run would not find it any more.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from distiller.trainset.erase import Remains, Row, without, written
from stillhouse.erasure import programs
from stillhouse.erasure import ticket as tickets
from stillhouse.erasure.retrain import follow
from stillhouse.erasure.scene import Scene, rewrite
from stillhouse.erasure.ticket import Ticket
from stillhouse.sweep.forms import forms
from store.control import Erasure
from store.vocabulary import JobState, Trainset

NAME = "artifacts"
TRAINSETS, STUDENTS = "trainsets", "students"
_OUTPUTS = "heldout_outputs.jsonl"
_KEYS = {"user": "user", "conversation": "unit", "call": "call_id"}  # of a row, by the subject's kind
_OPEN = frozenset({JobState.QUEUED, JobState.RUNNING})


def take(scene: Scene, erasure: Erasure, ticket: Ticket) -> tuple[Erasure, Ticket]:
    """Take the rows away; return erasure and ticket as they were persisted. No job may run meanwhile."""
    for kind in (TRAINSETS, STUDENTS):
        scene.artifacts.sweep(kind)
    remains = _remains(scene, ticket)
    ticket = _knowing(ticket, [row for left in remains.values() for row in left.gone])
    tickets.save(scene.folder, ticket)
    calls = frozenset((*ticket.calls, *ticket.quoting, *((ticket.value,) if ticket.kind == "call" else ())))
    erasure = scene.report(erasure, NAME, _told(scene, erasure.report.get(NAME, {}), remains, calls))
    for trainset_id, left in remains.items():
        scene.artifacts.rewrite(TRAINSETS, trainset_id, left.files)
    _tell_control(scene)
    told = erasure.report[NAME]
    programs.retire(scene, told["students_ended"])
    programs.clear(scene, calls, told["trainsets"].keys())
    queued = follow(scene, erasure.asked, told["students_trained"], told["jobs_trained"])
    erasure = scene.report(erasure, NAME, {**told, "retrained": sorted({*told["retrained"], *queued})})
    _clear_outputs(scene, calls)
    _clear_jobs(scene, ticket, calls)
    return erasure, ticket


def _knowing(ticket: Ticket, gone: list[Row]) -> Ticket:
    """Note the calls of rows that go: also those that only a trainset still knew."""
    own = {
        *ticket.calls,
        *(row["call_id"] for row in gone if row[_KEYS[ticket.kind]] in written(ticket.value)),
    }
    others = {*ticket.quoting, *(row["call_id"] for row in gone)} - own
    return replace(ticket, calls=tuple(sorted(own)), quoting=tuple(sorted(others)))


def _trainsets(scene: Scene) -> Iterator[tuple[Trainset, Path]]:
    for task in scene.control.tasks():
        for trainset in scene.control.trainsets(task.task_id):
            folder = scene.artifacts.folder(TRAINSETS, trainset.trainset_id)
            if folder.is_dir():
                yield trainset, folder


def _remains(scene: Scene, ticket: Ticket) -> dict[str, Remains]:
    found = {}
    user = ticket.value if ticket.kind == "user" else None
    tenants = {task.task_id: task.tenant for task in scene.control.tasks()}
    known = {trainset.trainset_id: tenants[trainset.task_id] for trainset, _ in _trainsets(scene)}
    parent = scene.folder.artifacts / TRAINSETS
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        tenant = known.get(folder.name)  # None: published, and its job was killed before it said so
        theirs = ticket.tenant in {None, tenant}
        left = without(folder, _goes(ticket, by_name=theirs), user if theirs else None)
        if left.touched:
            found[folder.name] = left
    return found


def _goes(ticket: Ticket, *, by_name: bool) -> Callable[[Row], bool]:
    """Return whether a row is the subject's: by its call, by one that it goes on from, or by name where the log forgot it."""
    calls = frozenset(ticket.calls)
    key, names = _KEYS[ticket.kind], written(ticket.value)

    def goes(row: Row) -> bool:
        mine = row["call_id"] in calls or not calls.isdisjoint(row.get("before", ()))
        return mine or (by_name and row[key] in names)

    return goes


def _told(
    scene: Scene, earlier: dict[str, Any], remains: dict[str, Remains], calls: frozenset[str]
) -> dict[str, Any]:
    """Add what was found to what an earlier run of this phase had found."""
    rows: dict[str, dict[str, int]] = dict(earlier.get("trainsets", {}))
    for trainset_id, left in remains.items():
        before = rows.get(trainset_id, {"train": 0, "heldout": 0})
        rows[trainset_id] = {
            "train": max(before["train"], left.train),
            "heldout": max(before["heldout"], left.heldout),
        }
    learnt = {trainset_id for trainset_id, counts in rows.items() if counts["train"]}
    students = scene.control.students()
    jobs = {
        job.job_id
        for job in scene.control.jobs()
        if job.state in _OPEN
        and not learnt.isdisjoint(job.trainsets)
        and any((scene.folder.jobs / job.job_id).glob("*/result.json"))
    }
    ended = {*programs.repeating(scene, calls), *earlier.get("students_ended", ())}
    trained = ended | {one.student_id for one in students if not learnt.isdisjoint(one.trainsets)}
    tested = {one.student_id for one in students if one.trainset_id in rows} - trained
    return {
        "trainsets": rows,
        "students_trained": sorted(trained),
        "students_tested": sorted(tested),
        "students_ended": sorted(ended),
        "retrained": earlier.get("retrained", []),
        "jobs_trained": sorted({*jobs, *earlier.get("jobs_trained", ())}),
    }


def _tell_control(scene: Scene) -> None:
    """Let the control state say of each trainset what its card says."""
    for trainset, folder in _trainsets(scene):
        card = json.loads((folder / "card.json").read_text("utf-8"))
        if card != trainset.card:
            now = replace(trainset, card=card, train=card["train"], heldout=card["heldout"])
            scene.control.save_trainset(now, scene.epoch)


def _clear_outputs(scene: Scene, calls: frozenset[str]) -> None:
    """Take out what students answered to these calls in training."""
    parent = scene.folder.artifacts / STUDENTS
    for path in parent.glob(f"*/{_OUTPUTS}"):
        if (left := _lines_left(path, calls)) is not None:
            scene.artifacts.rewrite(STUDENTS, path.parent.name, {_OUTPUTS: left})
    for path in scene.folder.jobs.glob(f"*/*/out/{_OUTPUTS}"):
        if (left := _lines_left(path, calls)) is not None:
            rewrite(path, left)


def _lines_left(path: Path, calls: frozenset[str]) -> bytes | None:
    """Return what is left of a file of rows, None where nothing has to go."""
    lines = path.read_bytes().splitlines(keepends=True)
    left = [line for line in lines if json.loads(line).get("call_id") not in calls]
    return None if len(left) == len(lines) else b"".join(left)


def _clear_jobs(scene: Scene, ticket: Ticket, calls: frozenset[str]) -> None:
    """Remove what jobs can make again, and the lines of their logs that quote the subject."""
    quoted = [form for text in (*ticket.texts, *calls) for form in forms(text)]
    for folder in scene.folder.jobs.glob("*/"):
        shutil.rmtree(folder / "trainset", ignore_errors=True)
    for folder in scene.folder.jobs.glob("*/*/"):  # one for each rung
        shutil.rmtree(folder / "cache", ignore_errors=True)
        log = folder / "log.txt"
        lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
        left = [line for line in lines if not any(form in line for form in quoted)]
        if len(left) < len(lines):
            rewrite(log, b"".join(left))
