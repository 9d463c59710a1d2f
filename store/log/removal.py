"""Seals months, erases calls and lets old ones go. Knows which rows; `rewrite` knows how."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from store.log.database import Database
from store.log.rewrite import TABLES, Rewrite, ids, rewriting
from store.log.views import Erased, Removed, Retention

_GRACE_S = 7 * 86_400.0  # for what arrives late


def seal(database: Database, now: float) -> list[str]:
    """Move the oldest month that ended a week ago, if there is one, into a file of its own; return its name."""
    found = [row["month"] for row in database.read("files.endable", now=now)]
    ended = [month for month in found if end_of(month) + _GRACE_S <= now]
    if not ended:
        return []
    with rewriting(database) as rewrite:
        for table in TABLES:
            rewrite.run(f"files.mark_month_{table}", end_ts=end_of(ended[0]))
        return [rewrite.seal(ended[0], now)]


def end_of(month: str) -> float:
    """Return when a month, YYYY-MM in UTC, ends, in Unix seconds."""
    year, number = int(month[:4]), int(month[5:])
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return following.timestamp()


def erase(database: Database, call_ids: Sequence[str]) -> Erased:
    """Rewrite every file that has rows of these calls."""
    with rewriting(database) as rewrite:
        rewrite.register("wanted", ids(call_ids))
        for table in TABLES:
            rewrite.run(f"files.mark_erased_{table}")
        touched = tuple(sorted(rewrite.marked()))
        removed = _take_away(rewrite)
    return Erased(
        calls=removed.calls,
        attempts=removed.attempts,
        scores=removed.scores,
        feedback=removed.feedback,
        prompts=removed.prompts,
        files=touched,
    )


def retain(database: Database, retention: Retention) -> Removed:
    """Take away what is too old, file by file where a file has waited long enough."""
    limits = dict(retention.by_fingerprint)
    if retention.days is None and not limits:
        return Removed()
    with rewriting(database) as rewrite:
        rewrite.register(
            "limits",
            pa.table(
                {
                    "fingerprint": pa.array(limits.keys(), pa.string()),
                    "days": pa.array(limits.values(), pa.float64()),
                }
            ),
        )
        time = {"now": retention.now, "days": retention.days}
        parts = [row["part"] for row in rewrite.run("files.due", **time)]
        if not parts:
            return Removed()
        rewrite.run("files.mark_expired_calls", **time, parts=parts)
        rewrite.run("files.expired_calls")
        for table in TABLES[1:]:
            rewrite.run(f"files.mark_expired_{table}", **time, parts=parts)
        return _take_away(rewrite)


def _take_away(rewrite: Rewrite) -> Removed:
    marked = rewrite.marked().values()
    counts = {table: sum(part.get(table, 0) for part in marked) for table in TABLES}
    return Removed(**counts, prompts=rewrite.take_away())
