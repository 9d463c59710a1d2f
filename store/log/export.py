"""Writes calls out as JSON lines. Knows no trainset: it leaves nothing out and judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from store.log.database import Database
from store.log.rows import parsed, request_body

_PAGE = 1_000


def export(database: Database, path: Path, fingerprints: list[str]) -> int:
    """Write the calls beside their place and put them there at once; return how many."""
    draft = path.with_name(f".{path.name}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            count = sum(_write(file, row) for row in _rows(database, fingerprints))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _rows(database: Database, fingerprints: list[str]) -> Iterator[dict[str, Any]]:
    after = 0
    while True:
        page = database.read("faces.export", fingerprints=fingerprints, after_seq=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]["seq"]


def _write(file: TextIO, row: dict[str, Any]) -> int:
    body = request_body(row)
    try:
        request = json.loads(body)
    except ValueError:
        request = None
    plain = {name: value for name, value in row.items() if name not in {"cuts", "tail", "pieces", "raw"}}
    line = {**plain, "request": request, "answer": parsed(row["answer"])}
    file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str) + "\n")
    return 1
