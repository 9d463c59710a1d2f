"""Finds a page of calls, newest first, in windows of the log order that grow. Knows no SQL and no task.

A page costs what it finds, not what there is. Looking for a text reads bodies: it stops when its time is up.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

from store.log.database import Database
from store.log.views import CallFilter, CallPage, CallRow

_FIRST = 2_000  # calls of the first window
_GROWTH = 4
_BEYOND = ("who", "outcome", "score_name", "score_min", "score_max", "text")  # not a call's own columns
_FORMS = ("escaped", "quoted")  # of the text


def page(database: Database, wanted: CallFilter) -> CallPage:
    """Return the calls that a filter lets through, and how far it looked."""
    bounds = database.read("faces.bounds")[0]
    if bounds["low"] is None or wanted.limit < 1:
        return CallPage()
    values = _values(wanted)
    until = bounds["high"] + 1 if wanted.before_seq is None else min(wanted.before_seq, bounds["high"] + 1)
    seqs, until, complete = _seqs(database, values, until, bounds["low"], wanted)
    rows = database.read("faces.calls", seqs=seqs, low=min(seqs), high=max(seqs)) if seqs else []
    if len(seqs) == wanted.limit:
        following = seqs[-1] if seqs[-1] > bounds["low"] else None
    else:
        following = until if until > bounds["low"] else None
    return CallPage(rows=tuple(CallRow(**row) for row in rows), next_seq=following, complete=complete)


def _seqs(
    database: Database, values: dict[str, Any], until: int, low: int, wanted: CallFilter
) -> tuple[list[int], int, bool]:
    """Return sequence numbers, newest first; how far down was looked (exclusive); whether that was enough."""
    seqs: list[int] = []
    width = max(_FIRST, 2 * wanted.limit)
    beyond = any(values[name] is not None for name in _BEYOND)
    values = {name: value for name, value in values.items() if beyond or name not in (*_BEYOND, *_FORMS)}
    pick = "faces.pick_narrowed" if beyond else "faces.pick_calls"
    began = time.monotonic()
    while until > low and len(seqs) < wanted.limit:
        after = max(low, until - width)
        started = time.monotonic()
        rows = database.read(pick, **values, after=after, until=until, limit=wanted.limit - len(seqs))
        seqs += [row["seq"] for row in rows]
        until = after
        now = time.monotonic()
        left = wanted.budget_s - (now - began) if wanted.text else None
        if left is None or left > 2 * _GROWTH * (now - started):
            width *= _GROWTH
        if left is not None and left <= 0 and until > low and len(seqs) < wanted.limit:
            return seqs, until, False
    return seqs, until, True


def _values(wanted: CallFilter) -> dict[str, Any]:
    values = asdict(wanted)
    for name in ("before_seq", "limit", "budget_s"):
        del values[name]
    text = wanted.text or None
    forms = [] if text is None else [text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]
    distinct = list(dict.fromkeys(forms)) + [None] * 3
    return values | {
        "fingerprints": list(wanted.fingerprints),
        **dict(zip(("text", "escaped", "quoted"), distinct, strict=False)),
    }
