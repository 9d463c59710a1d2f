"""Where a task's versions come from, and what operators did with it. Knows no HTTP and no terminal."""

from __future__ import annotations

from typing import Any

from stillhouse.views.stores import Stores
from store.control import TaskOrder
from store.vocabulary import Task


def names(stores: Stores) -> dict[str, str]:
    """Give what people call each task, by its id."""
    return {task.task_id: task.name for task in stores.control.tasks()}


def why_alone(task: Task) -> str | None:
    """Say why a task is neither scored, distilled nor listed; None where it is."""
    if task.merged_into:
        return f"was merged into {task.merged_into!r}"
    if task.ignored:
        return f"is ignored; `stillhouse task ignore {task.task_id} --undo` ends that"
    return None


def aside(stores: Stores) -> list[dict[str, str]]:
    """Give the tasks that are left alone, each with the reason."""
    told = [(task, why_alone(task)) for task in stores.control.tasks()]
    return [{"task_id": task.task_id, "name": task.name, "why": why} for task, why in told if why]


def wordings(stores: Stores, task_id: str) -> list[dict[str, Any]]:
    """Give a task's versions, first to last: when each was first seen, how many fingerprints, from where it came."""
    return [
        {
            "version": version.version,
            "created": version.created,
            "fingerprints": len(version.fingerprints),
            "moved_from": version.moved_from,
        }
        for version in stores.control.versions(task_id)
    ]


def history(stores: Stores, task_id: str) -> list[dict[str, Any]]:
    """Give what operators ordered of a task, or of another with regard to it, oldest first."""
    orders = stores.control.task_orders(task_id)
    return [{"ts": order.ts, "sentence": sentence(order)} for order in orders]


def sentence(order: TaskOrder) -> str:
    """Say who wanted what of which task, why, and what came of it."""
    because = f", because: {order.reason}" if order.reason else ""
    return f"{order.actor} said {_said(order)}{because}. {order.outcome or 'It waits to be carried out.'}"


def _said(order: TaskOrder) -> str:
    if order.verb == "rename":
        return f"rename {order.task_id} to {order.name!r}"
    if order.verb == "merge":
        return f"merge {order.task_id} into {order.other}"
    if order.verb == "split":
        named = f" as {order.name!r}" if order.name else ""
        return f"split {', '.join(map(str, order.versions))} off {order.task_id}{named}"
    return f"{order.verb} {order.task_id}"
