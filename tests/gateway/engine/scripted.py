"""A server on a socket that says exactly the bytes that it is told to, and how the engine's client is asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from gateway.engine.client import NativeTransport
from gateway.upstream.port import Outgoing
from gateway.upstream.spec import Timeouts

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
QUICK = Timeouts(connect=2.0, first_byte=2.0, idle=2.0)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(serve: Serve, **options: Any) -> AsyncIterator[str]:
    """Serve connections, each by a call of `serve`; give the URL."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    made = await asyncio.start_server(one, "127.0.0.1", 0, **options)
    host, port = made.sockets[0].getsockname()
    try:
        yield f"{'https' if options.get('ssl') else 'http'}://{'localhost' if options.get('ssl') else host}:{port}"
    finally:
        made.close()


async def request(reader: asyncio.StreamReader) -> bytes:
    """Read one request whose body has a length."""
    head = await reader.readuntil(b"\r\n\r\n")
    _, said, rest = head.lower().partition(b"content-length: ")
    return head + await reader.readexactly(int(rest.split(b"\r\n")[0]) if said else 0)


def saying(*answers: bytes) -> Serve:
    """Answer the requests of each connection with these bytes, one after the other, then close it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await request(reader)
            writer.write(answer)
            await writer.drain()

    return serve


@contextlib.asynccontextmanager
async def client(**options: Any) -> AsyncIterator[NativeTransport]:
    """Give a client, closed afterwards."""
    made = NativeTransport(**{"tls": NO_TLS, **options})
    try:
        yield made
    finally:
        await made.aclose()


def ask(url: str, method: str = "POST", body: Any = b"{}", **more: Any) -> Outgoing:
    """Give a request."""
    return Outgoing(method=method, url=url + "/v1/x", body=body, **{"timeouts": QUICK, **more})


async def whole(transport: NativeTransport, request: Outgoing) -> tuple[int, bytes]:
    """Send and read all of the answer."""
    answer = await transport.send(request)
    try:
        return answer.status, b"".join([piece async for piece in answer.pieces()])
    finally:
        await answer.aclose()
