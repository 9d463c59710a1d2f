"""Reads rows of the log as exchanges, in chat whatever their surfaces. Knows no question that picks them."""

from __future__ import annotations

from typing import Any

from store.log.chains import Asked, Chains
from store.log.database import Database, Row
from store.log.rows import parsed
from store.log.views import Opened
from store.prompt import head_hash, input_hash
from store.trace import Object, Trace, Untold, told
from store.vocabulary import Exchange, Input, Outcome, Reply


class Reader:
    """Gives the canonical traces of one open log. Thread-safe: it keeps nothing."""

    def __init__(self, database: Database, trace: Trace) -> None:
        self._database = database
        self._trace = trace

    def exchanges(self, picked: list[Row], score_name: str | None) -> list[Exchange]:
        """Return the exchanges of picked attempts (`attempt_id`, `seq`), in their order."""
        ids = [row["attempt_id"] for row in picked]
        if not ids:
            return []
        seqs = [row["seq"] for row in picked]
        rows = self._database.read(
            "learning.picked", wanted=ids, score_name=score_name, low=min(seqs), high=max(seqs)
        )
        asked = [self._asked(row) for row in rows]
        chains = Chains(self._database, self._trace)
        chains.find(one for one in asked if isinstance(one, Asked))
        found = {
            row["attempt_id"]: self._exchange(row, one, chains) for row, one in zip(rows, asked, strict=True)
        }
        return [found[attempt_id] for attempt_id in ids if attempt_id in found]

    def openings(self, rows: list[Row]) -> list[Opened]:
        """Return the requests of calls, without those that chat cannot say."""
        return [opened for row in rows if (opened := self._opened(row)) is not None]

    def inputs(self, rows: list[Row]) -> list[Input]:
        """Return what calls were asked with, without those that chat cannot say."""
        told_of = ((row, self._said_alone(row)) for row in rows)
        return [
            Input(**_fields(row, Input), request=request) for row, request in told_of if request is not None
        ]

    def replies(self, rows: list[Row]) -> list[Reply]:
        """Return what attempts answered."""
        return [Reply(**_fields(row, Reply), completion=self._readable(row)) for row in rows]

    def _opened(self, row: Row) -> Opened | None:
        request = self._said_alone(row)
        return None if request is None else Opened(**_fields(row, Opened), request=request)

    def _said_alone(self, row: Row) -> Object | None:
        """Return a request without what was said before it; None where chat cannot say it."""
        asked = self._asked(row)
        if isinstance(asked, Untold):
            return None
        try:
            return told(self._trace.request, asked.surface, asked.request)
        except Untold:
            return None

    def _readable(self, row: Row) -> Object | None:
        try:
            return self._completion(row["answer_surface"], row["answer"])
        except Untold:
            return None

    def _asked(self, row: Row) -> Asked | Untold:
        try:
            return Asked.of(row, self._trace)
        except Untold as why:
            return why

    def _exchange(self, row: Row, asked: Asked | Untold, chains: Chains) -> Exchange:
        fields = {name: row[name] for name in Exchange.__dataclass_fields__ if name in row}
        fields["user"] = row["user_id"]
        try:
            if isinstance(asked, Untold):
                raise asked
            fields |= self._request(asked, chains)
            fields |= self._answers(row)
        except Untold as why:
            fields |= {"request": {}, "answer": None, "reference": None, "untold": str(why)}
        return Exchange(**fields)

    def _request(self, asked: Asked, chains: Chains) -> dict[str, Any]:
        before = chains.before(asked)
        if not before:
            return {"request": told(self._trace.request, asked.surface, asked.request)}
        said = [(one.asked.request, one.answer) for one in before]
        whole = told(self._trace.resumed, asked.surface, asked.request, said)
        request = told(self._trace.request, asked.surface, whole)
        return {
            "request": request,
            "head_hash": head_hash(request),
            "input_hash": input_hash(request),
            "unit": before[0].unit,  # of the conversation that it is a part of
            "before": tuple(one.call_id for one in before),
        }

    def _answers(self, row: Row) -> dict[str, Any]:
        """Return answer and reference. Raises Untold for a complete answer; of any other, and a reference, None says it."""
        try:
            answer = self._completion(row["answer_surface"], row["answer"])
        except Untold:
            if row["outcome"] == Outcome.COMPLETE:
                raise
            answer = None
        if row["own_reference"]:
            return {"answer": answer, "reference": answer}
        try:
            return {
                "answer": answer,
                "reference": self._completion(row["surface"], row["reference"]),
            }
        except Untold:
            return {"answer": answer, "reference": None}

    def _completion(self, surface: str, answer: str | None) -> Object | None:
        said = parsed(answer)
        return None if said is None else told(self._trace.completion, surface, said)


def _fields(row: Row, noun: Any) -> dict[str, Any]:
    """Return the columns that a noun has a field for."""
    return {name: row[name] for name in noun.__dataclass_fields__ if name in row}
