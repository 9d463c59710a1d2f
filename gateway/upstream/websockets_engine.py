"""One websocket to an upstream, on `websockets`. Knows no app, no caller and no record.

Follows no redirect, asks no proxy of the environment, compresses nothing, tries nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from gateway.upstream.port import (
    CUT,
    ConnectFailed,
    Headers,
    Outgoing,
    Socket,
    SocketClosed,
    TurnedAway,
    UpstreamCut,
    UpstreamTimeout,
)
from gateway.upstream.trusted import trusted

_QUEUE = 4  # messages read ahead of the app; then nothing more is read
_PING_S = 20.0  # keeps the paths in between open; no answer is asked for, as who does not read cannot give it
_CLOSE_S = 1.0  # for the upstream to say goodbye as well


async def dial(
    request: Outgoing, subprotocols: Sequence[str], *, max_message: int, ca_file: Path | None = None
) -> Socket:
    """Open a websocket. Raises `TurnedAway` where the upstream refuses, and `UpstreamError`."""
    scheme, _, rest = request.url.partition("://")
    opening = connect(
        f"{'wss' if scheme == 'https' else 'ws'}://{rest}",
        additional_headers=[
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
        ],
        subprotocols=list(subprotocols) or None,
        user_agent_header=None,
        compression=None,
        proxy=None,
        ssl=trusted(ca_file) if scheme == "https" else None,
        open_timeout=request.timeouts.connect,
        ping_interval=_PING_S,
        ping_timeout=None,
        close_timeout=_CLOSE_S,
        max_size=max_message,
        max_queue=_QUEUE,
    )
    opening.process_redirect = _stay
    try:
        return _Connection(await opening)
    except InvalidStatus as error:
        said = error.response
        raise TurnedAway(said.status_code, _lowered(said.headers), bytes(said.body or b"")) from None
    except InvalidHandshake:  # its words quote headers
        raise UpstreamCut("The upstream did not open a websocket.") from None
    except TimeoutError as error:
        raise UpstreamTimeout("Time ran out while opening a websocket.") from error
    except OSError as error:
        raise ConnectFailed(f"No connection: {type(error).__name__}.") from error


class _Connection:
    """A `Socket` over one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.subprotocol: str | None = connection.subprotocol
        self.headers: Headers = _lowered(connection.response.headers)

    async def send(self, data: str | bytes) -> None:
        """Send a message, and wait while the upstream does not read."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def receive(self) -> str | bytes:
        """Wait for a message."""
        try:
            message: str | bytes = await self._connection.recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        return message

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye and go, whether or not the upstream answers."""
        try:
            async with asyncio.timeout(2 * _CLOSE_S):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()


def _closed(closed: ConnectionClosed) -> SocketClosed:
    """Give what the upstream said, else why this side ended it, else that it was cut."""
    frame = closed.rcvd or closed.sent
    return SocketClosed(frame.code, frame.reason) if frame else SocketClosed(CUT, "")


def _stay(error: Exception) -> Exception:
    return error


def _lowered(headers: Any) -> Headers:
    return tuple(
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.raw_items()
    )
