"""Who leads. Knows no lock file: whoever takes the epoch last is the leader."""

from __future__ import annotations

import time

from sqlalchemy import insert, select, update

from store.control.database import Database
from store.control.schema import leader


class LeaderTable(Database):
    """The fencing epoch and the leader's heartbeat."""

    def take_epoch(self, holder: str) -> int:
        """Become the leader: the next epoch, which every earlier leader's writes fail against."""
        with self.writing(None) as connection:
            current = connection.execute(select(leader.c.epoch)).scalar()
            epoch = (current or 0) + 1
            row = {"epoch": epoch, "holder": holder, "heartbeat": time.time()}
            if current is None:
                connection.execute(insert(leader).values(id=1, **row))
            else:
                connection.execute(update(leader).values(row))
        return epoch

    def heartbeat(self, epoch: int, now: float) -> None:
        """Say that the leader lives, at `now` (Unix seconds)."""
        with self.writing(epoch) as connection:
            connection.execute(update(leader).values(heartbeat=now))

    def heartbeat_at(self) -> float:
        """Return when the leader last said so (Unix seconds), 0.0 when there never was one."""
        with self.reading() as connection:
            return float(connection.execute(select(leader.c.heartbeat)).scalar() or 0.0)
