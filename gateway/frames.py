"""Messages of a websocket, both ways, until one side ends it. Knows no handshake, no caller and no record.

Each way reads the next message only when the last was taken, so who is slow holds up who is quick. Nothing of
a message is kept: they are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.inbound import Receive, Send
from gateway.upstream.port import CUT, Socket, SocketClosed

UNSAID = 1005  # the code of a close frame without one
_UNSENDABLE = {UNSAID: 1000, CUT: 1001}


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How it ended."""

    by: str  # app, upstream, or gateway
    code: int
    reason: str = ""

    def sendable(self) -> tuple[int, str]:
        """Give what a close frame may say of it to the other side."""
        return _UNSENDABLE.get(self.code, self.code), self.reason


IDLE = End(by="gateway", code=1001, reason="idle")


@dataclass(slots=True)
class Count:
    """What went one way."""

    messages: int = 0
    bytes: int = 0


@dataclass(kw_only=True, slots=True)
class Line:
    """An app and an upstream that speak with one another. `heard` is called at each of the upstream's messages."""

    receive: Receive
    send: Send
    socket: Socket
    idle_s: float  # without a message either way
    heard: Callable[[], None]
    of_app: Count = field(default_factory=Count)
    of_upstream: Count = field(default_factory=Count)
    _last: float = 0.0

    async def run(self) -> End:
        """Pass messages until the end; what the upstream said before it ended has gone to the app by then."""
        up, down = asyncio.ensure_future(self._up()), asyncio.ensure_future(self._down())
        try:
            return await self._first(up, down)
        finally:
            for way in (up, down):
                way.cancel()
            await asyncio.wait({up, down})

    async def _first(self, up: asyncio.Task[End | None], down: asyncio.Task[End]) -> End:
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        while (left := self._last + self.idle_s - loop.time()) > 0:
            waiting = {down} if up.done() else {up, down}
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if down.done():
                return down.result()
            if up.done() and (end := up.result()) is not None:
                return end
        return IDLE

    async def _up(self) -> End | None:
        """Carry what the app says; None where the upstream takes no more of it, which the other way tells of."""
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return _left(message.get("code"), message.get("reason"))
            text = message.get("text")
            data = message.get("bytes") or b"" if text is None else text
            self._count(self.of_app, data)
            try:
                await self.socket.send(data)
            except SocketClosed:
                return None

    async def _down(self) -> End:
        while True:
            try:
                data = await self.socket.receive()
            except SocketClosed as closed:
                return End(by="upstream", code=closed.code, reason=closed.reason)
            self.heard()
            self._count(self.of_upstream, data)
            kind = "text" if isinstance(data, str) else "bytes"
            try:
                await self.send({"type": "websocket.send", kind: data})
            except OSError:  # what ASGI servers raise where the app is gone
                return End(by="app", code=CUT)

    def _count(self, way: Count, data: str | bytes) -> None:
        self._last = asyncio.get_running_loop().time()
        way.messages += 1
        way.bytes += len(data.encode() if isinstance(data, str) else data)


def _left(code: int | None, reason: str | None) -> End:
    """Read how the app ended it. uvicorn says 1005, and no reason at all, of an app that is just gone."""
    if code is None or (code == UNSAID and reason is None):
        return End(by="app", code=CUT)
    return End(by="app", code=code, reason=reason or "")
