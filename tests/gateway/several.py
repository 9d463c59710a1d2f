"""A gateway before several upstreams, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from upstream import House, Script, Seen, Teller, Upstream, house, serving

from gateway.settings import Timeouts, UpstreamSpec

ASK = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**ASK, "stream": True}
CHAT = "/v1/chat/completions"
RETRY = [(b"retry-after", b"7"), (b"retry-after-ms", b"7001"), (b"x-ratelimit-remaining-requests", b"0")]


@contextlib.asynccontextmanager
async def several(
    *own: dict[str, Any], upstream: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[House, list[Upstream]]]:
    """Serve one upstream, with a key `sk-0`, `sk-1`, ..., for each of `own`, its settings; `upstream` is for all."""
    servers = [Upstream(text=f"from {at}") for at in range(len(own))]
    async with serving(*servers) as urls:
        specs = tuple(
            UpstreamSpec(
                **{
                    "name": f"u{at}", "base_url": urls[at] + "/v1", "api_key": f"sk-{at}",
                    "timeouts": Timeouts(connect=2.0), **(upstream or {}), **given,
                }
            )
            for at, given in enumerate(own)
        )  # fmt: skip
        async with house(upstreams=specs, **settings) as place:
            yield place, servers


def says(
    status: int, headers: Sequence[tuple[bytes, bytes]] = (), message: str = "no", kind: str = "server_error"
) -> Script:
    """Answer with an error object."""
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}).encode()

    async def script(seen: Seen, out: Teller) -> None:
        await out.whole(status, body, list(headers))

    return script


def attempts(place: House) -> list[tuple[str, str, str, int, bool]]:
    """Give each attempt's upstream, role, outcome, status, and whether it was served."""
    return [
        (a.upstream, str(a.role), str(a.outcome), a.status, a.served)
        for a in sorted(place.journal.attempts, key=lambda a: a.started)
    ]


@contextlib.asynccontextmanager
async def closing(gate: asyncio.Event | None = None) -> AsyncIterator[str]:
    """Serve a base URL that takes connections and requests, and closes without a word, once `gate` opens."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if gate is not None:
            await gate.wait()
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
