"""What is to be announced, and how far each channel has come. Knows no channel and no message.

A row is written in the transaction of what it announces. It goes when every channel has it, or when there
are too many: then the oldest go first, and what they announced stands in its own table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from store.control.database import Database
from store.control.rows import every, first, upsert, values
from store.control.schema import outbox, outbox_readers


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    """One row of the outbox: JSON, without the inputs that a decision keeps."""

    position: int
    ts: float
    kind: str  # transition
    ref: str  # id of what is announced
    payload: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A channel, and the position up to which it is done."""

    name: str
    position: int
    dropped: int = 0  # rows that it never delivered


class OutboxTable(Database):
    """The outbox, read in the order of writing."""

    def announced(self, after: int, limit: int) -> list[Announced]:
        """Return rows after a position, oldest first."""
        query = select(outbox).where(outbox.c.position > after).order_by(outbox.c.position).limit(limit)
        with self.reading() as connection:
            return every(connection, Announced, query)

    def outbox_reader(self, name: str, epoch: int) -> Reader:
        """Return a channel; one that is new begins with what is announced from now on."""
        with self.reading() as connection:
            query = select(outbox_readers).where(outbox_readers.c.name == name)
            if (known := first(connection, Reader, query)) is not None:
                return known
        with self.writing(epoch) as connection:
            last = connection.execute(select(func.max(outbox.c.position))).scalar() or 0
            reader = Reader(name=name, position=last)
            upsert(connection, outbox_readers, values(reader))
        return reader

    def save_outbox_reader(self, reader: Reader, epoch: int) -> None:
        """Write how far a channel has come."""
        with self.writing(epoch) as connection:
            upsert(connection, outbox_readers, values(reader))

    def outbox_readers(self) -> list[Reader]:
        """Return the channels that there are or were."""
        with self.reading() as connection:
            return every(connection, Reader, select(outbox_readers).order_by(outbox_readers.c.name))

    def keep_outbox_readers(self, names: Sequence[str], epoch: int) -> None:
        """Forget all other channels."""
        with self.writing(epoch) as connection:
            connection.execute(delete(outbox_readers).where(outbox_readers.c.name.not_in(names)))

    def outbox_waiting(self, after: int) -> int:
        """Return how many rows there are after a position."""
        with self.reading() as connection:
            query = select(func.count()).select_from(outbox).where(outbox.c.position > after)
            return int(connection.execute(query).scalar() or 0)

    def trim_outbox(self, done: int, most: int, epoch: int) -> None:
        """Delete rows up to a position, and the oldest beyond `most`.

        The latest row stays: positions go on from it, without a gap.
        """
        with self.reading() as connection:
            ends = select(func.min(outbox.c.position), func.max(outbox.c.position))
            oldest, last = connection.execute(ends).one()
        if oldest is None or oldest > (until := min(max(done, last - most), last - 1)):
            return
        with self.writing(epoch) as connection:
            connection.execute(delete(outbox).where(outbox.c.position <= until))
