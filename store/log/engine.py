"""An in-memory DuckDB to which database files are attached. Knows no table, and not which files there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from store.errors import LogLocked, LogRefused, SchemaTooNew, StoreError
from store.sql import Migration, migrations

STORAGE = "v1.5.0"  # the oldest DuckDB that can read the files
_ZSTD_FROM = 256  # bytes of a text column's mean value from which zstd is tried
_THREADS = 2  # the gateway's workers have the other cores
_SMALL, _MANY = 4_096, 32  # rows of a small group; how many of those are put together

_LOCKED = re.compile(r"set lock|conflicting lock", re.IGNORECASE)  # a full disk speaks of "blocks"


class Engine:
    """One DuckDB instance. Every cursor sees the same attached files and the same views."""

    def __init__(self, *, memory_limit: str, checkpoint: str, spill: Path) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "threads": _THREADS,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "checkpoint_threshold": checkpoint,
            "zstd_min_string_length": _ZSTD_FROM,
            "max_vacuum_tasks": 0,  # to put groups of rows together writes up to 100 MB anew: see `gather_groups`
        }
        with translated():
            self._connection = duckdb.connect(":memory:", config=config)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a cursor of its own transaction; close it."""
        return self._connection.cursor()

    def attach(self, path: Path, alias: str, *, read_only: bool) -> None:
        """Attach a file, making it where it is not there and may be written. Raises LogLocked."""
        place, options = (
            str(path).replace("'", "''"),
            "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE}'",
        )
        with translated():
            self._connection.execute(f"ATTACH '{place}' AS \"{alias}\" ({options})")

    def detach(self, alias: str) -> None:
        """Fold the write-ahead log of a file into it, and let it go."""
        with translated():
            self._connection.execute(f'DETACH "{alias}"')

    def checkpoint(self, alias: str) -> None:
        """Fold the write-ahead log into the file; put off while someone reads an older state."""
        with translated(), suppress(duckdb.TransactionException):
            self._connection.execute(f'CHECKPOINT "{alias}"')

    def gather_groups(self, alias: str, table: str) -> None:
        """Let the next folding put groups of rows together where the table has many small ones.

        Each folding begins a group, and a block. Those of a busy log are large; a log that is often closed has
        one for each time.
        """
        counted = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info(?) WHERE count < ? AND column_id = 0"
        with translated(), self.cursor() as cursor:
            found = cursor.execute(counted, [f"{alias}.{table}", _SMALL]).fetchone()
            if found and found[0] >= _MANY:
                cursor.execute("RESET GLOBAL max_vacuum_tasks")

    def version(self, alias: str) -> int:
        """Return the version of an attached file's schema, 0 for an empty one."""
        there = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = 'log_meta'"
        with translated(), self.cursor() as cursor:
            if cursor.execute(there, [alias]).fetchone() is None:
                return 0
            found = f"SELECT max(value) FROM \"{alias}\".log_meta WHERE key = 'schema'"  # noqa: S608 - an alias of ours
            row = cursor.execute(found).fetchone()
            return int(row[0] or 0) if row else 0

    def migrate(self, alias: str, goal: int | None = None) -> None:
        """Bring a file's schema to a version (the latest for None), forward or back, in one transaction."""
        steps, version = migrations("log"), self.version(alias)
        goal = len(steps) if goal is None else goal
        if version == goal:
            return
        with translated(), self.cursor() as cursor:
            cursor.execute(f'USE "{alias}"')
            cursor.begin()
            try:
                for statements in _walk(steps, version, goal):
                    for statement in statements:
                        cursor.execute(statement)
                if goal:
                    cursor.execute("DELETE FROM log_meta WHERE key = 'schema'")
                    cursor.execute("INSERT INTO log_meta VALUES ('schema', ?)", [goal])
                cursor.commit()
            except BaseException:
                cursor.rollback()
                raise

    def outdated(self, alias: str, path: Path) -> bool:
        """Tell whether a file's schema is older than this program's. Raises SchemaTooNew."""
        version, known = self.version(alias), len(migrations("log"))
        if version > known:
            raise SchemaTooNew(f"{path} has schema {version}; this program knows up to {known}: upgrade it.")
        return version < known

    def close(self) -> None:
        """Let all files go."""
        self._connection.close()


def _walk(steps: tuple[Migration, ...], version: int, goal: int) -> list[tuple[str, ...]]:
    forward = [step.forward for step in steps[version:goal]]
    return forward + [step.back for step in reversed(steps[goal:version])]


@contextmanager
def translated() -> Iterator[None]:
    """Say the engine's errors in ours."""
    try:
        yield
    except duckdb.IOException as error:
        if _LOCKED.search(str(error)):
            raise LogLocked(
                "Another process has the log open: control, where `stillhouse up` runs; while that starts, try again in a minute."
            ) from error
        raise StoreError(f"The log cannot be read or written: {_first_line(error)}") from error
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException) as error:
        raise LogRefused(f"The log refused a value: {_first_line(error)}") from error
    except duckdb.Error as error:
        raise StoreError(f"The log refused: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
