"""The one exchange that every upstream engine offers. Knows no engine.

Errors (all `UpstreamError`; foreign exceptions are translated at the engine's edge):

    UpstreamError
    ├── ConnectFailed     nothing was sent: no address, refused, TLS
    ├── UpstreamTimeout   connect, first byte, idle or total time ran out
    └── UpstreamCut       the connection ended, or spoke nonsense, before the answer did

Of websockets also `TurnedAway`, an answer to the handshake that is not yes, and `SocketClosed`, their end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.upstream.spec import Timeouts

Headers = tuple[tuple[bytes, bytes], ...]  # lower-case names, in order of arrival
_USUAL = Timeouts()
CUT = 1006  # the close code of a websocket that nobody closed


class UpstreamError(Exception):
    """An exchange that did not come to its end."""


class ConnectFailed(UpstreamError):  # noqa: N818
    """No connection: the upstream saw nothing of the request."""


class UpstreamTimeout(UpstreamError):  # noqa: N818
    """A time limit of the upstream ran out."""


class UpstreamCut(UpstreamError):  # noqa: N818
    """The connection ended before the answer did."""


class TurnedAway(Exception):  # noqa: N818
    """An upstream's HTTP answer to one who asked for a websocket."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(f"The upstream opened no websocket: {status}.")
        self.status = status
        self.headers = headers
        self.body = body


class SocketClosed(Exception):  # noqa: N818
    """The end of a websocket, by the close code and reason that tell of it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"The websocket was closed with {code}.")
        self.code = code
        self.reason = reason


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One request, ready to be sent as it is. `headers` hold everything but host and framing."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | AsyncIterator[bytes] = b""
    timeouts: Timeouts = _USUAL

    def __repr__(self) -> str:
        """Say what is done only: headers and URL may hold credentials."""
        return f"Outgoing({self.method!r})"


class Incoming(Protocol):
    """One answer whose head has arrived."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Headers:
        """Response headers as they came, names in lower case."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Give the body's bytes as they come, content-encoding untouched. Raises `UpstreamError`. Once only."""

    async def aclose(self) -> None:
        """Give the connection up; an unfinished answer is cancelled at the upstream. Idempotent."""


class Transport(Protocol):
    """An engine that sends requests. Never retries, never follows redirects, adds no credential."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send and wait for the response head. Raises `UpstreamError`; cancelling closes the connection."""

    async def aclose(self) -> None:
        """Close all connections."""


class Socket(Protocol):
    """A websocket that is open. Messages are text or bytes, as they were sent."""

    @property
    def subprotocol(self) -> str | None:
        """What the upstream chose of what was offered."""

    @property
    def headers(self) -> Headers:
        """Response headers of the handshake, names in lower case."""

    async def send(self, data: str | bytes) -> None:
        """Send a message, and wait while the upstream does not read. Raises `SocketClosed`."""

    async def receive(self) -> str | bytes:
        """Wait for a message. Raises `SocketClosed` after the last."""

    async def close(self, code: int, reason: str) -> None:
        """Close it within about two seconds. Idempotent."""


class Dial(Protocol):
    """Opens websockets. Follows no redirect, adds no credential."""

    async def __call__(
        self, request: Outgoing, subprotocols: Sequence[str], *, max_message: int, ca_file: Path | None = None
    ) -> Socket:
        """Open one. Raises `TurnedAway` and `UpstreamError`.

        `max_message` bounds what is received, in bytes; `ca_file` has authorities beside the usual ones.
        """
