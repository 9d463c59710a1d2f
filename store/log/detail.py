"""Reads everything about one call, found by its id, as it is at one moment. Knows no other question.

Step by step, each with what the last one found: DuckDB then reads one block of each wide column, and of the
prompts one. In one statement with joins it would read every prompt. What is found is a handful of rows, and put
in order here: DuckDB would first plan a sort of every column.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any, Protocol

from store.log.database import Database, Row, run
from store.log.rows import call_detail
from store.log.views import CallDetail

_NO_PROMPT: Row = {"head_hash": "", "pieces": None}


class _Ask(Protocol):
    def __call__(self, name: str, values: dict[str, Any], /) -> list[Row]: ...


def detail(database: Database, call_id: str) -> CallDetail | None:
    """Return the call with its prompt, attempts, scores and feedback; None where there is none."""
    with database.looking() as cursor:
        cursor.begin()
        try:
            return _detail(partial(run, cursor), {"call_id": call_id})
        finally:
            cursor.rollback()


def _detail(ask: _Ask, wanted: dict[str, str]) -> CallDetail | None:
    place = ask("faces.place_of", wanted)
    if not place:
        return None
    (row,) = ask("faces.call", place[0])
    prompt: list[Row] = []
    if row["prompt_hash"] is not None:
        prompt = ask("faces.prompt_of", {name: row[name] for name in ("part", "prompt_hash")})
    attempts = sorted(ask("faces.attempts_of", wanted), key=itemgetter("started", "ts", "attempt_id"))
    scores = sorted(ask("faces.scores_of", wanted), key=itemgetter("ts")) if attempts else []
    feedback = _feedback(ask, row, attempts)
    return call_detail(row | (prompt or [_NO_PROMPT])[0], attempts, scores, feedback)


def _feedback(ask: _Ask, row: Row, attempts: list[Row]) -> list[Row]:
    """Return what was said about the call, by its own id or by that of the answer that the app received."""
    tenant, own = row["tenant"], _spellings(row["call_id"])
    names = [a["completion_id"] for a in attempts if a["served"] and a["completion_id"] is not None]
    said = ask("faces.feedback_of", {"names": [*own, *names], "tenant": tenant})
    mine = set(own)
    if any(item["target"] not in mine for item in said):
        meant = ask("faces.meant", {"names": names, "tenant": tenant})
        mine.update(one["completion_id"] for one in meant if one["call_id"] == row["call_id"])
    return sorted((item for item in said if item["target"] in mine), key=itemgetter("ts"))


def _spellings(call_id: str) -> tuple[str, ...]:
    """Return how an app may write a call's id. To read every target as an id would take as long as all the rest."""
    plain = call_id.replace("-", "")
    return call_id, call_id.upper(), plain, plain.upper()
