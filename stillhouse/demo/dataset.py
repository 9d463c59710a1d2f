"""A dataset file as pairs of input and output: JSONL or CSV. Knows no server and no student."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

from stillhouse.demo.tickets import Pair

_INPUTS = ("input", "text", "prompt", "question", "message", "query")
_OUTPUTS = ("output", "intent", "category", "label", "answer", "completion", "target")
MOST_LABELS = 100


class DatasetError(ValueError):
    """The file cannot be played; the message is one sentence for its owner."""


def load(path: Path, input_field: str | None = None, output_field: str | None = None) -> list[Pair]:
    """Read `path` (.jsonl or .csv) in its order, each distinct input once.

    Field names are taken from the arguments, else from the first row by common names.
    Raises DatasetError for an unreadable file, a missing field or no rows.
    """
    rows = _rows(path)
    if not rows:
        raise DatasetError(f"{path} holds no rows.")
    left = _field(path, rows[0], input_field, _INPUTS, "input")
    right = _field(path, rows[0], output_field, _OUTPUTS, "output")
    pairs: dict[str, Pair] = {}
    for number, row in enumerate(rows, 1):
        if left not in row or right not in row:
            raise DatasetError(f"{path}, row {number}: it lacks the field {left!r} or {right!r}.")
        text = str(row[left]).strip()
        pairs.setdefault(text, Pair(input=text, output=_as_text(row[right])))
    return list(pairs.values())


def shuffled(pairs: list[Pair], seed: int) -> list[Pair]:
    """Return the pairs in random order, since files are often sorted by label and traffic is not."""
    return random.Random(seed).sample(pairs, len(pairs))


def instructions(pairs: list[Pair]) -> str:
    """Write the system prompt that the played app sends: the closed set of labels where there is one."""
    labels = sorted({pair.output for pair in pairs})
    if len(labels) <= MOST_LABELS:
        return "Classify the message. Answer with exactly one of: " + ", ".join(labels) + "."
    return "Answer the message in the form that you were taught."


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
        with path.open(encoding="utf-8") as file:
            return [_row(path, number, line) for number, line in enumerate(file, 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}, line {number}: not JSON ({error.msg}).") from error
    if not isinstance(row, dict):
        raise DatasetError(f"{path}, line {number}: expected a JSON object.")
    return row


def _field(path: Path, row: dict[str, Any], asked: str | None, common: tuple[str, ...], what: str) -> str:
    for name in (asked,) if asked else common:
        if name in row:
            return name
    raise DatasetError(f"{path}: no {what} field; it has {', '.join(row)}. Name one with --{what}-field.")


def _as_text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
