"""The upstream engine on httpx: HTTP/1.1, pooled, raw bytes. Knows no wire format and no retry.

Uses httpx's transport rather than its client, which would add headers, cookies and redirects.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateway.upstream.port import ConnectFailed, Headers, Incoming, Outgoing, UpstreamCut, UpstreamTimeout
from gateway.upstream.spec import Timeouts


class HttpxTransport:
    """A `Transport` on a pool of keep-alive connections. Proxies of the environment are ignored."""

    def __init__(
        self,
        *,
        connections: int = 1024,
        keepalive: int = 128,
        keepalive_s: float = 30.0,
        tls: ssl.SSLContext | None = None,  # None: the certificates that httpx trusts
    ) -> None:
        limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=keepalive, keepalive_expiry=keepalive_s
        )
        self._pool = httpx.AsyncHTTPTransport(
            verify=tls or True, http1=True, http2=False, limits=limits, trust_env=False, retries=0
        )

    async def send(self, request: Outgoing) -> Incoming:
        """Send and wait for the response head. Raises `UpstreamError`."""
        prepared = _prepared(request)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeouts.total if request.timeouts.total else None
        head = _sooner(loop.time() + request.timeouts.first_byte, deadline)
        with translated("waiting for the response head"):
            async with asyncio.timeout_at(head):
                response = await self._pool.handle_async_request(prepared)
        return HttpxAnswer(response, request.timeouts, deadline)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class HttpxAnswer:
    """An `Incoming` over one httpx response."""

    def __init__(self, response: httpx.Response, timeouts: Timeouts, deadline: float | None) -> None:
        self._response = response
        self._timeouts = timeouts
        self._deadline = deadline
        self.status = response.status_code
        self.headers: Headers = tuple((name.lower(), value) for name, value in response.headers.raw)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the body's bytes as they come. Raises `UpstreamError`."""
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise UpstreamCut("The response has no readable body.")
        source = aiter(stream)
        loop = asyncio.get_running_loop()
        while True:
            with translated("reading the answer"):
                async with asyncio.timeout_at(_sooner(loop.time() + self._timeouts.idle, self._deadline)):
                    piece = await anext(source, None)
            if piece is None:
                return
            if piece:
                yield piece

    async def aclose(self) -> None:
        """Give the connection up."""
        await self._response.aclose()


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn this engine's exceptions into the port's, once, here.

    Only a failed connection's own words are kept: protocol errors quote headers, credentials included.
    """
    try:
        yield
    except TimeoutError as error:
        raise UpstreamTimeout(f"Time ran out while {doing}.") from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        raise ConnectFailed(f"No connection: {error or type(error).__name__}.") from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeout(f"Time ran out while {doing}.") from error
    except httpx.LocalProtocolError:
        raise UpstreamCut("The request cannot be sent as HTTP/1.1 says it must be.") from None
    except httpx.TransportError as error:
        raise UpstreamCut(f"The connection ended while {doing} ({type(error).__name__}).") from None


def _prepared(request: Outgoing) -> httpx.Request:
    connect = request.timeouts.connect
    extensions: dict[str, Any] = {
        "timeout": {"connect": connect, "pool": connect, "read": None, "write": None}
    }
    parts = urlsplit(request.url)
    # The exact bytes of path and query: httpx would otherwise normalise their percent-encoding.
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    extensions["target"] = target.encode("latin-1")
    return httpx.Request(
        request.method,
        f"{parts.scheme}://{parts.netloc}/",
        headers=list(request.headers),
        content=request.body,
        extensions=extensions,
    )


def _sooner(moment: float, deadline: float | None) -> float:
    return moment if deadline is None else min(moment, deadline)
