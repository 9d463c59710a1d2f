"""Student servers that should run. Knows no process."""

from __future__ import annotations

from sqlalchemy import select, update

from store.control.database import Database
from store.control.rows import every, upsert, values
from store.control.schema import servers
from store.vocabulary import Server


class ServerTable(Database):
    """What the control process wants and the supervisor has seen."""

    def servers(self) -> list[Server]:
        """Return all servers, wanted or not."""
        with self.reading() as connection:
            return every(connection, Server, select(servers).order_by(servers.c.student_id))

    def save_server(self, server: Server, epoch: int) -> None:
        """Write what is wanted; the pid of a server that is there stays the supervisor's."""
        with self.writing(epoch) as connection:
            same = servers.c.student_id == server.student_id
            known = connection.execute(select(servers.c.pid).where(same)).first()
            row = values(server) if known is None else {**values(server), "pid": known.pid}
            upsert(connection, servers, row)

    def seen_pid(self, student_id: str, pid: int | None) -> None:
        """Say under which pid a server runs, None for not at all (the supervisor does; no epoch)."""
        with self.writing(None) as connection:
            connection.execute(update(servers).where(servers.c.student_id == student_id).values(pid=pid))
