"""Which logged calls may become examples, and on which later ones candidates are compared. Pure; knows no model.

Nothing of the held-out part is ever looked at here: that is for the evaluation.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy

from distiller.scoring import message as read
from distiller.scoring.metrics.normal import normal
from distiller.trainset import Row, split
from store.program import rewrite
from store.vocabulary import Program

_LATER = 3  # at most one in so many is for validation
_FITTING = 0.95  # share of the requests that must leave room for the examples


@dataclass(frozen=True, kw_only=True, slots=True)
class Slices:
    """DSPy examples in log order; the two share no conversation, user or input."""

    learn: list[Any]
    validate: list[Any]


def slices(rows: Sequence[Mapping[str, Any]], program: Program, *, validation: int) -> Slices:
    """Cut the passing train rows that a program is for, by conversation: the newest are for validation."""
    fitting = [row for row in rows if row["passed"] and rewrite(row["request"], program) is not None]
    known = {row["call_id"]: row for row in fitting}
    cut = split([_row(row) for row in fitting], heldout=min(validation, len(fitting) // _LATER))
    return Slices(
        learn=[_example(known[row.call_id]) for row in cut.train],
        validate=[_example(known[row.call_id]) for row in spread(cut.heldout, validation)],
    )


def spread(rows: Sequence[Row], most: int) -> list[Row]:
    """Return at most `most` rows, evenly over the time."""
    if len(rows) <= most:
        return list(rows)
    return [rows[i * len(rows) // most] for i in range(most)]


def varied(examples: Sequence[Any], seed: int) -> list[Any]:
    """Return the examples in a random order in which equal answers come in turns, so that few of them show many kinds."""
    order = list(examples)
    random.Random(seed).shuffle(order)
    seen: Counter[str] = Counter()
    ranked: list[tuple[int, Any]] = []
    for example in order:
        answer = normal(read.text(example.completion))
        ranked.append((seen[answer], example))
        seen[answer] += 1
    return [example for _, example in sorted(ranked, key=lambda pair: pair[0])]


class Room:
    """How much fits into the student's context before a request. `count` gives the tokens of a request's prompt."""

    def __init__(
        self, requests: Sequence[dict[str, Any]], count: Callable[[dict[str, Any]], int], *, tokens: int
    ) -> None:
        self._count = count
        lengths = sorted((count(request), i) for i, request in enumerate(requests))
        self._longest, at = lengths[min(len(lengths) - 1, int(_FITTING * len(lengths)))]
        self._request = requests[at]
        self._tokens = tokens  # of a prompt

    def fits(self, program: Program) -> bool:
        """Tell whether nearly all requests, rewritten so, leave room for an answer."""
        request = rewrite(self._request, program)
        return request is not None and self._count(request) <= self._tokens


def _row(row: Mapping[str, Any]) -> Row:
    """Return a row of a trainset's file as the one that was written there."""
    names = ("call_id", "seq", "unit", "user", "input_hash", "request", "completion", "passed", "score")
    return Row(**{name: row[name] for name in names})


def _example(row: Mapping[str, Any]) -> Any:
    told = {name: row[name] for name in ("call_id", "request", "completion", "passed")}
    return dspy.Example(**told).with_inputs("call_id", "request")
