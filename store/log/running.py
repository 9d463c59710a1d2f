"""Remembers the log in figures, so that asking again reads only what came since. Decides nothing.

The tables of the hot file only grow, until another file is put in its place: then all is counted anew.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from store.log.database import Database, Row, run
from store.log.views import Totals

_SUMS = (
    "calls", "app_calls", "attempts", "student_served", "lost_calls", "cost_usd", "prompts", "scores", "feedback",
    "unpriced",
)  # fmt: skip
_TABLES = ("calls", "attempts", "scores", "feedback", "prompts")
_MODELS = 5  # that are named
_ALL_PRICED: Row = {"unpriced": 0, "models": None}


@dataclass(slots=True)
class _Known:
    """What was counted of one set of files."""

    files: int = -1  # `Database.files`
    rows: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(_TABLES, -1)
    )  # the last of the hot file
    sums: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(_SUMS, 0))
    models: set[str] = field(default_factory=set)  # without a price
    ts: list[float] = field(default_factory=list)  # of the first call and the last
    open: set[Any] = field(default_factory=set)  # calls without a served attempt
    early: set[Any] = field(default_factory=set)  # calls of served attempts, not in the log
    pending: list[str] = field(
        default_factory=list
    )  # feedback that names no completion and no call in the log


class Running:
    """The figures of one open log. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()  # guards: each row is counted once
        self._known = _Known()

    def totals(self) -> Totals:
        """Return the figures as they are at one moment."""
        with self._turn, self._database.looking() as cursor:
            known = self._known
            whole = known.files != self._database.files
            if whole:
                known = _Known(files=self._database.files)
            self._known = _Known()  # counted anew, should this fail half way
            cursor.begin()
            try:
                since = {f"{name}_row": row for name, row in known.rows.items()}
                said = {"whole": whole, "feedback_row": known.rows["feedback"], "pending": known.pending}
                known.pending = [row["feedback_id"] for row in run(cursor, "totals.unresolved", said)]
                found = run(cursor, "totals.since", {"whole": whole, **since})[0]
                made = {"whole": whole, "attempts_row": known.rows["attempts"]}
                lone = run(cursor, "totals.unpriced", made) if found["costless"] else [_ALL_PRICED]
                _add(known, found | lone[0])
                corrupt = int(run(cursor, "totals.corrupt", {})[0]["frames"])
            finally:
                cursor.rollback()
            self._known = known
            return _totals(known, corrupt)


def _add(known: _Known, row: Row) -> None:
    for name in _SUMS:
        known.sums[name] += row[name]
    for name in _TABLES:
        if row[f"{name}_row"] is not None:
            known.rows[name] = row[f"{name}_row"]
    known.models.update(row["models"] or ())
    times = [*known.ts, *(ts for ts in (row["first_ts"], row["last_ts"]) if ts is not None)]
    known.ts = [min(times), max(times)] if times else []
    known.open.update(row["opened"] or ())
    known.early.update(row["answered"] or ())
    met = known.open & known.early
    known.open -= met
    known.early -= met


def _totals(known: _Known, corrupt: int) -> Totals:
    return Totals(
        **known.sums,
        corrupt_frames=corrupt,
        unresolved_feedback=len(known.pending),
        open_calls=len(known.open),
        unpriced_models=tuple(sorted(known.models)[:_MODELS]),
        first_ts=known.ts[0] if known.ts else None,
        last_ts=known.ts[1] if known.ts else None,
    )
