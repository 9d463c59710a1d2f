"""A gateway on the native engine, spoken to in bytes, and what its teacher got."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from engines import http
from scripted import client
from upstream import FixedChooser, Healthy, MemoryJournal, Served, Upstream, serving

from gateway.app import build
from gateway.dispatch import Gateway
from gateway.settings import GatewaySettings, Timeouts, UpstreamSpec

BODY = json.dumps({"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}).encode()
STREAM = json.dumps(
    {"model": "gpt-x", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
).encode()


@dataclass
class Front:
    """What stands."""

    teacher: Any
    journal: MemoryJournal
    gateway: Gateway
    server: Served
    url: str
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def connections(self) -> set[Any]:
        """The gateway's connections of apps."""
        return self.server.connections

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection as an app does."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self.writers.append(writer)
        return reader, writer

    async def settled(self, attempts: int) -> list[Any]:
        """Wait until so many attempts are recorded."""
        async with asyncio.timeout(5):
            while len(self.journal.attempts) < attempts:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.journal.attempts


@contextlib.asynccontextmanager
async def front(
    teacher: Any = None, *, waits: bool = False, times: Timeouts | None = None, **settings: Any
) -> AsyncIterator[Front]:
    """Stand a gateway before a teacher, an ASGI app or the URL of a server."""
    teacher = teacher or Upstream()
    journal = MemoryJournal(waits=waits)
    async with contextlib.AsyncExitStack() as stack:
        url = teacher
        if not isinstance(teacher, str):
            (url,) = await stack.enter_async_context(serving(teacher))
        transport = await stack.enter_async_context(client())
        spec = UpstreamSpec(
            name="teacher",
            base_url=url + "/v1",
            api_key="sk-upstream",
            timeouts=times or Timeouts(connect=2.0),
        )
        gateway = build(
            GatewaySettings(**{"upstreams": (spec,), "salt": b"salt", "drain_s": 2.0, **settings}),
            journal=journal,
            chooser=FixedChooser(),
            transport=transport,
            health=Healthy(),
        )
        assert http(gateway) != "auto"
        server = Served(gateway)
        await server.start()
        stack.push_async_callback(server.stop)
        place = Front(teacher, journal, gateway, server, server.url)
        try:
            yield place
        finally:
            for writer in place.writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)


def post(body: bytes = BODY, path: str = "/v1/chat/completions", more: bytes = b"") -> bytes:
    """Give a request whose body has a length."""
    return (
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer k\r\n%bContent-Length: %d\r\n\r\n%b"
        % (path.encode(), more, len(body), body)
    )


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], bytes]:
    """Read one answer: status, headers, body."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head[:-4].split(b"\r\n")
        headers = dict(one.lower().split(b": ", 1) for one in rest)
        if b"content-length" in headers:
            body = await reader.readexactly(int(headers[b"content-length"]))
        else:
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        return int(line.split()[1]), headers, body
