"""The real openai SDK, with and without the gateway in between: the same objects, errors, headers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from upstream import House, Seen, Teller, house, sse, tool_calls

ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
TOOLS = [
    {"type": "function", "function": {"name": f"find_{i}", "strict": True, "parameters": {"type": "object"}}}
    for i in range(2)
]
KEY = "sk-planted-key-0123456789"


def both(place: House, **options: Any) -> list[openai.AsyncOpenAI]:
    return [
        openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0, **options)
        for url in (place.teacher.url, place.v1)
    ]


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"n": 2},
        {"tools": TOOLS, "parallel_tool_calls": True},
        {"response_format": {"type": "json_object"}},
        {"logprobs": True, "top_logprobs": 2, "seed": 3, "user": "u1", "metadata": {"task": "triage"}},
        {"extra_body": {"unheard_of": [1.50, None]}, "extra_headers": {"Idempotency-Key": "k1"}},
    ],
)
async def test_an_answer_is_the_same_object(extra):
    async with house() as place:
        direct, through = both(place)
        async with direct, through:
            answers = [await client.chat.completions.create(**ASK, **extra) for client in (direct, through)]
        assert answers[0].model_dump() == answers[1].model_dump()
        assert answers[1]._request_id == "req_upstream_1"
        first, second = place.teacher.seen
        assert first.body == second.body
        same = {"authorization", "content-type", "idempotency-key", "user-agent", "accept"}
        assert {h for h in first.headers if h[0] in same} == {h for h in second.headers if h[0] in same}
        (call,), (attempt,) = place.journal.calls, place.journal.attempts
        assert call.body == first.body
        assert json.loads(attempt.body)["id"] == "chatcmpl-1"  # decoded, though it went out compressed
        assert (attempt.outcome, attempt.served, attempt.status) == ("complete", True, 200)


@pytest.mark.parametrize(
    "extra", [{}, {"tools": TOOLS}, {"n": 2}, {"stream_options": {"include_usage": True}}]
)
async def test_a_stream_is_the_same_chunks(extra):
    async with house() as place:
        streams = []
        for client in both(place):
            async with client:
                stream = await client.chat.completions.create(**ASK, stream=True, **extra)
                streams.append([chunk.model_dump() async for chunk in stream])
        assert streams[0] == streams[1]
        assert len(streams[0]) > 2
        (attempt,) = place.journal.attempts
        assert attempt.outcome == "complete"
        assert attempt.body.endswith(b"data: [DONE]\n\n")


def test_the_sync_client_works_and_sees_the_headers():
    async def run():
        async with house() as place:
            await asyncio.to_thread(use, place)

    def use(place: House):
        with openai.OpenAI(api_key=KEY, base_url=place.v1) as client:
            raw = client.chat.completions.with_raw_response.create(**ASK)
            assert raw.parse().choices[0].message.content == "Hello there"
            assert raw.headers["x-ratelimit-remaining-requests"] == "99"
            assert raw.headers["openai-processing-ms"] == "12"
            assert raw.headers["x-stillhouse-route"] == "teacher"
            assert raw.headers["x-stillhouse-call-id"] == place.journal.calls[0].call_id
            assert "set-cookie" not in raw.headers
            with client.chat.completions.create(**ASK, stream=True) as stream:
                words = [
                    c.choices[0].delta.content for c in stream if c.choices and c.choices[0].delta.content
                ]
            assert "".join(words) == "Hello there"
            assert [m.id for m in client.models.list()] == ["gpt-x"]

    asyncio.run(run())


async def test_stream_helper_reassembles_parallel_tool_calls():
    async with house() as place:
        client = both(place)[1]
        async with client, client.chat.completions.stream(**ASK, tools=TOOLS) as stream:
            final = await stream.get_final_completion()
        calls = final.choices[0].message.tool_calls or []
        assert [c.id for c in calls] == [c["id"] for c in tool_calls()]
        assert [c.function.arguments for c in calls] == [c["function"]["arguments"] for c in tool_calls()]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_an_error_is_the_same_error(status, error):
    body = {"error": {"message": "no", "type": "t", "param": "p", "code": "c"}}

    async def fail(seen: Seen, out: Teller) -> None:
        await out.whole(
            status, json.dumps(body).encode(), [(b"retry-after-ms", b"7"), (b"x-should-retry", b"false")]
        )

    async with house() as place:
        place.teacher.script = fail
        caught = []
        for client in both(place):
            async with client:
                with pytest.raises(error) as info:
                    await client.chat.completions.create(**ASK)
            caught.append(info.value)
        assert caught[0].body == caught[1].body == body["error"]
        assert caught[1].response.headers["retry-after-ms"] == "7"
        assert caught[1].response.headers["x-should-retry"] == "false"
        (attempt,) = place.journal.attempts
        assert (attempt.outcome, attempt.status) == ("error", status)


async def test_the_sdk_alone_retries_and_its_count_is_logged():
    async def flaky(seen: Seen, out: Teller) -> None:
        if len(place.teacher.seen) < 3:
            await out.whole(429, b'{"error":{"message":"slow down"}}', [(b"retry-after-ms", b"1")])
        else:
            await place.teacher.usual(seen, out)

    async with house() as place:
        place.teacher.script = flaky
        async with openai.AsyncOpenAI(api_key=KEY, base_url=place.v1, max_retries=2) as client:
            await client.chat.completions.create(**ASK)
        assert len(place.teacher.seen) == 3
        assert [call.retry_count for call in place.journal.calls] == [0, 1, 2]


async def test_an_error_inside_a_stream_reaches_the_app():
    async def broken(seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream")])
        await out.piece(sse({"error": {"message": "overloaded", "code": "x"}}))
        await out.end()

    async with house() as place:
        place.teacher.script = broken
        async with both(place)[1] as client:
            with pytest.raises(openai.APIError, match="overloaded"):
                async for _ in await client.chat.completions.create(**ASK, stream=True):
                    pass
        assert place.journal.attempts[0].outcome == "error"


async def test_a_cut_stream_is_an_error_for_the_app_never_a_short_answer():
    async def cut(seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream")])
        await out.piece(sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}}]}))
        raise ConnectionResetError

    async with house() as place:
        place.teacher.script = cut
        for client in both(place):
            async with client:
                with pytest.raises(Exception, match=r"incomplete|peer closed|Connection") as info:
                    async for _ in await client.chat.completions.create(**ASK, stream=True):
                        pass
                assert not isinstance(info.value, AssertionError)
        (attempt,) = place.journal.attempts
        assert (attempt.outcome, attempt.served) == ("upstream_cut", True)
        assert b"half" in attempt.body


async def test_no_planted_credential_or_cookie_is_in_any_record():
    async with house() as place:
        headers = {"Cookie": "session=planted-cookie", "api-key": "planted-azure", "X-Api-Key": "planted-x"}
        async with openai.AsyncOpenAI(
            api_key=KEY, base_url=place.v1, organization="planted-org", default_headers=headers
        ) as client:
            await client.chat.completions.create(**ASK)
            await client.embeddings.create(model="e", input="x", encoding_format="float")
        everything = repr(place.journal.records)
        assert "planted" not in everything
        assert place.journal.calls[0].key_id
        sent = place.teacher.seen[0]
        assert sent.header("cookie") is None
        assert sent.header("openai-organization") == "planted-org"
        assert sent.header("authorization") == f"Bearer {KEY}"


async def test_the_base_url_may_lack_v1_and_end_in_a_slash():
    async with house() as place:
        for base in (place.v1, place.url, place.v1 + "/", place.url + "/"):
            async with openai.AsyncOpenAI(api_key=KEY, base_url=base) as client:
                answer = await client.chat.completions.create(**ASK)
                assert answer.choices[0].message.content == "Hello there"
