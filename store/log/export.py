"""Writes calls out as JSON lines or as Parquet. Knows no trainset: it leaves nothing out and judges nothing.

Request and answer are as the app sent and got them, on the surface that is named: in JSON lines objects, in
Parquet text as the log has it, `scores` a map.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.errors import StoreError
from store.log.database import Database
from store.log.rows import parsed, request_body

_PAGE = 1_000  # calls
_FEWER = 8
_PARTS = frozenset({"cuts", "tail", "pieces", "raw"})  # of the body
_SCHEMA = pa.schema(
    [
        ("seq", pa.int64()),
        ("call_id", pa.string()),
        ("ts", pa.float64()),
        *(
            (name, pa.string())
            for name in ("surface", "tenant", "fingerprint", "task", "task_name", "model", "unit", "user_id")
        ),
        *((name, pa.string()) for name in ("attempt_id", "who", "role", "outcome", "answer")),
        ("feedback", pa.float64()),
        ("correction", pa.string()),
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("request", pa.string()),  # null where the body is no text
    ]
)

Page = list[dict[str, Any]]


def export(database: Database, path: Path, fingerprints: list[str], tasks: Mapping[str, str]) -> int:
    """Write the calls beside their place and put them there at once; return how many.

    `tasks` gives the task of a fingerprint: without one, a call has that of its route, or none. `task_name` is the app's.
    `.parquet` is written as that, any other name as JSON lines.
    """
    write = _parquet if path.suffix == ".parquet" else _lines
    draft = path.with_name(f".{path.name}.tmp")
    try:
        count = write(draft, _pages(database, fingerprints, tasks))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _pages(database: Database, fingerprints: list[str], tasks: Mapping[str, str]) -> Iterator[Page]:
    """Give the calls in pages, smaller ones where large calls would take more memory than the log may."""
    after, limit = 0, _PAGE
    while True:
        try:
            page = database.read("faces.export", fingerprints=fingerprints, after_seq=after, limit=limit)
        except StoreError:
            if limit == 1:
                raise
            limit = max(1, limit // _FEWER)
            continue
        yield [row | {"task": tasks.get(row["fingerprint"], row["task"])} for row in page]
        if len(page) < limit:
            return
        after, limit = page[-1]["seq"], min(_PAGE, 2 * limit)


def _lines(path: Path, pages: Iterator[Page]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for page in pages:
            for row in page:
                line = {**_plain(row), "request": _object(request_body(row)), "answer": parsed(row["answer"])}
                file.write(_written(line) + "\n")
            count += len(page)
    return count


def _written(line: dict[str, Any]) -> str:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only escape
        return json.dumps(line, separators=(",", ":"), default=str)
    return text


def _parquet(path: Path, pages: Iterator[Page]) -> int:
    count = 0
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for page in pages:
            rows = [
                {
                    **_plain(row),
                    "request": _text(request_body(row)),
                    "scores": list((row["scores"] or {}).items()),
                }
                for row in page
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
            count += len(page)
    return count


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _PARTS}


def _object(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
