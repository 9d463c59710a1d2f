"""The server in front of the gateway's app and of the admin API, as it is configured."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.errors import AnswerCut
from stillhouse.processes import logs
from stillhouse.processes.served import Served


async def parrot(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})
    elif scope["type"] == "websocket":
        assert "websocket.http.response" in scope["extensions"]
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


@contextlib.asynccontextmanager
async def served(**options: Any) -> AsyncIterator[str]:
    server = Served(parrot, drain_s=1, **options)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        running = asyncio.create_task(server.run(sock))
        await server.started()
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}/v1/realtime"
        server.stop()
        await running


async def test_a_worker_takes_websockets_with_a_bound_and_without_compression():
    async with served(max_message=1000) as url, connect(url) as app:
        assert app.protocol.extensions == []
        await app.send("x" * 1000)
        assert await app.recv() == "x" * 1000
        await app.send("x" * 1001)
        with pytest.raises(ConnectionClosed) as closed:
            await app.recv()
        assert closed.value.rcvd.code == 1009


async def test_the_admin_api_takes_none():
    async with served() as url:
        with pytest.raises(InvalidStatus):
            await connect(url)


def test_a_cut_that_the_application_tells_of_leaves_no_traceback_and_a_fault_does():
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    kept = root.handlers[:], root.level, logging.raiseExceptions, server.filters[:], server.level
    try:
        logs.configure("worker-0", told=(AnswerCut,))
        logged = [
            bool(server.filter(server.makeRecord("x", logging.ERROR, "f", 1, "m", (), given)))
            for given in (
                (AnswerCut, AnswerCut("The upstream closed."), None),
                (ValueError, ValueError(), None),
                None,
            )
        ]
        assert logged == [False, True, True]
    finally:
        root.handlers[:], root.level, logging.raiseExceptions, server.filters[:], server.level = kept
