"""Reads everything about one call, found by its id. Knows no other question.

Step by step, each with what the last one found: DuckDB then reads one block of each wide column, and of the
prompts one. In one statement with joins it would read every prompt.
"""

from __future__ import annotations

from store.log.database import Database, Row
from store.log.rows import call_detail
from store.log.views import CallDetail

_NO_PROMPT: Row = {"head_hash": "", "pieces": None}


def detail(database: Database, call_id: str) -> CallDetail | None:
    """Return the call with its prompt, attempts, scores and feedback; None where there is none."""
    place = database.read("faces.place_of", call_id=call_id)
    found = place and database.read("faces.call", seq=place[0]["seq"], call_id=call_id)
    if not found:
        return None
    row = found[0]
    prompt: list[Row] = []
    if row["prompt_hash"] is not None:
        prompt = database.read("faces.prompt_of", part=row["part"], prompt_hash=row["prompt_hash"])
    attempts = database.read("faces.attempts_of", call_id=call_id)
    scores = database.read("faces.scores_of", call_id=call_id) if attempts else []
    feedback = _feedback(database, row, attempts)
    return call_detail(row | (prompt or [_NO_PROMPT])[0], attempts, scores, feedback)


def _feedback(database: Database, row: Row, attempts: list[Row]) -> list[Row]:
    """Return what was said about the call, by its own id or by that of the answer that the app received."""
    direct = database.read("faces.feedback_of", call_id=row["call_id"], tenant=row["tenant"])
    names = [a["completion_id"] for a in attempts if a["served"] and a["completion_id"] is not None]
    named = names and database.read("faces.feedback_named", names=names, tenant=row["tenant"])
    if not named:
        return direct
    meant = database.read("faces.meant", names=names, tenant=row["tenant"])
    mine = {one["completion_id"] for one in meant if one["call_id"] == row["call_id"]}
    known = {item["feedback_id"] for item in direct}
    said = direct + [item for item in named if item["target"] in mine and item["feedback_id"] not in known]
    return sorted(said, key=lambda item: item["ts"])
