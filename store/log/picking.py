"""Picks the exchanges to learn from in windows of the log order that grow. Knows no SQL and no task.

What is picked costs what it is, not what there is.
"""

from __future__ import annotations

from typing import Any

from store.log.database import Database, Row

_FIRST = 4  # calls of the first window for each exchange that is wanted
_GROWTH = 4


def pick(database: Database, *, limit: int, newest_first: bool, **wanted: Any) -> list[Row]:
    """Return ids and sequence numbers of the teacher's served answers, the newest or the oldest of them."""
    bounds = database.read("faces.bounds")[0]
    if bounds["low"] is None:
        return []
    low, until = bounds["low"], bounds["high"] + 1
    picked: list[Row] = []
    width = _FIRST * max(limit, 1)
    while low < until and len(picked) < limit:
        after, before = (max(low, until - width), until) if newest_first else (low, min(until, low + width))
        picked += database.read(
            "learning.pick_exchanges",
            **wanted,
            after=after,
            until=before,
            direction=-1 if newest_first else 1,
            limit=limit - len(picked),
        )
        low, until = (low, after) if newest_first else (before, until)
        width *= _GROWTH
    return picked
