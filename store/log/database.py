"""Opens the DuckDB file and runs named SQL on it. Knows no table.

Readers get a cursor each and see one consistent state; writers take turns. DuckDB itself keeps every
other process out while the file is open for writing. Never fork while it is open.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from store.errors import LogLocked, LogRefused, NotFound, SchemaTooNew, StoreError
from store.sql import Migration, migrations, query

STORAGE = "v1.5.0"  # the oldest DuckDB that can read the file
_ZSTD_FROM = 256  # bytes of a text column's mean value from which zstd is tried
_CHECKPOINT = "128MB"  # size of the write-ahead log that is folded into the file

_LOCKED = re.compile(r"set lock|conflicting lock", re.IGNORECASE)  # a full disk speaks of "blocks"

Row = dict[str, Any]


class Database:
    """One DuckDB file. Thread-safe."""

    def __init__(self, path: Path, *, read_only: bool, memory_limit: str) -> None:
        if read_only and not path.exists():
            raise NotFound(f"There is no log {path} yet.")
        self.path = path
        self._lock = threading.RLock()  # guards: one write transaction at a time
        new = not path.exists()
        try:
            self._connection = _connect(path, read_only=read_only, memory_limit=memory_limit)
            try:
                self._prepare(read_only=read_only)
            except BaseException:
                self._connection.close()
                raise
        except StoreError as error:
            if new and not isinstance(error, LogLocked):
                _forget(path)  # half of a new file, on a full disk: the next start could not open it
            raise

    def read(self, name: str, *, wanted: Sequence[str] | None = None, **values: Any) -> list[Row]:
        """Run the named query with its parameters and return its rows.

        `wanted` are ids that the query reads as the table `wanted (id)`: binding a list of thousands
        takes DuckDB a second.
        """
        with _translated(), self._connection.cursor() as cursor:
            if wanted is not None:
                cursor.register("wanted", pa.table({"id": pa.array(wanted, pa.string())}))
            return _run(cursor, name, values)

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Give one transaction, kept whole or not at all."""
        with self._lock, _translated(), self._connection.cursor() as cursor:
            cursor.begin()
            try:
                yield Writing(cursor)
                cursor.commit()
            except BaseException:
                cursor.rollback()
                raise

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file; put off while someone reads an older state."""
        with self._lock, self._connection.cursor() as cursor:
            try:
                cursor.execute("CHECKPOINT")
            except duckdb.TransactionException:
                return

    def bytes_on_disk(self) -> int:
        """Return the size of the file and its write-ahead log."""
        files = (self.path, self.path.with_name(f"{self.path.name}.wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _prepare(self, *, read_only: bool) -> None:
        steps = migrations("log")
        version = self._version()
        if version > len(steps):
            raise SchemaTooNew(
                f"{self.path} has schema {version}; this program knows up to {len(steps)}: upgrade it."
            )
        if version < len(steps) and read_only:
            raise StoreError(f"{self.path} has an older schema; `stillhouse up` brings it up to date.")
        if version < len(steps):
            self.migrate(len(steps))

    def migrate(self, goal: int) -> None:
        """Bring the schema to a version, forward or back, in one transaction."""
        steps, version = migrations("log"), self._version()
        with self.writing() as writing:
            for statements in _walk(steps, version, goal):
                for statement in statements:
                    writing.cursor.execute(statement)
            if goal:
                writing.cursor.execute("DELETE FROM log_meta WHERE key = 'schema'")
                writing.cursor.execute("INSERT INTO log_meta VALUES ('schema', ?)", [goal])

    def _version(self) -> int:
        with _translated(), self._connection.cursor() as cursor:
            there = "SELECT 1 FROM information_schema.tables WHERE table_name = 'log_meta'"
            if cursor.execute(there).fetchone() is None:
                return 0
            row = cursor.execute("SELECT max(value) FROM log_meta WHERE key = 'schema'").fetchone()
            return int(row[0] or 0) if row else 0


class Writing:
    """A write transaction in progress."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor

    def run(self, name: str, **values: Any) -> list[Row]:
        """Run the named statement."""
        return _run(self.cursor, name, values)

    def load(self, name: str, batch: pa.Table) -> None:
        """Run the named statement, which reads the table as `batch`."""
        if batch.num_rows:
            self.cursor.register("batch", batch)
            self.cursor.execute(query(name))
            self.cursor.unregister("batch")


def _run(cursor: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, Any]) -> list[Row]:
    result = cursor.execute(query(name), dict(values) or None)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _walk(steps: tuple[Migration, ...], version: int, goal: int) -> list[tuple[str, ...]]:
    forward = [step.forward for step in steps[version:goal]]
    return forward + [step.back for step in reversed(steps[goal:version])]


def _forget(path: Path) -> None:
    for file in (path, path.with_name(f"{path.name}.wal")):
        file.unlink(missing_ok=True)


def _connect(path: Path, *, read_only: bool, memory_limit: str) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": 2,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "checkpoint_threshold": _CHECKPOINT,
    }
    if not read_only:
        config["storage_compatibility_version"] = STORAGE
    with _translated():
        connection = duckdb.connect(path, read_only=read_only, config=config)
        connection.execute(f"SET zstd_min_string_length = {_ZSTD_FROM}")
    if not read_only:
        path.chmod(0o600)
    return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except duckdb.IOException as error:
        if _LOCKED.search(str(error)):
            raise LogLocked("Another process has the log open: is `stillhouse up` running?") from error
        raise StoreError(f"The log cannot be read or written: {_first_line(error)}") from error
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException) as error:
        raise LogRefused(f"The log refused a value: {_first_line(error)}") from error
    except duckdb.Error as error:
        raise StoreError(f"The log refused: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
