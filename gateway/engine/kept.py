"""The connections of one worker: how many there are, and which could serve again. Knows no request."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.engine.asking import Origin
from gateway.engine.connection import Connection


class Kept:
    """Keeps connections that are not in use, the latest on top. `most` are open at once."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds  # without use, after which one is closed
        self._idle: dict[Origin, deque[Connection]] = {}
        self._all: dict[Connection, Origin] = {}
        self._begun = 0  # places of those that are being opened
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """Give one that is open and not in use."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.open:
                return connection
        return None

    async def place(self) -> None:
        """Wait until one more may be opened; of those not in use, one goes for it. To be ended by `opened` or `missed`."""
        while len(self._all) + self._begun >= self._most and not self._evict():
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)
        self._begun += 1

    def opened(self, connection: Connection, origin: Origin) -> None:
        """Take the connection that a place was for."""
        self._begun -= 1
        if connection.open:
            self._all[connection] = origin

    def missed(self) -> None:
        """Give a place back: there is no connection."""
        self._begun -= 1
        self._next()

    def free(self, connection: Connection) -> None:
        """Take back one that can serve again."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(self._all[connection], deque()).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._seconds, self._swept)
        if self._waiting:
            self._next()

    def lost(self, connection: Connection) -> None:
        """Forget one that ended."""
        origin = self._all.pop(connection, None)
        idle = self._idle.get(origin) if origin is not None else None
        if idle and connection in idle:
            idle.remove(connection)
        self._next()

    def close(self) -> list[Connection]:
        """Close those that are not in use; give the others."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        idle = [connection for each in self._idle.values() for connection in each]
        self._idle.clear()
        for connection in idle:
            connection.give_up()
        return [connection for connection in self._all if connection not in idle]

    def _evict(self) -> bool:
        for idle in self._idle.values():
            if idle:
                connection = idle.popleft()
                self._all.pop(connection, None)
                connection.give_up()
                return True
        return False

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _swept(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        oldest = loop.time() - self._seconds
        for origin, idle in list(self._idle.items()):
            while idle and idle[0].idle_since <= oldest:
                idle.popleft().give_up()
            if not idle:
                del self._idle[origin]
        if self._idle:
            self._sweep = loop.call_at(
                min(idle[0].idle_since for idle in self._idle.values()) + self._seconds, self._swept
            )
