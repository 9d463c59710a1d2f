"""The files of the log as one database. Knows no question that is asked of it.

`log.duckdb` (attached as `log`) holds the present, the sealed months lie beside it in a folder of their own. Views
of the same names put their tables together: a table `calls` with the column `part` (whose file) and `row` (which
of it) is all calls. Writers take turns and write `log.<table>`; readers get a cursor each and see one consistent
state, also while files are exchanged. DuckDB itself keeps every other process out while the log is open for
writing. Never fork while it is open; and do not open its files by other means in the same process: closing such
a handle would drop DuckDB's lock.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from store.errors import LogLocked, NotFound, StoreError
from store.log import files
from store.log.engine import Engine, translated
from store.log.gate import Gate
from store.sql import query

HOT = "hot"  # the part that is written
LOG = "log"  # the alias of its file
PARTED = ("calls", "attempts", "scores", "feedback", "prompts")
_HOT_ONLY = ("ingest_log", "log_meta", "months", "tallies")
_PATIENCE, _PAUSE_S = 100, 0.05
_DERIVED = ("resolved_feedback", "latest_feedback")

Row = dict[str, Any]


class Database:
    """One log. Thread-safe."""

    def __init__(
        self, path: Path, *, read_only: bool, memory_limit: str = "1GB", checkpoint: str = "128MB"
    ) -> None:
        if read_only and not path.exists():
            raise NotFound(f"There is no log {path} yet.")
        self.path = path
        self.folder = files.folder(path)
        self.read_only = read_only
        self.turn = threading.RLock()  # guards: one write at a time, of a row or of a file
        self._gate = Gate()  # guards: no reader while files are exchanged
        self._whole = True  # all files are attached, and the views are theirs
        self.months: tuple[str, ...] = ()  # names of the sealed files that are attached
        self.files = 0  # another number after each exchange; stays as it is while someone looks
        new = not path.exists()
        with files.spill(self.folder) as spill:
            self.engine = Engine(memory_limit=memory_limit, checkpoint=checkpoint, spill=spill)
        self._spill = spill
        try:
            self._open(new=new)
        except BaseException as error:
            self.engine.close()
            if new and isinstance(error, StoreError) and not isinstance(error, LogLocked):
                files.forget(path)  # half of a new file, on a full disk: the next start could not open it
            raise

    def read(self, name: str, *, wanted: Sequence[str] | None = None, **values: Any) -> list[Row]:
        """Run the named query with its parameters and return its rows.

        `wanted` are ids that the query reads as the table `wanted (id)`: binding a list of thousands
        takes DuckDB a second.
        """
        with self.looking() as cursor:
            if wanted is not None:
                cursor.register("wanted", pa.table({"id": pa.array(wanted, pa.string())}))
            return run(cursor, name, values)

    @contextmanager
    def looking(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor for reading; no file is exchanged meanwhile."""
        if not self._whole:
            with self.exchanging():
                pass
        with self._gate.shared(), translated(), self.engine.cursor() as cursor:
            yield cursor

    def parts(self) -> dict[str, str]:
        """Return the parts by the alias of their file."""
        return {**{part: part for part in self.months}, LOG: HOT}

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Give one transaction of the hot file, kept whole or not at all."""
        with self.turn, translated(), self.engine.cursor() as cursor:
            cursor.begin()
            try:
                yield Writing(cursor)
                cursor.commit()
            except BaseException:
                cursor.rollback()
                raise

    @contextmanager
    def exchanging(self) -> Iterator[None]:
        """Keep every reader and writer out; then put together again what is there."""
        with self.turn, self._gate.alone():
            try:
                yield
            finally:
                self.gather()

    def bytes_on_disk(self) -> int:
        """Return the size of the files and of the write-ahead log."""
        parts = [self.path, files.wal(self.path), *(self.folder / files.name(part) for part in self.months)]
        return sum(file.stat().st_size for file in parts if file.exists())

    def close(self) -> None:
        """Close the files, after the transaction that is under way."""
        with self.turn, self._gate.alone():
            if self._whole and not self.read_only:
                with suppress(StoreError):  # closed before; and it is closed in any case
                    self.engine.gather_groups(LOG, "calls")
            self.engine.close()
        files.empty(self._spill)

    def _open(self, *, new: bool) -> None:
        if new:
            files.check_alone(self.folder)
        self.engine.attach(self.path, LOG, read_only=self.read_only)
        if self.engine.outdated(LOG, self.path):
            if self.read_only:
                raise StoreError(f"{self.path} has an older schema; `stillhouse up` brings it up to date.")
            self.engine.migrate(LOG)
        if not self.read_only:
            self.path.chmod(0o600)
        self.gather()
        if not self.read_only:
            files.sweep(self.folder, keep=self.months, spill=self._spill)

    def gather(self) -> None:
        """Attach what the hot file lists, let go what it does not, and make the views anew."""
        self._whole = False
        with translated(), self.engine.cursor() as cursor:
            if not self._attached(cursor, LOG):
                self._attach_again()
            rows = cursor.execute("SELECT part FROM log.months ORDER BY part").fetchall()
            months = tuple(str(part) for (part,) in rows)
            for part in months:
                if not self._attached(cursor, part):
                    self._attach_month(part)
            self._make_views(cursor, months)
            gone = [part for part in self.months if part not in months]
            self.months = months
            self.files += 1
            for part in gone:
                self.engine.detach(part)
        self._whole = True

    def _attach_again(self) -> None:
        """Attach the hot file after an exchange; someone may have looked at it in that moment."""
        for left in range(_PATIENCE, -1, -1):
            try:
                return self.engine.attach(self.path, LOG, read_only=self.read_only)
            except LogLocked:
                if not left:
                    raise
                time.sleep(_PAUSE_S)
        return None

    def _attach_month(self, part: str) -> None:
        path = self.folder / files.name(part)
        if not path.exists():
            raise StoreError(f"{path} is missing: restore it from a backup.")
        self.engine.attach(path, part, read_only=True)
        if self.engine.outdated(part, path):
            if self.read_only:
                raise StoreError(f"{path} has an older schema; `stillhouse up` brings it up to date.")
            self.engine.detach(part)
            self.engine.attach(path, part, read_only=False)
            self.engine.migrate(part)
            self.engine.detach(part)
            self.engine.attach(path, part, read_only=True)

    @staticmethod
    def _attached(cursor: duckdb.DuckDBPyConnection, alias: str) -> bool:
        found = "SELECT 1 FROM duckdb_databases() WHERE database_name = ?"
        return cursor.execute(found, [alias]).fetchone() is not None

    @staticmethod
    def _make_views(cursor: duckdb.DuckDBPyConnection, months: Sequence[str]) -> None:
        views = {name: f"FROM log.{name}" for name in _HOT_ONLY}
        for name in PARTED:
            views[name] = " UNION ALL ".join(
                f"SELECT '{part}' AS part, rowid AS row, * FROM \"{alias}\".{name}"  # noqa: S608 - names of ours
                for part, alias in [*((month, month) for month in months), (HOT, LOG)]
            )
        views |= {name: query(f"views.{name}") for name in _DERIVED}
        for name, body in views.items():
            cursor.execute(f"CREATE OR REPLACE VIEW memory.main.{name} AS {body}")


class Writing:
    """A write transaction in progress."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor

    def run(self, name: str, **values: Any) -> list[Row]:
        """Run the named statement."""
        return run(self.cursor, name, values)

    def load(self, name: str, batch: pa.Table) -> None:
        """Run the named statement, which reads the table as `batch`."""
        if batch.num_rows:  # DuckDB finds `batch` in this frame: to register it would take a millisecond
            self.cursor.execute(query(name))


def run(cursor: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, Any]) -> list[Row]:
    """Run the named statement on a cursor; ids come as text."""
    result = cursor.execute(query(name), dict(values) or None)
    columns = result.description or ()
    names = [column[0] for column in columns]
    ids = [column[0] for column in columns if column[1] == "UUID"]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    for row in rows:
        for name_ in ids:
            if isinstance(row[name_], uuid.UUID):
                row[name_] = str(row[name_])
    return rows
