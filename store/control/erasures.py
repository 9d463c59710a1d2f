"""What was asked to be erased, and which copies of the log were handed out. Knows no phase and no file.

An erasure's subject never stands here, only its salted hash.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update

from store.control.database import Database
from store.control.rows import every, first, upsert, values
from store.control.schema import copies, erasures, evaluations, observations
from store.errors import NotFound

Kind = Literal["user", "conversation", "call"]
DONE, INCOMPLETE = "done", "incomplete"
ENDED = frozenset({DONE, INCOMPLETE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """One wish to be forgotten, how far it is, and what was found and taken."""

    erasure_id: str
    asked: float  # Unix seconds
    kind: Kind
    subject: str  # salted hash, hex
    tenant: str | None = None  # narrows it to one client key's calls
    phase: str  # the next thing to do; in the end "done" or "incomplete"
    report: dict[str, Any] = field(default_factory=dict)  # by phase
    finished: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.phase in ENDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A copy of logged calls that was made on purpose, and where to."""

    copy_id: str
    kind: str  # export | backup
    path: str  # absolute, on the machine that asked for it
    made: float  # Unix seconds, when it was begun


class ErasureTables(Database):
    """Erasures and copies."""

    def erasures(self, *, pending: bool = False) -> list[Erasure]:
        """Return erasures, oldest first; `pending`: only those that have not ended."""
        query = select(erasures).order_by(erasures.c.asked, erasures.c.erasure_id)
        if pending:
            query = query.where(erasures.c.finished.is_(None))
        with self.reading() as connection:
            return every(connection, Erasure, query)

    def erasure(self, erasure_id: str) -> Erasure | None:
        """Return one erasure."""
        query = select(erasures).where(erasures.c.erasure_id == erasure_id)
        with self.reading() as connection:
            return first(connection, Erasure, query)

    def add_erasure(self, erasure: Erasure, epoch: int) -> None:
        """Write a new erasure. Raises Conflict for one that is there."""
        with self.writing(epoch) as connection:
            connection.execute(insert(erasures).values(values(erasure)))

    def save_erasure(self, erasure: Erasure, epoch: int) -> None:
        """Write an erasure as it is now."""
        with self.writing(epoch) as connection:
            same = erasures.c.erasure_id == erasure.erasure_id
            if connection.execute(update(erasures).where(same).values(values(erasure))).rowcount == 0:
                raise NotFound(f"There is no erasure {erasure.erasure_id!r}.")

    def copies(self) -> list[Copy]:
        """Return the copies that are known of, oldest first."""
        with self.reading() as connection:
            return every(connection, Copy, select(copies).order_by(copies.c.made, copies.c.copy_id))

    def add_copy(self, copy: Copy) -> None:
        """Remember a copy (whoever makes one does; no epoch); one at the same place takes the old one's row."""
        with self.writing(None) as connection:
            connection.execute(delete(copies).where(copies.c.path == copy.path))
            upsert(connection, copies, values(copy))

    def drop_copy(self, copy_id: str) -> None:
        """Forget a copy that is gone, or was not made after all."""
        with self.writing(None) as connection:
            connection.execute(delete(copies).where(copies.c.copy_id == copy_id))

    def forget_calls(self, call_ids: Collection[str], epoch: int) -> int:
        """Take erased calls out of observations and evaluations; return how many rows were changed.

        An observation keeps its figures, which the statistics rest on, and loses the call's id. An
        evaluation loses the examples that it quotes.
        """
        gone = frozenset(call_ids)
        with self.writing(epoch) as connection:
            return _unname(connection, gone) + _unquote(connection, gone)


def _unname(connection: Connection, gone: frozenset[str]) -> int:
    keys = (observations.c.rollout_id, observations.c.stream, observations.c.seq)
    rows = connection.execute(select(*keys, observations.c.call_id)).all()
    named = [row for row in rows if row.call_id in gone]
    for row in named:
        same = [column == value for column, value in zip(keys, row, strict=False)]
        connection.execute(update(observations).where(*same).values(call_id=""))
    return len(named)


def _unquote(connection: Connection, gone: frozenset[str]) -> int:
    changed = 0
    for row in connection.execute(select(evaluations.c.evaluation_id, evaluations.c.detail)).all():
        quoted = row.detail.get("worse", [])
        kept = [example for example in quoted if example.get("call_id") not in gone]
        if len(kept) < len(quoted):
            same = evaluations.c.evaluation_id == row.evaluation_id
            connection.execute(update(evaluations).where(same).values(detail={**row.detail, "worse": kept}))
            changed += 1
    return changed
