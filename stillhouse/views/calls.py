"""Calls in lists and one by one. Knows no task beyond its fingerprints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stillhouse.errors import Missing
from stillhouse.views import lineage
from stillhouse.views.plain import plain
from stillhouse.views.stores import Stores
from stillhouse.views.taught import taught
from store.log import CallFilter

BEGINNING = re.compile(r"[0-9a-f]{8,32}")  # of a UUIDv7, without hyphens; eight digits are about a minute
SLACK_S = 5.0  # between an id's time and its call's
MOST = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person wants listed, newest first."""

    task: str | None = None
    tenant: str | None = None
    key: str | None = None  # the credential's salted hash, 16 hex digits
    surface: str | None = None
    who: str | None = None
    outcome: str | None = None
    model: str | None = None
    origin: str | None = None
    step: str | None = None
    rollout: str | None = None
    reason: str | None = None
    score: str | None = None  # name of the score that `score_above` and `score_below` mean; None: any
    score_above: float | None = None  # at least
    score_below: float | None = None  # at most
    text: str | None = None  # in the request or the answer
    since_ts: float | None = None
    until_ts: float | None = None
    before_seq: int | None = None
    limit: int = 50


def calls(stores: Stores, wish: Wish) -> dict[str, Any]:
    """Give a page of calls: `rows`, `next_seq` (before_seq of the next page) and `complete`. Raises Missing.

    Not `complete`: a text was looked for down to `next_seq`, and the time was up.
    """
    fingerprints = fingerprints_of(stores, wish.task) if wish.task else ()
    if wish.task and not fingerprints:
        return {"rows": [], "next_seq": None, "complete": True}
    page = stores.log.calls(
        CallFilter(
            fingerprints=fingerprints,
            tenant=wish.tenant,
            key_id=wish.key,
            surface=wish.surface,
            who=wish.who,
            outcome=wish.outcome,
            model=wish.model,
            origin=wish.origin,
            step=wish.step,
            rollout_id=wish.rollout,
            reason=wish.reason,
            score_name=wish.score,
            score_min=wish.score_above,
            score_max=wish.score_below,
            text=wish.text,
            since_ts=wish.since_ts,
            until_ts=wish.until_ts,
            before_seq=wish.before_seq,
            limit=wish.limit,
        )
    )
    if wish.score and not page.rows and wish.score not in (names := stores.log.score_names()):
        known = ", ".join(names) or "none yet"
        raise Missing(f"There is no score {wish.score!r}; known scores: {known}.")
    found, called = (found_tasks(stores), lineage.names(stores)) if page.rows else ({}, {})
    tasks = [found.get(row.fingerprint, row.task) for row in page.rows]
    rows = [
        {**plain(row), "task": task, "name": called.get(task or "")}
        for row, task in zip(page.rows, tasks, strict=True)
    ]
    return {"rows": rows, "next_seq": page.next_seq, "complete": page.complete}


def call(stores: Stores, call_id: str) -> dict[str, Any]:
    """Everything about one call, named by its id, its answer's, or a beginning of its own that no other has.

    Of equal answers' ids the latest call is meant; `same_completion_id` are the others. `taught` are the trainsets
    that have it, with their students. Raises Missing.
    """
    detail, others = stores.log.call(call_id), []
    if detail is None:
        *others, latest = stores.log.completed(call_id) or [_begun(stores, call_id)]
        detail = stores.log.call(latest)
    if detail is None:
        raise Missing(f"There is no call {call_id!r} in the log.")
    seen = taught(stores, detail.call.call_id, detail.call.ts)
    return {**plain(detail), "same_completion_id": others, "taught": seen}


def _begun(stores: Stores, start: str) -> str:
    """Give the one call's id that starts like this. The first digits are its time, which bounds the search."""
    digits = start.replace("-", "")
    if not BEGINNING.fullmatch(digits):
        raise Missing(f"There is no call {start!r} in the log.")
    first, last = (int(f"{digits:{fill}<12}"[:12], 16) / 1000 for fill in "0f")
    window = CallFilter(since_ts=first - SLACK_S, until_ts=last + SLACK_S, limit=MOST)
    ids = [
        row.call_id
        for row in stores.log.calls(window).rows
        if row.call_id.replace("-", "").startswith(digits)
    ]
    if len(ids) != 1:
        what = f"There are {len(ids)} calls" if ids else "There is no call"
        raise Missing(f"{what} in the log whose id begins with {start!r}.")
    return ids[0]


def found_tasks(stores: Stores) -> dict[str, str]:
    """Give the task of each grouped fingerprint."""
    control = stores.control
    return {
        fingerprint: task.task_id
        for task in control.tasks()
        for version in control.versions(task.task_id)
        for fingerprint in version.fingerprints
    }


def fingerprints_of(stores: Stores, task_id: str) -> tuple[str, ...]:
    """All fingerprints of a task, newest version last. Raises Missing for an unknown task."""
    if stores.control.task(task_id) is None:
        known = ", ".join(task.task_id for task in stores.control.tasks()) or "none yet"
        raise Missing(f"There is no task {task_id!r}; known tasks: {known}.")
    return tuple(f for version in stores.control.versions(task_id) for f in version.fingerprints)


def days_kept(stores: Stores) -> dict[str, float]:
    """Give how many days the calls of tasks with a time of their own are kept, by fingerprint."""
    days = {task.task_id: stores.settings.task_policy(task).retention_days for task in stores.control.tasks()}
    return {
        fingerprint: kept
        for task_id, kept in days.items()
        if kept is not None
        for fingerprint in fingerprints_of(stores, task_id)
    }
