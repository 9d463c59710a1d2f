"""An answer that is read as it is wanted: the `Incoming` of this engine. Knows no socket and no pool."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from gateway.engine.connection import Connection
from gateway.upstream.port import Headers

_MOST_WAITING = 256 * 1024  # bytes that wait for whoever reads; then the upstream is not read


class Answer:
    """A `Listener` that keeps what it hears until it is asked for."""

    def __init__(self, connection: Connection) -> None:
        self.head: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.headers: Headers = ()
        self._connection = connection
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._over = False
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self.closed: Callable[[], object] = _nothing  # called when it is over, or given up

    def answered(self, status: int, headers: Headers) -> None:
        """Take the head."""
        self.status, self.headers = status, headers
        if not self.head.done():
            self.head.set_result(None)

    def heard(self, pieces: list[bytes], *, last: bool) -> None:  # noqa: ARG002 - `ended` tells
        """Take pieces of the body."""
        self._waiting.extend(pieces)
        self._size += sum(map(len, pieces))
        if self._size > _MOST_WAITING and not self._paused:
            self._paused = True
            self._connection.pause()
        self._wake()

    def ended(self) -> None:
        """Take that it is whole."""
        self._over = True
        self.closed()
        self._wake()

    def failed(self, error: Exception) -> None:
        """Take why it is not."""
        self._over, self._error = True, error
        if not self.head.done():
            self.head.set_exception(error)
        self.closed()
        self._wake()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body's bytes as they come. Raises `UpstreamError`, and what broke a body that was being sent."""
        while True:
            if self._waiting:
                piece = self._waiting.popleft()
                self._size -= len(piece)
                if self._paused and self._size <= _MOST_WAITING // 2:
                    self._paused = False
                    if not self._over:
                        self._connection.resume()
                yield piece
            elif self._error is not None:
                raise self._error
            elif self._over:
                return
            else:
                self._news = asyncio.get_running_loop().create_future()
                await self._news

    async def aclose(self) -> None:
        """Give the connection up, where it is not already done with this."""
        if not self._over:
            self._over = True
            self._connection.give_up()
            self.closed()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _nothing() -> None:
    """Be what is called where there is nothing to do."""
