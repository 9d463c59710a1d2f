"""Just enough HTTP/1.1 for a provider whose every byte is decided. Knows no API.

Requests come whole (content-length or chunked); an answer is written as it is told, also where it breaks the protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

MOST_HEAD = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it was received."""

    method: str
    path: str  # decoded, without the query
    target: str  # as it was sent
    headers: tuple[tuple[str, str], ...]  # names in lower case
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body, {} where it is no JSON object."""
        with contextlib.suppress(ValueError):
            value = json.loads(self.body)
            if isinstance(value, dict):
                return value
        return {}

    def header(self, name: str) -> str:
        """Give a header's value, "" without it."""
        return next((value for key, value in self.headers if key == name), "")


class Gone(Exception):  # noqa: N818 - no fault: an app may hang up
    """The other side hung up."""


class Teller:
    """Writes one answer, exactly as told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.reusable = True  # the connection, after this answer

    async def raw(self, data: bytes) -> None:
        """Write bytes. Raises `Gone`."""
        if self._writer.is_closing():
            raise Gone
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise Gone from error

    async def head(self, status: int, headers: dict[str, str]) -> None:
        """Write a status line and headers."""
        lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        await self.raw("\r\n".join(lines).encode("latin-1"))

    async def whole(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Write an answer with its length."""
        await self.head(status, {**headers, "content-length": str(len(body))})
        await self.raw(body)

    async def chunk(self, data: bytes) -> None:
        """Write a piece of a chunked body."""
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def last(self) -> None:
        """End a chunked body."""
        await self.raw(b"0\r\n\r\n")

    def end_writing(self) -> None:
        """Half-close: nothing more will be written, but the other side may go on."""
        self.reusable = False
        self._writer.write_eof()

    def cut(self) -> None:
        """Break the connection off."""
        self.reusable = False
        self._writer.transport.abort()

    async def left(self) -> None:
        """Wait until the other side hangs up."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read(1)


Answer = Callable[[Seen, Teller], Awaitable[None]]


class Server:
    """Serves an `Answer` on a free port of the loopback."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._talks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=MOST_HEAD)
        self.url = "http://{}:{}".format(*self._server.sockets[0].getsockname())

    async def stop(self) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            while (seen := await request(reader)) is not None:
                teller = Teller(reader, writer)
                await self._answer(seen, teller)
                if not teller.reusable:
                    await teller.left()
                    break
        except (Gone, ConnectionError, asyncio.CancelledError):
            pass  # the other side is gone, or the run is over
        finally:
            writer.transport.abort()
            self._talks.discard(task)


async def request(reader: asyncio.StreamReader) -> Seen | None:
    """Read one request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = tuple(
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines if line)
        )
        fields = dict(headers)
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = await _chunked(reader)
        else:
            body = await reader.readexactly(int(fields.get("content-length", 0)))
    except asyncio.IncompleteReadError:
        return None
    path = unquote(target.partition("?")[0])
    return Seen(method=method, path=path, target=target, headers=headers, body=body)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
