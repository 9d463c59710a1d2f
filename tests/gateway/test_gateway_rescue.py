"""A student that hangs, breaks or is given up on: the app's answer, the record, the student's connection."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import openai
import pytest
from upstream import TLS, House, Seen, Teller, house, route, sse

from gateway import disguise
from gateway.attempt import Exchange
from gateway.student import left
from router.rules import FAILED
from store.vocabulary import Call, Outcome, Pairing, Release, Role, Who

ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
EVENTS = [(b"content-type", b"text/event-stream")]


@contextlib.asynccontextmanager
async def served(**settings: Any):
    """A house whose student answers a client with an accepted key."""
    http = httpx.AsyncClient(verify=TLS, trust_env=False)
    async with house(**settings) as place:
        client = openai.AsyncOpenAI(
            api_key="sk-x", base_url=place.v1, max_retries=0, http_client=http, timeout=10
        )
        async with client:
            await client.chat.completions.create(**ASK)
            place.chooser.published = route(place.student.url)
            place.journal.records.clear()
            place.teacher.seen.clear()
            yield place, client


def told(place: House) -> list[tuple[Role, Who, bool, Outcome]]:
    return [(a.role, a.who, a.served, a.outcome) for a in place.journal.attempts]


RESCUED = [
    (Role.SERVE, Who.STUDENT, False, Outcome.ERROR),
    (Role.FALLBACK, Who.TEACHER, True, Outcome.COMPLETE),
]


async def hangs(seen: Seen, out: Teller) -> None:
    await asyncio.sleep(30)


async def dawdles(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(sse({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}))
    await asyncio.sleep(30)


async def talks_on(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}}]}))
    await asyncio.sleep(30)


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize("script", [hangs, dawdles])
async def test_a_student_that_keeps_an_app_waiting_until_it_gives_up_has_timed_out(script, release):
    async with served(student_hung_s=0.1) as (place, client):
        place.chooser.published = route(place.student.url, release=release)
        place.student.script = script
        with pytest.raises(openai.APITimeoutError):
            await client.with_options(timeout=0.3).chat.completions.create(**ASK, stream=True)
        await asyncio.wait_for(place.student.cancelled.wait(), 1.0)
        (attempt,) = await place.settled(1)
        assert told(place) == [(Role.SERVE, Who.STUDENT, True, Outcome.TIMEOUT)]
        assert attempt.outcome in FAILED  # the breaker counts it
        assert "hung up after 0." in (attempt.error or "")
        assert 'error_type="timeout"' in (await httpx_get(place, "/metrics"))


async def httpx_get(place: House, path: str) -> str:
    async with httpx.AsyncClient(verify=TLS, trust_env=False) as http:
        return (await http.get(place.url + path)).text


async def test_an_app_that_leaves_while_a_student_talks_has_hung_up_itself():
    async with served(student_hung_s=0.001) as (place, client):
        place.chooser.published = route(place.student.url, release=Release.FIRST_TOKEN)
        place.student.script = talks_on
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert (await anext(aiter(stream))).choices[0].delta.content == "a"
        await stream.close()
        await asyncio.wait_for(place.student.cancelled.wait(), 1.0)
        await place.settled(1)
        assert told(place) == [(Role.SERVE, Who.STUDENT, True, Outcome.CLIENT_ABORT)]


@pytest.mark.parametrize(
    ("gone", "released", "hung_s", "outcome"),
    [
        (True, False, 0.0, Outcome.TIMEOUT),
        (True, False, 60.0, Outcome.CLIENT_ABORT),
        (True, True, 0.0, Outcome.CLIENT_ABORT),
        (False, False, 0.0, Outcome.LOST),
    ],
)
def test_who_gave_up_on_whom(gone, released, hung_s, outcome):
    exchange = Exchange(
        call=Call(call_id="c", ts=0.0), role=Role.SERVE, who=Who.STUDENT, model="m", upstream="s", limit=1
    )
    exchange.released = released
    assert left(exchange, gone=gone, hung_s=hung_s)[0] is outcome


async def test_a_stopped_gateway_is_not_the_students_fault():
    async with served(student_hung_s=0.001) as (place, _):
        place.student.script = hangs
        asked = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if asked.is_set():
                await asyncio.sleep(30)
            asked.set()
            body = b'{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}'
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            raise AssertionError(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"authorization", b"Bearer sk-x")],
        }
        answering = asyncio.ensure_future(place.gateway(scope, receive, send))
        while not place.student.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        answering.cancel()
        await asyncio.wait({answering})
        assert told(place) == [(Role.SERVE, Who.STUDENT, True, Outcome.LOST)]


@pytest.mark.parametrize("script", [hangs, dawdles])
async def test_a_student_out_of_time_is_let_go_of(script):
    async with served() as (place, client):
        place.chooser.published = route(place.student.url, timeout_s=0.2)
        place.student.script = script
        await client.chat.completions.create(**ASK)
        await asyncio.wait_for(place.student.cancelled.wait(), 1.0)


@pytest.mark.parametrize("script", [hangs, dawdles])
async def test_a_shadow_out_of_time_is_let_go_of(script):
    async with served() as (place, client):
        place.chooser.published = route(place.student.url, timeout_s=0.2)
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        place.student.script = script
        await client.chat.completions.create(**ASK)
        await asyncio.wait_for(place.student.cancelled.wait(), 2.0)
        assert (await place.settled(2))[1].outcome is Outcome.TIMEOUT


async def test_a_stopped_shadow_lets_go_of_the_student():
    async with served(drain_s=0.05) as (place, client):
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        place.student.script = dawdles
        await client.chat.completions.create(**ASK)
        while not place.student.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await place.gateway.background.drain(0.01)
        await asyncio.wait_for(place.student.cancelled.wait(), 1.0)


async def test_the_routes_time_is_for_the_first_token_of_an_answer_passed_on_as_it_comes():
    async def steady(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        for word in "abcdef":
            await out.piece(sse({"id": "c", "choices": [{"index": 0, "delta": {"content": word}}]}))
            await asyncio.sleep(0.08)
        last = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await out.end(sse(last) + b"data: [DONE]\n\n")

    async with served() as (place, client):
        place.chooser.published = route(place.student.url, timeout_s=0.3, release=Release.FIRST_TOKEN)
        place.student.script = steady
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "abcdef"
        place.student.script = dawdles
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "Hello there"
        assert told(place)[1:] == [
            (Role.SERVE, Who.STUDENT, False, Outcome.TIMEOUT),
            (Role.FALLBACK, Who.TEACHER, True, Outcome.COMPLETE),
        ]


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize("stream", [False, True])
async def test_whatever_breaks_before_the_release_the_teacher_answers(stream, release, monkeypatch, caplog):
    def breaks(*_: Any) -> bytes:
        raise KeyError("sk-planted")

    async with served() as (place, client):
        place.chooser.published = route(place.student.url, release=release)
        monkeypatch.setattr(disguise, "stream", breaks)
        monkeypatch.setattr(disguise, "completion", breaks)
        raw = await client.chat.completions.with_raw_response.create(**ASK, stream=stream)
        assert raw.headers["x-stillhouse-route"] == "teacher"
        if stream:
            async for _ in raw.parse():
                pass
        assert told(place) == RESCUED
        assert place.journal.attempts[0].error is not None
        assert "(KeyError)" in place.journal.attempts[0].error
        assert "planted" not in repr(place.journal.records)
        assert "the teacher answers" in caplog.text


@pytest.mark.parametrize(
    "schema", [[], {"multipleOf": 0}, {"pattern": "("}, {"$ref": "#/nowhere"}, {"type": []}, {"enum": 5}]
)
async def test_a_schema_that_cannot_be_checked_goes_to_the_teacher(schema):
    async with served() as (place, client):
        place.student.text = '"x"'
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        raw = await client.chat.completions.with_raw_response.create(**ASK, response_format=wanted)
        assert raw.headers["x-stillhouse-route"] == "teacher"
        assert told(place) == RESCUED
