"""One answer on its way to an app: status line, framing, end. Knows no call and no upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from gateway.errors import Refusal
from gateway.inbound import Message
from gateway.outbound import of_body, refusal_headers

Pairs = list[tuple[bytes, bytes]]
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BODILESS = (204, 304)


class Reply:
    """Writes to an app's transport. `every` are headers of each answer; `over` is called when this one was sent or cut."""

    def __init__(
        self, transport: asyncio.Transport, every: Pairs, *, keep: bool, over: Callable[[Reply], None]
    ) -> None:
        self.keep = keep  # the connection is for more than this answer
        self.begun = False
        self.done = False
        self._transport = transport
        self._every = every
        self._over = over
        self._chunked = False
        self._unsent: list[bytes] = []

    def head(self, status: int, headers: Pairs) -> None:
        """Take the head, to be sent by `flush`."""
        self.begun = True
        lines = [_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        lines += [b"%b: %b\r\n" % pair for pair in (*self._every, *headers)]
        if not self.keep:
            lines.append(b"connection: close\r\n")
        self._chunked = status not in _BODILESS and b"content-length" not in dict(headers)
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        self._unsent.append(b"".join(lines))

    def body(self, piece: bytes) -> None:
        """Take a piece, to be sent by `flush`."""
        if piece:
            self._unsent.append(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    def flush(self) -> None:
        """Send what was taken, in one call to the system."""
        if self._unsent and not self.done:
            self._transport.write(self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent))
            self._unsent.clear()

    def end(self) -> None:
        """Say that it is whole."""
        if self._chunked:
            self._unsent.append(b"0\r\n\r\n")
        self._close(keep=self.keep)

    def cut(self) -> None:
        """Break it off, so that nobody takes it for whole."""
        self._close(keep=False)

    def whole(self, status: int, headers: Pairs, body: bytes) -> None:
        """Send all of an answer."""
        self.head(status, headers)
        self.body(body)
        self.end()

    def refuse(self, refusal: Refusal, *, call_id: str | None = None, anthropic: bool = False) -> None:
        """Send a refusal, as `gateway.outbound` does."""
        body = refusal.body(anthropic=anthropic)
        self.whole(refusal.status, [*of_body(body), *refusal_headers(refusal, call_id)], body)

    def sending(self, drained: Callable[[], Awaitable[None]]) -> Callable[[Message], Awaitable[None]]:
        """Give this as the `send` of ASGI; `drained` waits for an app that reads slowly."""

        async def send(message: Message) -> None:
            await drained()
            if self.done:
                return
            if message["type"] == "http.response.start":
                self.head(message["status"], message["headers"])
                return
            self.body(message.get("body", b""))
            if message.get("more_body", False):
                self.flush()
            else:
                self.end()

        return send

    def _close(self, *, keep: bool) -> None:
        if not self.done:
            self.flush()
            self.done = True
            self.keep = keep
            self._over(self)
