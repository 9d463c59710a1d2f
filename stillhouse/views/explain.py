"""The story of a task in sentences, from the rows that the decisions left. Knows no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import router.explain
from stillhouse.settings import convert
from stillhouse.views import lineage
from stillhouse.views.evidence import deferred
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from stillhouse.views.tasks import task as whole_task
from store.vocabulary import Rollout, Verdict


def explain(stores: Stores, task_id: str) -> dict[str, Any]:
    """Give what happened, oldest first, and what is waited for. Raises Missing."""
    whole = whole_task(stores, task_id)
    latest = next(reversed(stores.control.rollouts(task_id)), None)
    given_up = deferred(stores.log, latest) if latest else None
    stands, needed = _now(stores, task_id, latest)
    story = [
        *_ordered(stores, task_id),
        *_reworded(stores, task_id),
        *_learned(stores, task_id),
        *_decided(stores, task_id),
        *_refused(stores, task_id),
    ]
    story.sort(key=lambda line: line["ts"])
    return {
        "task_id": task_id,
        "name": whole["name"],
        "state": whole["state"],
        "share": whole["share"],
        "stands": [*stands, *([given_up["words"]] if given_up else [])],
        "waiting_for": needed if whole["rollout_id"] else _before(whole),
        "evidence": whole["evidence"],
        "deferred": given_up,
        "story": story,
    }


def _ordered(stores: Stores, task_id: str) -> Iterator[dict[str, Any]]:
    for order in stores.control.task_orders(task_id):
        yield _line(order.ts, "operator", lineage.sentence(order), order)


def _reworded(stores: Stores, task_id: str) -> Iterator[dict[str, Any]]:
    """Tell of each wording after the first: a student answers for the one that it was made from, and for no other."""
    for version in stores.control.versions(task_id)[1:]:
        sentence = (
            f"The prompt is another one: version {version.version}. The teacher answers its calls until a student of "
            "its own is proven, and none of them counts for or against one of another version."
        )
        yield _line(version.created, "version", sentence, version)


def _learned(stores: Stores, task_id: str) -> Iterator[dict[str, Any]]:
    control = stores.control
    for trainset in control.trainsets(task_id):
        sentence = f"{trainset.train} rows frozen, {trainset.heldout} held out."
        yield _line(trainset.created, "trainset", sentence, trainset)
    for student in control.students(task_id):
        parity = "" if student.parity is None else f", parity {student.parity:.3f}"
        sentence = f"{student.student_id} made from {student.base}{parity}."
        yield _line(student.created, "student", sentence, student)
        for evaluation in control.evaluations(student.student_id):
            sentence = f"{evaluation.verdict.value}: {evaluation.why}"
            yield _line(evaluation.created, "evaluation", sentence, evaluation)
    for job in control.jobs(task_id):
        for rung in job.result.get("rungs", ()):
            if rung["verdict"] != Verdict.PASS:
                sentence = f"Rung {rung['recipe']} of the ladder: {rung['verdict']}, {rung['why']}."
                yield {"ts": job.updated, "kind": "rung", "sentence": sentence, "row": plain(rung)}
        if job.error:
            yield _line(job.updated, "job", f"{job.kind.value} {job.state.value}: {job.error}", job)


def _decided(stores: Stores, task_id: str) -> Iterator[dict[str, Any]]:
    for t in stores.control.transitions(task_id=task_id):
        sentence = f"{t.source.value} → {t.target.value} ({t.cause}, by {t.actor}): {t.why}"
        yield _line(t.ts, "decision", sentence, t)


def _refused(stores: Stores, task_id: str) -> Iterator[dict[str, Any]]:
    """Give what operators asked of rollouts and did not get: an order that was obeyed is a decision."""
    own = {rollout.rollout_id for rollout in stores.control.rollouts(task_id)}
    for order in stores.control.orders(pending=False):
        if order.rollout_id in own and (order.outcome or "").startswith("refused"):
            yield _line(order.ts, "refusal", f"{order.verb} by {order.actor}: {order.outcome}", order)


def _line(ts: float, kind: str, sentence: str, row: Any) -> dict[str, Any]:
    return {"ts": ts, "kind": kind, "sentence": sentence, "row": plain(row)}


def _now(stores: Stores, task_id: str, latest: Rollout | None) -> tuple[list[str], list[str]]:
    """Say where the latest rollout stands, and what is between it and its next step."""
    task = stores.control.task(task_id)
    if latest is None or task is None or not latest.evidence:
        return [], []
    policy = convert.rollout_policy(stores.settings, task)
    told = router.explain.explain((), latest, policy, now=time.time())
    return list(told.stands), list(told.needed)


def _before(task: dict[str, Any]) -> list[str]:
    """Say what is missing for a first distillation."""
    return [] if task["left_alone"] else [check["words"] for check in task["readiness"] if not check["ok"]]
