"""Files of records, row by row with their places. Knows what JSON, CSV and Parquet are, and no format's meaning.

A JSON file is lines, or one array, or one object; a page of an API (`{"data": [...]}`) is the rows in it. A file that is
no lines is read whole.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from stillhouse.errors import StillhouseError
from stillhouse.importing.found import Object

_CHUNK = 1 << 20
_OF_A_PAGE = {
    "data",
    "meta",
    "total",
    "page",
    "page_size",
    "total_pages",
}  # Langfuse's, and of LiteLLM's spend logs
_MOST = 1 << 28  # characters of one CSV field, as much as a journal frame holds


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One record, or why there is none at that place."""

    place: str
    value: Object | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One file; it may be gone through more than once."""

    path: Path

    def sha256(self) -> str:
        """Give the hash of the file as it is. Raises StillhouseError."""
        state = hashlib.sha256()
        try:
            with self.path.open("rb") as file:
                while piece := file.read(_CHUNK):
                    state.update(piece)
        except OSError as error:
            raise _unreadable(self.path, error.strerror or str(error)) from error
        return state.hexdigest()

    def __iter__(self) -> Iterator[Row]:
        """Give the rows. Raises StillhouseError where the file as a whole cannot be read."""
        try:
            yield from self._rows()
        except (OSError, EOFError) as error:
            raise _unreadable(self.path, str(error)) from error
        except UnicodeDecodeError as error:
            raise _unreadable(self.path, "it is not UTF-8 text") from error

    def _rows(self) -> Iterator[Row]:
        name = self.path.name.removesuffix(".gz")
        if name.endswith(".parquet"):
            yield from self._parquet()
        elif name.endswith(".csv"):
            yield from self._csv()
        else:
            yield from self._json()

    def _open(self) -> IO[str]:
        if self.path.name.endswith(".gz"):
            return gzip.open(self.path, "rt", encoding="utf-8-sig", newline="")
        return self.path.open(encoding="utf-8-sig", newline="")

    def _json(self) -> Iterator[Row]:
        whole = None if self._begins_with_an_object() else self._whole()
        if whole is None:
            yield from self._lines()
            return
        for number, value in enumerate(_unwrapped(whole), 1):
            yield _row(f"{self.path.name}: record {number}", value)

    def _begins_with_an_object(self) -> bool:
        """Tell whether the first line that says anything is a whole object: then each line is one."""
        with self._open() as file:
            first = next((line for line in file if line.strip()), "")
        try:
            return isinstance(json.loads(first), dict)
        except (ValueError, RecursionError):
            return False

    def _whole(self) -> Any:
        """Give the file as one value; None where it is none: lines, the first of which is broken."""
        with self._open() as file:
            try:
                return json.load(file)
            except (ValueError, RecursionError):
                return None

    def _lines(self) -> Iterator[Row]:
        with self._open() as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                place = f"{self.path.name}:{number}"
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError):
                    yield Row(place=place, why="the line is not JSON")
                    continue
                for each in _unwrapped(value):
                    yield _row(place, each)

    def _csv(self) -> Iterator[Row]:
        csv.field_size_limit(_MOST)
        with self._open() as file:
            reader = csv.DictReader(file, restkey="")
            try:
                for fields in reader:
                    yield _row(f"{self.path.name}:{reader.line_num}", fields)
            except csv.Error as error:
                raise _unreadable(self.path, f"line {reader.line_num}: {error}") from error

    def _parquet(self) -> Iterator[Row]:
        import pyarrow as pa  # noqa: PLC0415 - slow to load, and rarely needed
        from pyarrow import parquet  # noqa: PLC0415 - the same

        try:
            number = 0
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=1000):
                    for value in batch.to_pylist():
                        number += 1
                        yield _row(f"{self.path.name}: record {number}", value)
        except pa.ArrowException as error:
            raise _unreadable(self.path, str(error)) from error


def _row(place: str, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(place=place, value=value)
    return Row(place=place, why="the record is no object")


def _unwrapped(value: Any) -> list[Any]:
    """Give the records of an array or of a page."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        paged = value.get("object") == "list" or not value.keys() - _OF_A_PAGE
        return value["data"] if paged else [value]
    return [value]


def _unreadable(path: Path, why: str) -> StillhouseError:
    return StillhouseError(f"{path} cannot be read: {why}.")
