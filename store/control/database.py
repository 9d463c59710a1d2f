"""Opens the control database and fences its writes. Knows no table but the schema's version and the leader.

Every write is one transaction that first compares the writer's epoch with the current one.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from store.control.schema import leader, schema_version
from store.errors import Conflict, SchemaTooNew, StaleEpoch, StoreError
from store.sql import Migration, migrations

BUSY_S = 10.0  # how long a transaction waits for another process's
_AGAIN_S = 0.05


class Database:
    """A SQLite file in WAL mode. Thread-safe: each transaction has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = _engine(path)
        self._watch_lock = threading.Lock()  # guards: one statement at a time on `_watch`
        self._watch = sqlite3.connect(path, check_same_thread=False, isolation_level=None)

    def data_version(self) -> int:
        """Return a number that changes whenever anyone else commits; cheap enough to poll."""
        with self._watch_lock:
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def copy_to(self, path: Path) -> None:
        """Write one consistent state into a new file, mode 0600, while others read and write."""
        _create_private(path)
        with (
            _native(),
            closing(sqlite3.connect(self._path)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)

    def purge(self, patience_s: float = BUSY_S) -> bool:
        """Write the file anew without what was deleted, and empty the write-ahead log.

        False where others kept the file busy all the time: then old bytes may be left.
        """
        deadline = time.monotonic() + patience_s
        with _native(), closing(sqlite3.connect(self._path, isolation_level=None, timeout=patience_s)) as own:
            own.execute("PRAGMA temp_store=MEMORY")
            own.execute("VACUUM")
            while own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    return False
                time.sleep(_AGAIN_S)
        return True

    def close(self) -> None:
        """Close all connections."""
        with self._watch_lock:
            self._watch.close()
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one consistent view of the state."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, epoch: int | None) -> Iterator[Connection]:
        """Give one transaction that is kept whole or not at all.

        Raises StaleEpoch when a later leader exists, Conflict when something is written twice.
        `epoch` is None only for what an operator or the supervisor writes.
        """
        with _translated(), self._engine.connect() as plain:
            connection = plain.execution_options(write=True)
            with connection.begin():
                if epoch is not None:
                    self._fence(connection, epoch)
                yield connection

    def migrate(self, target: int | None = None) -> None:
        """Bring the schema to a version (None: the latest), forward or back, in one transaction."""
        steps = migrations("control")
        goal = len(steps) if target is None else target
        with self.writing(None) as connection:
            version = _version(connection)
            if version > len(steps):
                raise SchemaTooNew(
                    f"{self._path} has schema {version}; this program knows up to {len(steps)}: upgrade it."
                )
            _walk(connection, steps, version, goal)

    def _fence(self, connection: Connection, epoch: int) -> None:
        current = connection.execute(select(leader.c.epoch)).scalar() or 0
        if epoch < current:
            raise StaleEpoch(f"Epoch {epoch} was replaced by {current}; nothing was written.")


def _walk(connection: Connection, steps: Sequence[Migration], version: int, goal: int) -> None:
    forward = [step.forward for step in steps[version:goal]]
    back = [step.back for step in reversed(steps[goal:version])]
    for statements in (*forward, *back):
        for statement in statements:
            connection.exec_driver_sql(statement)
    if goal == version:
        return
    if goal == 0:
        return  # the table of the version went, too
    if version == 0:
        connection.execute(insert(schema_version).values(version=goal))
    else:
        connection.execute(update(schema_version).values(version=goal))


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return int(connection.execute(select(schema_version.c.version)).scalar() or 0)


def _engine(path: Path) -> Engine:
    _create_private(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours: see below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a decision that was announced stays made
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted leaves the file

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        # A write takes the lock at once: it never has to give up half-way for a stale view.
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"The control state {path} cannot be opened: {error.strerror}.") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Conflict(f"The control state refused the write: {error.orig}.") from error
    except OperationalError as error:
        raise StoreError(f"The control state cannot be used now: {error.orig}.") from error
    except DatabaseError as error:
        raise StoreError(f"The control state is damaged or no database: {error.orig}.") from error


@contextmanager
def _native() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"The control state cannot be used now: {error}.") from error
