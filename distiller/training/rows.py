"""The rows of a trainset folder, as a student sees them. Knows no tokenizer and no model.

A row file holds one JSON object a line: call_id, unit, request, completion, passed, score. The program is
applied here, by the reader, never baked into the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distiller.training.errors import TrainingError
from distiller.trainset.apart import shared
from store.program import rewrite
from store.vocabulary import Program


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One logged call, its request already rewritten for the student."""

    call_id: str
    unit: str  # its conversation
    request: dict[str, Any]
    completion: dict[str, Any]  # the whole assistant message
    passed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RowFile:
    """What row files held: `rows` for this student, and how many others there were."""

    rows: list[Row]
    foreign: int  # requests that are not for it
    shared: int = 0  # that share something with what a task trained with it has held out


def read_rows(path: Path, program: Program) -> RowFile:
    """All rows of a file. Raises TrainingError naming the file and the line."""
    rows, foreign = [], 0
    for number, data in _lines(path):
        try:
            request = rewrite(data["request"], program)
            if request is None:
                foreign += 1
                continue
            rows.append(
                Row(
                    call_id=str(data["call_id"]),
                    unit=str(data["unit"]),
                    request=request,
                    completion=dict(data["completion"]),
                    passed=data["passed"] is True,
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{path}, line {number}: not a row ({error!r})") from error
    return RowFile(rows=rows, foreign=foreign)


def read_train(trainsets: Sequence[Path], program: Program) -> RowFile:
    """Return the train rows of one trainset, or of several tasks' that train together. Raises TrainingError.

    Of several, rows that share something with what another task has held out are left out and counted.
    """
    files = [read_rows(folder / "train.jsonl", program) for folder in trainsets]
    apart = shared(trainsets)
    return RowFile(
        rows=[row for file in files for row in file.rows if row.call_id not in apart],
        foreign=sum(file.foreign for file in files),
        shared=len(apart),
    )


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, json.loads(line)
    except OSError as error:
        raise TrainingError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise TrainingError(f"{path} holds a line that is not JSON: {error}") from error
