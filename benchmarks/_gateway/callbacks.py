"""The native engine of one worker in this process, called as its loop calls it. Knows no feature and no figure.

Nothing of the kernel is in it but the journal's file: the two sockets are lists, a request is bytes that came from an app, an
answer bytes that came from an upstream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from uvicorn import Config
from uvicorn.server import ServerState

from benchmarks._gateway.ground import KEY
from gateway.app import build
from gateway.engine import apps, client
from gateway.engine.asking import Origin
from gateway.engine.client import NativeTransport
from gateway.engine.connection import Connection
from gateway.ports import Chooser
from gateway.settings import GatewaySettings, UpstreamSpec
from stillhouse.journal import LateJournal
from stillhouse.settings import Settings
from store.paths import DataFolder

_URL = "http://127.0.0.1:1/v1"
_WORDS = "The gauge first, then the kettle. " * 12
_EVENTS = 40


class _Socket:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def _nothing(self, *_: Any) -> None:
        pass

    pause_reading = resume_reading = close = abort = set_protocol = _nothing


class Line:
    """An app's connection to a worker that has one to its upstream."""

    def __init__(self, app: Any) -> None:
        self._app, self._upstream = app, Connection(freed=_nobody, lost=_nobody)
        self._to_app, self._to_upstream = _Socket(), _Socket()
        app.connection_made(self._to_app)

    async def dialled(self, _origin: Origin, made: Callable[[], Connection], *_: Any) -> Connection:
        """Open the connection to the upstream."""
        self._upstream = made()
        self._upstream.connection_made(self._to_upstream)
        return self._upstream

    async def opened(self, request: bytes, answer: list[bytes]) -> None:
        """Let the first call have the connection opened."""
        self._app.data_received(request)
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        self._answered(answer)

    def call(self, request: bytes, answer: list[bytes]) -> None:
        """Let a request come, and its answer in these pieces. Raises RuntimeError where the app does not get it."""
        self._app.data_received(request)
        self._answered(answer)

    def _answered(self, answer: list[bytes]) -> None:
        for piece in answer:
            self._upstream.data_received(piece)
        got = self._to_app.written
        if not (got and got[0].startswith(b"HTTP/1.1 200 ")):
            raise RuntimeError(f"The call was not answered: {got!r:.500}")
        got.clear()
        self._to_upstream.written.clear()


def _nobody(_connection: Connection) -> None:
    """Hear of nothing: it was never opened."""


@asynccontextmanager
async def line(folder: Path, chooser: Chooser, request: bytes, answer: list[bytes]) -> AsyncIterator[Line]:
    """Open a line through a worker whose journal is in `folder`, with a first call."""
    data = DataFolder(folder / "data")
    data.create()
    spec = UpstreamSpec(name="mock", base_url=_URL, api_key=KEY)
    settings = Settings.model_validate({"upstreams": [{"name": "mock", "base_url": _URL}]})
    journal, transport = LateJournal(data.journal, "w0", settings), NativeTransport()
    gateway = build(
        GatewaySettings(upstreams=(spec,), salt=b"x" * 32),
        journal=journal, chooser=chooser, transport=transport, health=None,
    )  # fmt: skip
    protocol: Any = apps.protocol(gateway, transport)
    config = Config(gateway, http=protocol, log_config=None)
    config.load()
    opened = Line(protocol(config=config, server_state=ServerState(), app_state={}))
    with patch.object(client, "dial", opened.dialled):
        await opened.opened(request, answer)
    try:
        yield opened
    finally:
        journal.close()


def request(body: bytes, *, agent: str = "OpenAI/Python 2.8.1") -> bytes:
    """Give a call as a client sends it."""
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nAuthorization: Bearer sk-of-an-app-0123456789\r\nUser-Agent: %b\r\n"
        b"X-Stainless-Lang: python\r\nContent-Length: %d\r\n\r\n%b" % (agent.encode(), len(body), body)
    )


def whole() -> list[bytes]:
    """Give an answer of 400 bytes of text, in one piece."""
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "logprobs": None,
        "message": {"role": "assistant", "content": _WORDS},
    }
    usage = {"prompt_tokens": 120, "completion_tokens": 80, "total_tokens": 200}
    body = json.dumps({**_answer("chat.completion"), "choices": [choice], "usage": usage}).encode()
    return [_head(b"application/json", b"Content-Length: %d" % len(body)) + body]


def streamed() -> list[bytes]:
    """Give an answer of forty events, each a chunk and a piece of its own."""
    pieces = [_head(b"text/event-stream", b"Transfer-Encoding: chunked")]
    for number in range(_EVENTS):
        choice = {"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None}
        event = json.dumps({**_answer("chat.completion.chunk"), "choices": [choice]}).encode()
        pieces.append(_chunk(b"data: %b\n\n" % event))
    pieces.append(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    return pieces


def _answer(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "gpt-4o-mini-2024-07-18"}


def _head(kind: bytes, length: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nx-request-id: req_1\r\n%b\r\n\r\n" % (kind, length)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
