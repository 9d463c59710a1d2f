"""An ASGI app on a socket of ours, until it is asked to stop. Knows no app."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

BACKLOG = 2048
PING_S = 20.0


class Served:
    """One uvicorn server. `stop` may be called from any thread.

    `max_message` is the most bytes of a websocket's message; 0: no websockets. `protocol` reads connections in place of uvicorn's.
    """

    def __init__(
        self,
        app: Any,
        *,
        drain_s: float,
        max_message: int = 0,
        protocol: type[asyncio.Protocol] | None = None,
    ) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=protocol or "httptools",
                ws="auto" if max_message else "none",  # on `websockets`
                ws_max_size=max_message,
                ws_ping_interval=PING_S,
                ws_ping_timeout=None,  # who has too much to read cannot answer a ping
                ws_per_message_deflate=False,
                lifespan="on",
                access_log=False,
                server_header=False,
                log_config=None,
                backlog=BACKLOG,
                timeout_graceful_shutdown=max(1, round(drain_s)),
            )
        )

    async def run(self, sock: socket.socket) -> None:
        """Serve until `stop`; then let open answers end, bounded."""
        await self._server.serve(sockets=[sock])

    def stop(self) -> None:
        """Ask it to end."""
        self._server.should_exit = True

    async def started(self) -> None:
        """Wait until it listens."""
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
