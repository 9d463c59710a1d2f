"""Writes files of the log anew, without some of their rows. Does not know why they go.

DuckDB keeps deleted bytes in its blocks, so what is to be gone is left out of a new file, and the files are
exchanged: the hot file's exchange is one `rename`, a month's is one transaction of the hot file, which lists the
new one in place of the old. A crash before leaves a file that nobody lists, a crash after an old one that nobody
lists: either is swept at the next opening.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from store.disk import sync
from store.errors import StoreError
from store.log import files
from store.log.database import HOT, LOG, Database, Row, run
from store.log.engine import translated

TABLES = ("calls", "attempts", "scores", "feedback")
_DRAFT = "draft"  # alias of the file that is being written


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What is in a file that was written."""

    calls: int
    prompts: int


@contextmanager
def rewriting(database: Database) -> Iterator[Rewrite]:
    """Give a rewrite. Nothing is loaded meanwhile; readers go on but for the moments of exchange."""
    with database.turn, translated(), database.engine.cursor() as cursor:
        yield Rewrite(database, cursor)


class Rewrite:
    """Rows that are marked, and what can be done with them."""

    def __init__(self, database: Database, cursor: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._cursor = cursor
        self.run("files.start")

    def run(self, name: str, **values: Any) -> list[Row]:
        """Run a named statement on the views and the marks."""
        return run(self._cursor, name, values)

    def register(self, name: str, table: pa.Table) -> None:
        """Let statements read the table under a name."""
        self._cursor.register(name, table)

    def marked(self) -> dict[str, dict[str, int]]:
        """Return how many rows are marked, by part and table."""
        found: dict[str, dict[str, int]] = {}
        for row in self.run("files.marks"):
            found.setdefault(row["part"], {})[row["name"]] = row["rows"]
        return found

    def take_away(self) -> int:
        """Write every file that has marked rows anew without them; return how many prompts went with them.

        A month of which nothing would stay is dropped. Where it is interrupted, some files are done and others
        are as they were. The newest file comes first: what came late for a call of a sealed month (its end as
        `lost`, a score) lies in a later file, and must not outlive the call by which it is found again.
        """
        prompts = 0
        marked = self.marked()
        if HOT in marked:
            before = self.run("files.rows", part=HOT)[0]["prompts"]
            prompts += before - self.replace_hot().prompts
        months = {row["part"]: row["month"] for row in self.run("files.listed")}
        for part, month in sorted(months.items(), reverse=True):
            if part in marked:
                prompts += self._take_from_month(part, month, sum(marked[part].values()))
        return prompts

    def seal(self, month: str, now: float) -> str:
        """Move the marked rows of the hot file into a month of its own; return its part."""
        part = files.new_part(month)
        draft, kept = self._write(part, HOT, marked=True)
        draft.replace(self._database.folder / files.name(part))
        sync(self._database.folder)
        self.replace_hot({"part": part, "month": month, "calls": kept.calls, "sealed_ts": now})
        return part

    def replace_hot(self, month: Mapping[str, Any] | None = None) -> Kept:
        """Put a hot file without the marked rows in the place of the present one, listing one more month."""
        database = self._database
        draft, kept = self._write(files.new_part(HOT), HOT, marked=False, month=month)
        database.engine.checkpoint(LOG)  # readers need not wait for this one
        with database.exchanging():
            database.engine.checkpoint(LOG)
            database.engine.detach(LOG)
            if files.wal(database.path).exists():
                raise StoreError(f"The write-ahead log of {database.path} could not be folded into it.")
            draft.replace(database.path)
            sync(database.path.parent)
        return kept

    def _take_from_month(self, part: str, month: str, marked: int) -> int:
        there = self.run("files.rows", part=part)[0]
        if marked == there["rows"]:
            self._relist(part)
            return int(there["prompts"])
        new_part = files.new_part(month)
        draft, kept = self._write(new_part, part, marked=False)
        draft.replace(self._database.folder / files.name(new_part))
        sync(self._database.folder)
        self._relist(part, new_part=new_part, calls=kept.calls)
        return int(there["prompts"]) - kept.prompts

    def _relist(self, part: str, **new: Any) -> None:
        """List another file in place of a part, or none, and delete the old one."""
        database, last_seq = self._database, self._last_seq()
        with database.exchanging(), database.writing() as writing:
            writing.run("files.replace_month" if new else "files.drop_month", part=part, **new)
            writing.run("files.forget_last_seq")
            writing.run("files.note_last_seq", last_seq=last_seq)
        files.forget(database.folder / files.name(part))
        sync(database.folder)

    def _write(
        self, part: str, source: str, *, marked: bool, month: Mapping[str, Any] | None = None
    ) -> tuple[Path, Kept]:
        """Write a draft of the marked rows of a part, or of the others; nothing is left of one that fails."""
        draft, engine = files.draft(self._database.folder, part), self._database.engine
        last_seq = self._last_seq()
        try:
            engine.attach(draft, _DRAFT, read_only=False)
            draft.chmod(0o600)
            engine.migrate(_DRAFT)
            with _within(self._cursor, _DRAFT):
                for table in TABLES:
                    self.run(f"files.keep_{table}", part=source, marked=marked)
                self.run("files.keep_prompts", part=source)
                if part.startswith(HOT):
                    self._keep_books(last_seq, month)
                kept = Kept(**self.run("files.count_kept")[0])
            engine.checkpoint(_DRAFT)
            engine.detach(_DRAFT)
            sync(draft)
        except BaseException:
            with suppress(StoreError):
                engine.detach(_DRAFT)
            files.forget(draft)
            raise
        return draft, kept

    def _keep_books(self, last_seq: int, month: Mapping[str, Any] | None) -> None:
        for table in ("ingest_log", "tallies", "months"):
            self.run(f"files.keep_{table}")
        self.run("files.keep_last_seq", last_seq=last_seq)
        if month is not None:
            self.run("files.add_month", **month)

    def _last_seq(self) -> int:
        return int(self.run("ingest.next_seq")[0]["next_seq"]) - 1


@contextmanager
def _within(cursor: duckdb.DuckDBPyConnection, alias: str) -> Iterator[None]:
    """Let unqualified tables be those of one file, in one transaction."""
    cursor.execute(f'USE "{alias}"')
    cursor.begin()
    try:
        yield
        cursor.commit()
    except BaseException:
        cursor.rollback()
        raise
    finally:
        cursor.execute("USE memory.main")


def ids(wanted: Sequence[str]) -> pa.Table:
    """Return ids as a table `(id)`."""
    return pa.table({"id": pa.array(wanted, pa.string())})
