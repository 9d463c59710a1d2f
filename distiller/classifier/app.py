"""The chat endpoint of one classifier, as ASGI. Knows no process and no port."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distiller.classifier.model import Classifier
from distiller.classifier.reply import RefusedError, Reply, check, reply

_LARGEST = 32 * 1024 * 1024  # bytes of a request
_JSON, _EVENTS = b"application/json", b"text/event-stream; charset=utf-8"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class App:
    """POST /v1/chat/completions, GET /v1/models, GET /health. `threads` requests are decided at a time."""

    def __init__(self, made: Classifier, model: str, threads: int) -> None:
        self._made = made
        self._model = model
        self._pool = ThreadPoolExecutor(threads)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope["method"], scope["path"], receive, send)
        except RefusedError as refused:
            await _whole(send, refused.body(), refused.status)

    async def _route(self, method: str, path: str, receive: Receive, send: Send) -> None:
        match method, path:
            case "POST", "/v1/chat/completions":
                await self._complete(await _body(receive), send)
            case "GET", "/v1/models":
                entry = {"id": self._model, "object": "model", "created": 0, "owned_by": "stillhouse"}
                await _whole(send, {"object": "list", "data": [entry]})
            case "GET", "/health":
                await _whole(send, {"status": "ok"})
            case _:
                raise RefusedError(f"there is no {method} {path} here", status=404)

    async def _complete(self, body: bytes, send: Send) -> None:
        try:
            request = check(json.loads(body))
        except (ValueError, RecursionError):
            raise RefusedError("the body is not JSON") from None
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._pool, self._answer, request)
        if not request.get("stream"):
            await _whole(send, made.whole())
            return
        options = request.get("stream_options")
        with_usage = isinstance(options, dict) and options.get("include_usage") is True
        events = [_event(json.dumps(c, ensure_ascii=False)) for c in made.chunks(with_usage=with_usage)]
        await _send(send, 200, _EVENTS, b"".join([*events, _event("[DONE]")]))

    def _answer(self, request: dict[str, Any]) -> Reply:
        decision = self._made.decide(request)
        return reply(self._made, request, decision, model=self._model, now=time.time())


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError("the client left")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > _LARGEST:
            raise RefusedError(f"the body is larger than {_LARGEST} bytes", status=413)
    return b"".join(parts)


async def _whole(send: Send, value: dict[str, Any], status: int = 200) -> None:
    await _send(send, status, _JSON, json.dumps(value, ensure_ascii=False).encode())


async def _send(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
