"""What other proxies lose of an answer. Each test is named after the public issue and what broke there."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import struct
from typing import Any

import openai
import pytest
from standing import ASK, EVENTS, PATIENCE_S, PROVIDER_KEY, Place, broken_elsewhere
from upstream import Seen, Teller, sse, tool_calls

TOOLS = [
    {"type": "function", "function": {"name": f"find_{i}", "strict": True, "parameters": {"type": "object"}}}
    for i in range(2)
]
BASE = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}


def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
    return sse({**BASE, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **more}]})


async def streamed(place: Place, **extra: Any) -> list[Any]:
    async with place.sdk() as client:
        return [c async for c in await client.chat.completions.create(**ASK, stream=True, **extra)]


@broken_elsewhere(AssertionError)
async def test_litellm_36882_cached_tokens_of_0_are_kept(place):
    async with place.sdk() as client:
        answer = await client.chat.completions.create(**ASK)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


@broken_elsewhere(AssertionError)
async def test_litellm_8450_the_usage_chunk_has_no_choices(place):
    chunks = await streamed(place, stream_options={"include_usage": True})
    assert [c.usage.total_tokens for c in chunks if not c.choices] == [12]


@broken_elsewhere(openai.APIStatusError, match="400 Bad Request")
async def test_litellm_35290_no_stream_options_are_sent_to_a_server_that_knows_none(place):
    async def strict(seen: Seen, out: Teller) -> None:
        if "stream_options" in seen.json:
            await out.whole(400, b'{"error":{"message":"Unknown field stream_options."}}')
        else:
            await place.teacher.usual(seen, out)

    place.teacher.script = strict
    assert [c.usage for c in await streamed(place) if c.usage] == []


@broken_elsewhere(TimeoutError)
async def test_litellm_38926_tool_arguments_come_piece_by_piece(place):
    began = asyncio.Event()

    async def waits(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        function = {"name": "find", "arguments": '{"q":'}
        await out.piece(chunk({"tool_calls": [{"index": 0, "id": "call_1", "function": function}]}))
        await began.wait()  # the rest is said once the app has the beginning
        await out.piece(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}))
        await out.piece(chunk({}, "tool_calls"))
        await out.end(b"data: [DONE]\n\n")

    place.teacher.script = waits
    said = ""
    async with place.sdk() as client:
        stream = await client.chat.completions.create(**ASK, tools=TOOLS, stream=True)
        async with asyncio.timeout(PATIENCE_S):
            async for part in stream:
                for call in part.choices[0].delta.tool_calls or ():
                    said += call.function.arguments
                    began.set()
    assert said == '{"q":1}'


@broken_elsewhere(AssertionError)
async def test_litellm_20480_a_tool_call_says_its_id_once(place):
    chunks = await streamed(place, tools=TOOLS)
    ids = [call.id for c in chunks if c.choices for call in c.choices[0].delta.tool_calls or ()]
    assert [one for one in ids if one] == ["call_0", "call_1"]
    assert len(ids) > 2


@broken_elsewhere(AssertionError)
async def test_litellm_39796_parallel_tool_calls_keep_their_ids(place):
    async with place.sdk() as client, client.chat.completions.stream(**ASK, tools=TOOLS) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert {call.id for call in calls} == {call["id"] for call in tool_calls()}


@broken_elsewhere(AssertionError)
async def test_litellm_38907_reasoning_items_go_both_ways(place):
    items = [{"type": "reasoning", "id": "rs_1", "encrypted_content": "c2VjcmV0", "summary": []}]

    async def reasons(seen: Seen, out: Teller) -> None:
        answer = place.teacher.completion(seen.json)
        answer["choices"][0]["message"]["reasoning_items"] = items
        await out.whole(200, json.dumps(answer).encode())

    place.teacher.script = reasons
    async with place.sdk() as client:
        answer = await client.chat.completions.create(**ASK)
        turn = answer.choices[0].message.model_dump(exclude_none=True)
        assert turn.get("reasoning_items") == items
        await client.chat.completions.create(model="gpt-x", messages=[*ASK["messages"], turn])
    assert place.asked.json["messages"][-1]["reasoning_items"] == items


def token(word: str) -> dict[str, Any]:
    return {"token": word, "logprob": -0.25, "bytes": list(word.encode()), "top_logprobs": []}


async def with_logprobs(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    for word in ("a", "b", "c"):
        await out.piece(chunk({"content": word}, logprobs={"content": [token(word)], "refusal": None}))
    await out.piece(chunk({}, "stop", logprobs=None))
    await out.end(b"data: [DONE]\n\n")


@broken_elsewhere(AssertionError)
async def test_litellm_3253_a_stream_keeps_its_logprobs(place):
    place.teacher.script = with_logprobs
    chunks = await streamed(place, logprobs=True)
    assert [c.choices[0].logprobs.content[0].token for c in chunks if c.choices[0].logprobs] == [
        "a",
        "b",
        "c",
    ]


@broken_elsewhere(AssertionError)
async def test_floway_481_the_log_has_every_logprob_of_a_stream(place):
    place.teacher.script = with_logprobs
    await streamed(place, logprobs=True)
    kept = place.logged()["choices"][0].get("logprobs") or {"content": []}
    assert [one["token"] for one in kept["content"]] == ["a", "b", "c"]


@broken_elsewhere(AssertionError)
async def test_mem0_4057_embeddings_are_asked_for_and_answered_in_base64(place):
    vector = [0.25, -1.5, 3.0]

    async def embeds(seen: Seen, out: Teller) -> None:
        packed = base64.b64encode(struct.pack("<3f", *vector)).decode()
        shown = packed if seen.json.get("encoding_format") == "base64" else vector
        data = [{"object": "embedding", "index": 0, "embedding": shown}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        body = {"object": "list", "model": "e", "data": data, "usage": usage}
        await out.whole(200, json.dumps(body).encode())

    place.teacher.script = embeds
    async with place.sdk() as client:
        answer = await client.embeddings.create(model="e", input="x")
        assert answer.data[0].embedding == pytest.approx(vector)
    assert place.asked.json.get("encoding_format") == "base64"


@broken_elsewhere(openai.APIConnectionError, match="Connection error")
async def test_agentgateway_3040_content_encoding_says_how_the_body_came(place):
    async def packs(seen: Seen, out: Teller) -> None:
        data = gzip.compress(json.dumps(place.teacher.completion(seen.json)).encode())
        await out.whole(200, data, [(b"content-encoding", b"gzip")])

    place.teacher.script = packs
    async with place.sdk() as client:
        answer = await client.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == "Hello there"


@broken_elsewhere(openai.InternalServerError, match="429 Too Many Requests")
async def test_litellm_23901_a_429_stays_a_429_with_its_body_and_headers(place):
    said = {"error": {"message": "slow down", "type": "tokens", "param": None, "code": "rate_limit_exceeded"}}

    async def busy(seen: Seen, out: Teller) -> None:
        await out.whole(429, json.dumps(said).encode(), [(b"retry-after-ms", b"7")])

    place.teacher.script = place.other.script = busy
    async with place.sdk() as client:
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(**ASK)
    assert caught.value.body == said["error"]
    assert caught.value.response.headers["retry-after-ms"] == "7"


@broken_elsewhere(AssertionError)
async def test_litellm_32202_the_key_of_the_gateway_never_goes_on(place):
    async with place.sdk() as client:
        await client.chat.completions.create(**ASK)
    assert place.asked.header("authorization") == f"Bearer {PROVIDER_KEY}"
    assert "sk-of-the-gateway" not in repr(place.asked)
