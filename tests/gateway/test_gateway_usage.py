"""The usage of streams, asked for in the app's place and taken out again."""

from __future__ import annotations

import contextlib
import gzip
import json
from itertools import pairwise

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from several import ASK, CHAT, STREAM, several
from upstream import TLS, Seen, Teller, stream_lines

from gateway import usage
from gateway.capture import read_answer

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 0}}  # fmt: skip
INJECT = {"inject_usage": True}
EVENTS = [(b"content-type", b"text/event-stream")]


@contextlib.asynccontextmanager
async def client(place):
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as made:
        yield made


def event(data: str, *, end: bytes = b"\n") -> bytes:
    return b"data: " + data.encode() + end + end


# Number spelling, order, spaces and unknown members as a provider writes them: all of it must stay.
SAYS = '{"id": "c",  "choices":[{"index":0,"delta":{"content":"a\\u00e9"}}],"cost":1.50%s}'
NULL = ', "usage": null'
TOTAL = '{"id":"c","choices":[],"usage":' + json.dumps(USAGE) + "}"
BESIDE = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]%s}'
FILTERS = '{"choices":[],"prompt_filter_results":[{"prompt_index":0}]%s}'
CASES = {
    "chunks with null and a last one": (
        [event(SAYS % NULL), b": ping\n\n", event(SAYS % NULL), event(TOTAL), event("[DONE]")],
        [event(SAYS % ""), b": ping\n\n", event(SAYS % ""), event("[DONE]")],
    ),
    "usage beside choices (litellm 8450)": (
        [event(SAYS % ""), event(BESIDE % (',"usage":' + json.dumps(USAGE))), event("[DONE]")],
        [event(SAYS % ""), event(BESIDE % ""), event("[DONE]")],
    ),
    "no choices and more than usage (Azure)": (
        [event(FILTERS % ',"usage":null'), event(SAYS % NULL), event(TOTAL), event("[DONE]")],
        [event(FILTERS % ""), event(SAYS % ""), event("[DONE]")],
    ),
    "carriage returns, comments in the block, and text that says usage": (
        [b": x\r\n" + event(TOTAL, end=b"\r\n"), event(SAYS % ',"x":"\\"usage\\": null"', end=b"\r\n"), event("[DONE]")],
        [b": x\r\n\r\n", event(SAYS % ',"x":"\\"usage\\": null"', end=b"\r\n"), event("[DONE]")],
    ),
    "what is no chunk": (
        [event('{"error":{"message":"m"},"usage":1}'), event('{broken "usage"'), b'event: x\ndata: {"usage":1}\n\n'],
        [event('{"error":{"message":"m"},"usage":1}'), event('{broken "usage"'), b'event: x\ndata: {"usage":1}\n\n'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_usage_is_taken_out_and_all_else_stays(name):
    sent, shown = CASES[name]
    stripping = usage.Stripping()
    assert b"".join(map(stripping.add, sent)) + stripping.rest() == b"".join(shown)


@given(st.sampled_from(list(CASES)), st.lists(st.integers(0, 900), max_size=8))
def test_where_a_stream_is_cut_into_pieces_changes_nothing(name, cuts):
    whole, shown = (b"".join(blocks) for blocks in CASES[name])
    stripping = usage.Stripping()
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    assert b"".join(stripping.add(whole[a:b]) for a, b in pairwise(edges)) + stripping.rest() == shown


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b'{"model": "m", "n": 1.0}', b'{"stream_options":{"include_usage":true},"model": "m", "n": 1.0}'),
        (b'{"stream_options": null, "a":1}', b'{"stream_options": {"include_usage":true}, "a":1}'),
        (
            b'{"stream_options": {"include_obfuscation": false}}',
            b'{"stream_options": {"include_usage":true,"include_obfuscation": false}}',
        ),
        (b'{"stream_options":{"include_usage": false}}', b'{"stream_options":{"include_usage": true}}'),
        (b"{}", b'{"stream_options":{"include_usage":true}}'),
    ],
)
def test_usage_is_asked_for_with_no_other_byte_changed(body, asked):
    assert usage.asked_for(body) == asked


@pytest.mark.parametrize("body", [b'{"stream_options":{"include_usage":true}}', b'{"stream_options": [1]}'])
def test_who_asks_already_or_asks_nonsense_is_left_alone(body):
    assert usage.asked_for(body) is body


async def test_the_app_sees_what_it_asked_for_and_the_log_has_the_usage():
    async with several(INJECT) as (place, (server,)), client(place) as app:
        body = json.dumps(STREAM).encode()
        answer = await app.post(CHAT, content=body, headers={"content-type": "application/json"})
        completion = server.completion(STREAM)
        assert answer.content == b"".join(stream_lines(completion, STREAM))
        (seen,) = server.seen
        assert seen.json == {**STREAM, "stream_options": {"include_usage": True}}
        assert seen.header("accept-encoding") == "identity"
        (attempt,) = place.journal.attempts
        kept = read_answer("chat", attempt.content_type, attempt.status, attempt.body)
        assert (kept.usage.prompt_tokens, kept.usage.cached_tokens) == (9, 0)
        assert place.journal.calls[0].body == body


async def test_sdks_that_index_the_first_choice_of_each_chunk_survive():
    """What broke them in litellm 35290: a chunk without choices that they had not asked for."""
    async with (
        several(INJECT) as (place, _),
        openai.AsyncOpenAI(base_url=place.v1, api_key="sk-x", max_retries=0) as sdk,
    ):
        stream = await sdk.chat.completions.create(**STREAM)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(said) == "from 0"


@pytest.mark.parametrize(
    ("given_", "body"),
    [({}, STREAM), (INJECT, ASK), (INJECT, {**STREAM, "stream_options": {"include_usage": True}})],
)
async def test_who_did_not_want_it_or_asked_is_sent_and_shown_every_byte(given_, body):
    async with several(given_) as (place, (server,)), client(place) as app:
        lines = b"".join(stream_lines(server.completion(ASK), {"stream_options": {"include_usage": True}}))

        async def always(seen: Seen, out: Teller) -> None:
            await out.head(200, EVENTS)
            await out.end(lines)

        server.script = always
        sent = json.dumps(body).encode()
        answer = await app.post(CHAT, content=sent)
        assert (answer.content, server.seen[0].body) == (lines, sent)


async def test_a_compressed_request_is_asked_for_usage_too():
    async with several(INJECT) as (place, (server,)), client(place) as app:
        packed = gzip.compress(json.dumps(STREAM).encode())
        answer = await app.post(CHAT, content=packed, headers={"content-encoding": "gzip"})
        assert answer.content == b"".join(stream_lines(server.completion(STREAM), STREAM))
        (seen,) = server.seen
        assert (seen.header("content-encoding"), seen.json["stream_options"]) == (
            None,
            {"include_usage": True},
        )


async def test_an_answer_that_is_encoded_all_the_same_passes_untouched():
    async with several(INJECT) as (place, (server,)), client(place) as app:
        lines = gzip.compress(event(TOTAL) + event("[DONE]"))

        async def encoded(seen: Seen, out: Teller) -> None:
            await out.head(200, [*EVENTS, (b"content-encoding", b"gzip")])
            await out.end(lines)

        server.script = encoded
        async with app.stream("POST", CHAT, json=STREAM) as answer:
            assert b"".join([piece async for piece in answer.aiter_raw()]) == lines


async def test_a_length_that_no_longer_holds_is_not_passed_on():
    async with several(INJECT) as (place, (server,)), client(place) as app:
        lines = event(SAYS % NULL) + event(TOTAL) + event("[DONE]")

        async def measured(seen: Seen, out: Teller) -> None:
            await out.head(200, [*EVENTS, (b"content-length", str(len(lines)).encode())])
            await out.end(lines)

        server.script = measured
        answer = await app.post(CHAT, json=STREAM)
        assert (answer.content, "content-length" in answer.headers) == (
            event(SAYS % "") + event("[DONE]"),
            False,
        )
        assert place.journal.attempts[0].body == lines
