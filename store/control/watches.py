"""What is watched of live rollouts besides their pairs. Knows no test."""

from __future__ import annotations

from sqlalchemy import select

from store.control.database import Database
from store.control.rows import every, upsert, values
from store.control.schema import watches
from store.vocabulary import Watch


class WatchTable(Database):
    """How far each thing about a rollout was watched."""

    def watches(self, rollout_id: str) -> list[Watch]:
        """Return what is watched of a rollout, by kind."""
        query = select(watches).where(watches.c.rollout_id == rollout_id).order_by(watches.c.kind)
        with self.reading() as connection:
            return every(connection, Watch, query)

    def save_watch(self, watch: Watch, epoch: int) -> None:
        """Write how far one thing was watched, over what was known of it."""
        with self.writing(epoch) as connection:
            upsert(connection, watches, values(watch))
