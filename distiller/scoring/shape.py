"""Infers the shape of a task's answers from samples. Pure: knows no log and no metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from distiller.scoring import message as read

SETTLED = 200  # samples after which the shape is taken as known
_MOSTLY = 0.9
_LABEL_CHARS = 80
_LABEL_WORDS = 8
_REPEATED = 0.5  # share of answers that an earlier one already gave, above which the set is closed


class Shape(StrEnum):
    """Shapes of answers; each has its metric of the same name."""

    LABEL = "label"
    FIELDS = "fields"
    TOOL_CALL = "tool_call"
    TEXT = "text"

    @property
    def closed(self) -> bool:
        """Tell whether two answers of this shape are either equal or not, with no judgement needed."""
        return self is not Shape.TEXT


def infer(answers: Sequence[Mapping[str, Any]]) -> Shape | None:
    """Return the shape of a sample of assistant messages; None for an empty sample.

    Nine in ten answers must agree on tool calls or on JSON; a label is a short line most of whose
    values come again within the sample. What is none of these is text.
    """
    if not answers:
        return None
    if _share(answers, lambda a: bool(read.tool_calls(a))) >= _MOSTLY:
        return Shape.TOOL_CALL
    if any(read.tool_calls(a) for a in answers):
        return Shape.TEXT
    if _share(answers, lambda a: read.document(a) is not None) >= _MOSTLY:
        return Shape.FIELDS
    return Shape.LABEL if _closed_set([read.text(a) for a in answers]) else Shape.TEXT


def _share(answers: Sequence[Mapping[str, Any]], holds: Callable[[Mapping[str, Any]], bool]) -> float:
    return sum(map(holds, answers)) / len(answers)


def _closed_set(texts: Sequence[str]) -> bool:
    lines = [line for line in texts if _is_short(line)]
    if len(lines) < _MOSTLY * len(texts):
        return False
    distinct = len({line.strip().casefold() for line in lines})
    return 1 - distinct / len(lines) >= _REPEATED


def _is_short(line: str) -> bool:
    line = line.strip()
    return 0 < len(line) <= _LABEL_CHARS and "\n" not in line and len(line.split()) <= _LABEL_WORDS
