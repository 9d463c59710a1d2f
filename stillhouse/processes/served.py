"""An ASGI app on a socket of ours, until it is asked to stop. Knows no app."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

BACKLOG = 2048


class Served:
    """One uvicorn server. `stop` may be called from any thread."""

    def __init__(self, app: Any, *, drain_s: float) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
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
