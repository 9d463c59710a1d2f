"""Calls in lists and one by one. Knows no task beyond its fingerprints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stillhouse.errors import Missing
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from store.log import CallFilter


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person wants listed, newest first."""

    task: str | None = None
    who: str | None = None
    outcome: str | None = None
    model: str | None = None
    origin: str | None = None
    since_ts: float | None = None
    before_seq: int | None = None
    limit: int = 50


def calls(stores: Stores, wish: Wish) -> list[dict[str, Any]]:
    """List calls. Raises Missing for an unknown task."""
    fingerprints = fingerprints_of(stores, wish.task) if wish.task else ()
    if wish.task and not fingerprints:
        return []
    rows = stores.log.calls(
        CallFilter(
            fingerprints=fingerprints,
            who=wish.who,
            outcome=wish.outcome,
            model=wish.model,
            origin=wish.origin,
            since_ts=wish.since_ts,
            before_seq=wish.before_seq,
            limit=wish.limit,
        )
    )
    return [plain(row) for row in rows]


def call(stores: Stores, call_id: str) -> dict[str, Any]:
    """Everything about one call. Raises Missing."""
    detail = stores.log.call(call_id)
    if detail is None:
        raise Missing(f"There is no call {call_id!r} in the log.")
    shown: dict[str, Any] = plain(detail)
    return shown


def fingerprints_of(stores: Stores, task_id: str) -> tuple[str, ...]:
    """All fingerprints of a task, newest version last. Raises Missing for an unknown task."""
    if stores.control.task(task_id) is None:
        known = ", ".join(task.task_id for task in stores.control.tasks()) or "none yet"
        raise Missing(f"There is no task {task_id!r}; known tasks: {known}.")
    return tuple(f for version in stores.control.versions(task_id) for f in version.fingerprints)
