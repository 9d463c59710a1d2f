"""The one exchange that every upstream engine offers. Knows no engine.

Errors (all `UpstreamError`; foreign exceptions are translated at the engine's edge):

    UpstreamError
    ├── ConnectFailed     nothing was sent: no address, refused, TLS
    ├── UpstreamTimeout   connect, first byte, idle or total time ran out
    └── UpstreamCut       the connection ended, or spoke nonsense, before the answer did
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from gateway.upstream.spec import Timeouts

Headers = tuple[tuple[bytes, bytes], ...]  # lower-case names, in order of arrival


class UpstreamError(Exception):
    """An exchange that did not come to its end."""


class ConnectFailed(UpstreamError):  # noqa: N818
    """No connection: the upstream saw nothing of the request."""


class UpstreamTimeout(UpstreamError):  # noqa: N818
    """A time limit of the upstream ran out."""


class UpstreamCut(UpstreamError):  # noqa: N818
    """The connection ended before the answer did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One request, ready to be sent as it is. `headers` hold everything but host and framing."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | AsyncIterator[bytes] = b""
    timeouts: Timeouts = field(default_factory=Timeouts)


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
