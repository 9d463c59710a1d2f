"""The control of this suite: a small proxy that reads every body and writes it anew, as many do.

It answers plain calls and streams well enough for a demonstration. Every breakage that is tested here can be
seen in it, so no test of this suite passes by itself. Not a proxy for use.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from typing import Any
from urllib.parse import quote

import httpx
from upstream import TLS

ASKED = frozenset(
    [
        "model",
        "messages",
        "stream",
        "n",
        "tools",
        "tool_choice",
        "logprobs",
        "input",
        "prompt",
        "stream_options",
        "previous_response_id",
    ]
)
MESSAGE = frozenset(["role", "content", "tool_calls", "tool_call_id", "refusal"])
PING_S = 0.4  # without a word, once it has passed a chunk on


class Naive:
    """An ASGI application before one or more upstreams, which take turns."""

    def __init__(self, upstreams: list[str]) -> None:
        self._turn = itertools.cycle(upstreams)
        self._client = httpx.AsyncClient(trust_env=False, verify=TLS, timeout=10)
        self.kept: list[dict[str, Any]] = []  # its log of whole answers

    async def aclose(self) -> None:
        await self._client.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked = request(json.loads(body)) if body else None
        try:
            await self._answer(scope, asked, send)
        except httpx.HTTPStatusError as error:
            said = {"error": {"message": str(error), "type": "internal_error"}}
            await whole(send, 500, [], json.dumps(said).encode())

    async def _answer(self, scope: Any, asked: dict[str, Any] | None, send: Any) -> None:
        url = next(self._turn) + quote(scope["raw_path"].decode().removeprefix("/v1"))
        headers = {
            name.decode(): value.decode()
            for name, value in scope["headers"]
            if name == b"authorization" or (name.startswith(b"x-") and not url.endswith("/v1/completions"))
        }
        headers["accept-encoding"] = "identity"
        built = self._client.build_request(scope["method"], url, json=asked, headers=headers)
        answer = await self._client.send(built, stream=bool(asked and asked.get("stream")))
        answer.raise_for_status()
        if asked and asked.get("stream"):
            await self._stream(answer, send)
            return
        given = answer.json()
        for choice in given.get("choices", ()):
            kept = choice.get("message", {})
            choice["message"] = {name: value for name, value in kept.items() if name in MESSAGE}
        if "usage" in given:
            given["usage"] = truthy(given["usage"])
        await whole(send, 200, answer.headers.raw, json.dumps(given).encode())

    async def _stream(self, answer: httpx.Response, send: Any) -> None:
        kind = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        chunks, last = Chunks(), {}
        try:
            async for line in pinged(answer.aiter_lines()):
                if line is None:
                    await piece(send, b"id: 7\n: ping\n\n" if last else b"")
                elif line.startswith(":"):
                    await piece(send, b"data: " + line.encode() + b"\n\n")
                elif line.startswith("data: {"):
                    for chunk in chunks.take(json.loads(line[6:])):
                        last = chunk
                        await piece(send, b"data: " + json.dumps(chunk).encode() + b"\n\n")
        except httpx.HTTPError:
            pass  # it has said all it will
        self.kept.append(last)
        await piece(send, b"data: [DONE]\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Chunks:
    """Rewrites the chunks of one stream. Tool calls are held until they are whole."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._named: dict[str, Any] = {}  # the call under way, of which there is one, surely

    def take(self, chunk: dict[str, Any]) -> list[dict[str, Any]]:
        if "choices" not in chunk:
            return []
        first = chunk["choices"][0] if chunk["choices"] else {"index": 0, "delta": {}, "finish_reason": None}
        for call in first["delta"].get("tool_calls", ()):
            self._named = self._named or call
            whole_call = {**call, "id": self._named["id"], "type": "function"}
            self._calls.append(whole_call)
        told = {name: chunk[name] for name in ("id", "object", "created", "model") if name in chunk}
        if chunk.get("usage"):
            told["usage"] = truthy(chunk["usage"])
        delta = {name: value for name, value in first["delta"].items() if name in MESSAGE - {"tool_calls"}}
        parts = [delta] if delta or "usage" in told else []
        if first["finish_reason"]:
            parts = [*({"tool_calls": [call]} for call in self._calls), delta]
        made = [{**told, "choices": [{"index": first["index"], "delta": part}]} for part in parts]
        for one in made[-1:]:
            one["choices"][0]["finish_reason"] = first["finish_reason"]
        return made


async def pinged(lines: Any) -> Any:
    """Give lines, and None where one is long in coming."""
    ahead = aiter(lines)
    coming = asyncio.ensure_future(anext(ahead))
    while True:
        done, _ = await asyncio.wait({coming}, timeout=PING_S)
        if not done:
            yield None
            continue
        try:
            yield coming.result()
        except StopAsyncIteration:
            return
        coming = asyncio.ensure_future(anext(ahead))


def request(given: dict[str, Any]) -> dict[str, Any]:
    """Give what it knows of a request, and what it likes to know of the answer."""
    asked = {name: value for name, value in given.items() if name in ASKED}
    if "messages" in asked:
        asked["messages"] = [{k: v for k, v in m.items() if k in MESSAGE} for m in asked["messages"]]
    if asked.get("stream"):
        asked["stream_options"] = {"include_usage": True}
    if name := asked.get("previous_response_id"):
        asked["previous_response_id"] = base64.b64encode(name.encode()).decode()
    return asked


def truthy(value: Any) -> Any:
    """Leave out whatever is empty, on every level."""
    if not isinstance(value, dict):
        return value
    return {name: truthy(inner) for name, inner in value.items() if inner}


async def piece(send: Any, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def whole(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    kept = [pair for pair in headers if pair[0].lower() not in {b"content-length", b"transfer-encoding"}]
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": kept + length})
    await send({"type": "http.response.body", "body": body, "more_body": False})
