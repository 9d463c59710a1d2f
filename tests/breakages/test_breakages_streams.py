"""How other proxies end streams and calls wrongly. Each test is named after the public issue and what broke there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from standing import ASK, EVENTS, PATIENCE_S, Place, broken_elsewhere
from upstream import Seen, Teller, sse

PART = sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": None}]})
LAST = sse({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
DONE = b"data: [DONE]\n\n"


async def raw(place: Place, **body: Any) -> bytes:
    async with place.http() as client:
        answer = await client.post("/v1/chat/completions", json={**ASK, "stream": True, **body})
        return answer.content


async def silent(seen: Seen, out: Teller) -> None:
    await asyncio.sleep(30)


async def begun(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(PART)
    await asyncio.sleep(30)


async def hung_up(place: Place, path: str, body: dict[str, Any], *, after: bytes = b"") -> None:
    """Ask, hang up once the teacher is at work (or has said `after`), and wait for the teacher to hear of it."""
    host, port = place.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {place.key}\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    if after:
        await reader.readuntil(after)
    while not place.teacher.seen:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(PATIENCE_S):
        await place.teacher.cancelled.wait()


@broken_elsewhere(TimeoutError)
async def test_litellm_37140_hanging_up_cancels_a_call_that_does_not_stream(place):
    place.teacher.script = silent
    await hung_up(place, "/v1/chat/completions", ASK)


@broken_elsewhere(TimeoutError)
async def test_litellm_31499_hanging_up_before_the_first_token_cancels_a_stream(place):
    place.teacher.script = silent
    await hung_up(place, "/v1/chat/completions", {**ASK, "stream": True})


@broken_elsewhere(TimeoutError)
async def test_claude_code_proxy_114_every_endpoint_hears_that_the_app_hung_up(place):
    place.teacher.script = silent
    for path in ("/v1/messages", "/v1/responses", "/v1/completions", "/v1/embeddings"):
        place.teacher.seen.clear()
        place.teacher.cancelled.clear()
        await hung_up(place, path, {**ASK, "input": "x", "prompt": "x", "max_tokens": 9})


@broken_elsewhere(pytest.fail.Exception, match="DID NOT RAISE")
async def test_portkey_1797_a_cut_stream_does_not_end_cleanly(place):
    async def cut(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        await out.piece(PART)
        raise ConnectionResetError

    place.teacher.script = cut
    with pytest.raises(httpx.RemoteProtocolError):
        await raw(place)


@broken_elsewhere(pytest.fail.Exception, match="DID NOT RAISE")
async def test_any_llm_847_an_error_inside_a_stream_reaches_the_app(place):
    async def fails(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        await out.piece(PART)
        await out.piece(sse({"error": {"message": "overloaded", "type": "server_error", "code": "x"}}))
        await out.end()

    place.teacher.script = fails
    async with place.sdk() as client:
        stream = await client.chat.completions.create(**ASK, stream=True)
        with pytest.raises(openai.APIError, match="overloaded"):
            async for _ in stream:
                pass


@broken_elsewhere(json.JSONDecodeError)
async def test_llm_gateway_2053_comments_stay_comments(place):
    async def comments(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        await out.piece(b": OPENROUTER PROCESSING\n\n" + PART + LAST)
        await out.end(DONE)

    place.teacher.script = comments
    async with place.sdk() as client:
        chunks = [c async for c in await client.chat.completions.create(**ASK, stream=True)]
    assert [c.choices[0].delta.content for c in chunks] == ["half", None]
    assert (await raw(place)).startswith(b": OPENROUTER PROCESSING\n\n")


@broken_elsewhere(json.JSONDecodeError)
async def test_llmgateway_2334_a_slow_upstream_brings_no_event_of_the_proxy_itself(place):
    async def slow(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        await out.piece(PART)
        await asyncio.sleep(0.6)
        await out.piece(LAST)
        await out.end(DONE)

    place.teacher.script = slow
    async with place.sdk() as client:
        chunks = [c async for c in await client.chat.completions.create(**ASK, stream=True)]
    assert [c.choices[0].delta.content for c in chunks] == ["half", None]
