"""What is advised about one task, from its last try. Knows no advice: `distiller.advice` has it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from distiller.advice import Case, advise
from distiller.scoring import message as read
from distiller.scoring.shape import Shape
from distiller.trainset import read_rows
from stillhouse.errors import Missing
from stillhouse.settings import convert
from stillhouse.views.calls import fingerprints_of
from stillhouse.views.ladder import ladder
from stillhouse.views.stores import Stores
from stillhouse.views.targets import Finding, finding
from stillhouse.views.tasks import checks
from store.artifacts import Artifacts
from store.vocabulary import State, Task, TaskMode, Trainset, Verdict


def advice(stores: Stores, task_id: str) -> list[Finding]:
    """Say what stands between a task and its student. Raises Missing."""
    fingerprints = fingerprints_of(stores, task_id)
    task = stores.control.task(task_id)
    if task is None:
        raise Missing(f"There is no task {task_id!r}.")
    if task.mode is TaskMode.OBSERVE:
        text = "It is only observed and never distilled; give it a mode of its own (`tasks: <id>: mode: auto`) if it should be."
        return [finding("observed", "note", text)]
    complete = stores.log.counts(fingerprints).complete
    return [finding(one.name, one.level, one.text) for one in advise(_case(stores, task, complete))]


def _case(stores: Stores, task: Task, complete: int) -> Case:
    limits, policy = convert.distiller(stores.settings), convert.task_policies(stores.settings).of(task)
    missing = tuple(check["words"] for check in checks(stores, task) if not check["ok"])
    told: dict[str, Any] = {
        "complete": complete,
        "needed": limits.min_examples,
        "delta": policy.delta,
        "missing": missing,
    }
    trainset = next(reversed(stores.control.trainsets(task.task_id)), None)
    return Case(
        **told,
        **(_of_trainset(stores, trainset) if trainset else {}),
        **_of_climb(stores, task.task_id),
        failed_live=_failed_live(stores, task.task_id),
    )


def _failed_live(stores: Stores, task_id: str) -> str:
    """Give why the newest rollout ended, where it began and its student was taken off."""
    newest = next(reversed(stores.control.rollouts(task_id)), None)
    if newest is None or newest.state not in {State.ROLLED_BACK, State.INCONCLUSIVE}:
        return ""
    return stores.control.transitions(rollout_id=newest.rollout_id)[-1].why


def _of_trainset(stores: Stores, trainset: Trainset) -> dict[str, Any]:
    told: dict[str, Any] = {
        "train": trainset.train,
        "heldout": trainset.heldout,
        "left_out": {str(k): int(v) for k, v in (trainset.card.get("left_out") or {}).items()},
    }
    if trainset.card.get("shape") == Shape.LABEL:
        folder = Artifacts(stores.folder.artifacts).folder("trainsets", trainset.trainset_id)
        rows = read_rows(folder / "train.jsonl") if (folder / "train.jsonl").is_file() else []
        labels = Counter(read.text(row["completion"]).strip().casefold() for row in rows)
        if labels:
            told |= {"labels": len(labels), "rarest": min(labels.values())}
    return told


def _of_climb(stores: Stores, task_id: str) -> dict[str, Any]:
    """Read the newest climb: its best rung, and what the base was worth."""
    climbs = ladder(stores, task_id)["climbs"]
    rungs = [rung for rung in climbs[0]["rungs"] if rung["score"] is not None] if climbs else []
    if not rungs:
        return {}
    best = max(rungs, key=lambda rung: rung["score"])
    student = stores.control.student(best["student_id"])
    training = student.training if student else {}
    return {
        "student": best["score"],
        "teacher": best["teacher_score"],
        "base": next((rung["score"] for rung in rungs if rung["rung"] == "base" and rung is not best), None),
        "passed": any(rung["verdict"] == Verdict.PASS for rung in rungs),
        "loss": training.get("loss"),
        "too_long": int(training.get("too_long_rows") or 0),
        "parity": student.parity if student else None,
        "latency_ms": (best["latency_ms"] or {}).get("p50"),
    }
