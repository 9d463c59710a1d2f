"""The apps' side of a worker: uvicorn's protocol, which answers some calls itself, in callbacks. Knows no call.

A request is taken here where its head is simple and its path is a surface that is understood; everything else on the
connection (other paths, chunked bodies, websockets) is read and served as uvicorn does, and between two requests either way may go on.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.dispatch import Gateway
from gateway.engine import simple
from gateway.engine.alarm import Alarm
from gateway.engine.client import NativeTransport
from gateway.engine.fields import Malformed
from gateway.engine.front import Admitted, Front, Going
from gateway.engine.known import Known
from gateway.engine.reply import Reply
from gateway.keys import Caller

_VERSIONS = ("1.0", "1.1")
_MOST_AHEAD = 64 * 1024  # bytes of further requests that are read while one is answered


class AppProtocol(HttpToolsProtocol):
    """One connection of an app."""

    front: ClassVar[Front]

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._between = True  # uvicorn's parser is at the end of a request, or has seen none
        self._ahead = b""  # read, and of no request yet
        self._admitted: Admitted | None = None  # whose body is coming
        self._known: Known | None = None
        self._keep_alive = True
        self._left = 0
        self._body: list[bytes] = []
        self._reply: Reply | None = None  # under way
        self._going: Going | None = None
        self._paused = False
        self._closing = False
        self._rest = Alarm(self.loop, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Take what came: for here, or for uvicorn."""
        if self._reply is not None:
            self._ahead += data
            if len(self._ahead) > _MOST_AHEAD and not self._paused:
                self._paused = True
                self.transport.pause_reading()
        elif self._admitted is not None:
            self._add(data)
        elif self._between and (self.cycle is None or self.cycle.response_complete):
            self._begin(self._ahead + data if self._ahead else data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the app's leaving."""
        self._rest.stop()
        going, self._going = self._going, None
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.done = True
        super().connection_lost(exc)
        if going is not None:
            going.gone()

    def shutdown(self) -> None:
        """End when the answer under way is sent."""
        self._closing = True
        if self._reply is not None:
            self._reply.keep = False
        elif self._admitted is None:
            super().shutdown()

    def pause_writing(self) -> None:
        """Take that the app reads slowly."""
        super().pause_writing()
        if self._going is not None:
            self._going.pause()

    def resume_writing(self) -> None:
        """Take that it has read."""
        super().resume_writing()
        if self._going is not None:
            self._going.resume()

    def on_message_begin(self) -> None:
        """Take that uvicorn reads a request."""
        self._between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse what the parser lets through and another reader of this connection may take otherwise."""
        codings = [text for name, text in self.headers if name == b"transfer-encoding"]
        version = self.parser.get_http_version()
        if version not in _VERSIONS or (
            codings and (version != "1.1" or [text.lower() for text in codings] != [b"chunked"])
        ):
            raise Malformed("The request is not HTTP/1.1.")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take that it has read it."""
        super().on_message_complete()
        self._between = True

    def _begin(self, data: bytes) -> None:
        """Read a head, or leave it to uvicorn."""
        self._rest.clear()
        self._unset_keepalive_if_required()
        self._ahead = b""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:  # noqa: PLR2004 - 3 is "not found"
            if len(data) <= simple.MOST and data.startswith(simple.BEGINNING[: len(data)]):
                self._ahead = data
                return
            super().data_received(data)
            return
        if not self._reads(data[:end]):
            super().data_received(data)
            return
        self._add(data[end:])

    def _reads(self, head: bytes) -> bool:
        """Take a head that is for here; it is often that of the request before."""
        known = self._known
        length = known.length(head) if known is not None else None
        if known is not None and length is not None and self.front.takes(length):
            self._admitted, self._keep_alive, self._left = known.admitted, known.keep_alive, length
            return True
        found = simple.read(head) if len(head) <= simple.MOST else None
        admitted = self.front.admit(found.request, found.length) if found is not None else None
        if found is None or admitted is None:
            return False
        self._admitted, self._keep_alive, self._left = admitted, found.keep_alive, found.length
        if isinstance(admitted.caller, Caller):
            self._known = Known(head, admitted, keep_alive=found.keep_alive)
        return True

    def _add(self, data: bytes) -> None:
        """Take bytes of the body, and answer when it is whole."""
        if len(data) < self._left:
            self._left -= len(data)
            self._body.append(data)
            return
        self._body.append(data[: self._left])
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        admitted, self._admitted, self._body, self._ahead = self._admitted, None, [], data[self._left :]
        keep = self._keep_alive and not self._closing
        reply = self._reply = Reply(
            self.transport, self.server_state.default_headers, keep=keep, over=self._answered
        )
        if admitted is not None:
            going = self.front.answer(admitted, body, reply, self._drained, self.tasks)
            self._going = None if reply.done else going

    def _answered(self, reply: Reply) -> None:
        self._reply = self._going = None
        self.server_state.total_requests += 1
        if not reply.keep:
            self.transport.close()
            return
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        if self._ahead:
            self.loop.call_soon(self._next)
        else:
            self._rest.set(self.loop.time() + self.timeout_keep_alive)

    def _next(self) -> None:
        """Go on with what was read ahead."""
        if self._ahead and self._reply is None and not self.transport.is_closing():
            data, self._ahead = self._ahead, b""
            self._begin(data)

    async def _drained(self) -> None:
        if self.flow.write_paused and not self.transport.is_closing():
            await self.flow.drain()


def protocol(gateway: Gateway, transport: NativeTransport) -> type[asyncio.Protocol]:
    """Give the protocol of one worker's connections, for uvicorn's `http`."""
    return type("Apps", (AppProtocol,), {"front": Front(gateway=gateway, transport=transport)})
