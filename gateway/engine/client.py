"""The upstream client of this engine: the `Transport` of the port, and the same in callbacks. Knows no wire format.

Retries nothing, follows no redirect, asks no proxy of the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from functools import partial

from gateway.engine import asking
from gateway.engine.answer import Answer
from gateway.engine.asking import Framing, Origin
from gateway.engine.connection import Closed, Connection, Listener
from gateway.engine.dialing import dial
from gateway.engine.fields import Malformed
from gateway.engine.kept import Kept
from gateway.engine.trust import Trust
from gateway.upstream.port import ConnectFailed, Outgoing, UpstreamCut, UpstreamTimeout

_UNSENDABLE = "The request cannot be sent as HTTP/1.1 says it must be."


class NativeTransport:
    """A `Transport` on a pool of keep-alive connections. `tls` None: the certificates that httpx trusts."""

    def __init__(
        self, *, connections: int = 1024, keepalive_s: float = 30.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._kept = Kept(most=connections, seconds=keepalive_s)
        self._tls = tls or Trust.usual()
        self._learnt: set[Connection] = set()  # connections of which the session is known

    def begin(self, request: Outgoing, listener: Listener) -> Connection | None:
        """Send a whole request at once, on a connection that is there; None where there is none. Raises `UpstreamCut`.

        The listener is told of the answer, in callbacks, after this returned.
        """
        at, head = _written(request, None)
        connection = self._kept.take(at.origin)
        if connection is not None:
            _ask(connection, request, head, listener)
        return connection

    async def open(self, request: Outgoing, listener: Listener) -> Connection:
        """Send a whole request on a connection that is opened for it. Raises `UpstreamError`."""
        at, head = _written(request, None)
        connection = await self._dialled(at.origin, request.timeouts.connect)
        _ask(connection, request, head, listener)
        return connection

    async def send(self, request: Outgoing) -> Answer:
        """Send and wait for the response head. Raises `UpstreamError`."""
        try:
            frame = asking.framing(request)
        except Malformed:
            raise UpstreamCut(_UNSENDABLE) from None
        at, head = _written(request, frame)
        times = request.timeouts
        patience = times.first_byte if times.total is None else min(times.first_byte, times.total)
        try:
            async with asyncio.timeout(patience):
                connection = self._kept.take(at.origin) or await self._dialled(at.origin, times.connect)
        except TimeoutError as error:
            raise UpstreamTimeout("Time ran out while waiting for the response head.") from error
        answer = Answer(connection)
        _ask(connection, request, head, answer)
        if frame is not None and not isinstance(request.body, bytes):
            upload = asyncio.ensure_future(_upload(connection, request.body, frame))
            answer.closed = upload.cancel
        try:
            await answer.head
        except BaseException:
            await answer.aclose()
            raise
        return answer

    async def aclose(self) -> None:
        """Close all connections; who still waits for an answer is told that it was cut."""
        for connection in self._kept.close():
            connection.broke(Closed("The connection was closed: the gateway stops."))

    async def _dialled(self, origin: Origin, seconds: float) -> Connection:
        try:
            async with asyncio.timeout(seconds):
                await self._kept.place()
        except TimeoutError:
            raise ConnectFailed("No connection: as many as may be are in use.") from None
        connection = None
        try:
            made = partial(Connection, freed=partial(self._freed, origin), lost=self._lost)
            connection = await dial(origin, made, self._tls if origin.tls else None, seconds)
        finally:
            if connection is None:
                self._kept.missed()
        self._kept.opened(connection, origin)
        if not connection.open:
            raise ConnectFailed("No connection: it was closed at once.")
        return connection

    def _freed(self, origin: Origin, connection: Connection) -> None:
        if origin.tls and connection not in self._learnt and isinstance(self._tls, Trust):
            self._learnt.add(connection)
            self._tls.learnt(origin.host, connection.transport.get_extra_info("ssl_object"))
        self._kept.free(connection)

    def _lost(self, connection: Connection) -> None:
        self._learnt.discard(connection)
        self._kept.lost(connection)


def _written(request: Outgoing, frame: Framing | None) -> tuple[asking.Aim, bytes]:
    try:
        at = asking.aim(request.url.partition("?")[0])
        return at, asking.head(request, frame=frame)
    except Malformed:
        raise UpstreamCut(_UNSENDABLE) from None


def _ask(connection: Connection, request: Outgoing, head: bytes, listener: Listener) -> None:
    whole = request.body if isinstance(request.body, bytes) else None
    connection.ask(head, listener, request.timeouts, of_head=request.method == "HEAD", body=whole)


async def _upload(connection: Connection, body: AsyncIterator[bytes], frame: Framing) -> None:
    """Send a body as it comes. What breaks it breaks the exchange."""
    sent = 0
    try:
        async for piece in body:
            sent += len(piece)
            if frame.length is not None and sent > frame.length:
                break
            if piece:
                await connection.write(
                    piece if frame.length is not None else b"%x\r\n%b\r\n" % (len(piece), piece)
                )
        if frame.length is not None and sent != frame.length:
            raise UpstreamCut("The body is not as long as the request says.")  # noqa: TRY301 - as if it came from outside
        if frame.length is None:
            await connection.write(b"0\r\n\r\n")
        connection.written()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who waits for the answer
        connection.broke(error)
