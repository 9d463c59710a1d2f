"""The app's side of a teacher's answer. Knows no upstream and no record.

The head waits for the first piece: until then an error can be told with a status of its own. A pulse gives
that up, where an operator wants it, to keep a connection alive on which nothing is said for long.
"""

from __future__ import annotations

import asyncio
from typing import Self

from gateway.inbound import Send

Head = list[tuple[bytes, bytes]]
COMMENT = b": stillhouse\n\n"  # the one thing between events that every SDK passes over


class AppSide:
    """Sends to the app."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False  # a head went out
        self.early = False  # ... before the upstream's was known

    async def body(self, status: int, headers: Head, piece: bytes) -> None:
        """Send a piece, and the head before the first."""
        await self._head(status, headers)
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, status: int, headers: Head, piece: bytes = b"") -> None:
        """Send the last piece."""
        await self._head(status, headers)
        await self._send({"type": "http.response.body", "body": piece, "more_body": False})

    async def comment(self, headers: Head) -> None:
        """Tell that somebody is there; the head of a stream goes before it."""
        self.early = self.early or not self.begun
        await self.body(200, [(b"content-type", b"text/event-stream; charset=utf-8"), *headers], COMMENT)

    async def _head(self, status: int, headers: Head) -> None:
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", "status": status, "headers": headers})


class Pulse:
    """Comments every `seconds` until it is stopped, in an `async with`; none at all for None."""

    def __init__(self, app: AppSide, seconds: float | None, headers: Head) -> None:
        self._app = app
        self._seconds = seconds
        self._headers = headers
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to count the seconds."""
        if self._seconds is not None:
            self._task = asyncio.ensure_future(self._beat(self._seconds))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    async def stop(self) -> None:
        """Send no more: what the app gets next is the caller's to say."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._app.comment(self._headers)
