"""Responses, Anthropic messages and legacy completions through the gateway, by the real SDKs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
import httpx
import openai
import pytest
from translated import streamed
from upstream import ACCOUNT_HEADERS, TLS, House, Seen, Teller, house, route

from gateway import trace
from gateway.settings import UpstreamSpec
from gateway.translate import completions, messages, responses
from store.vocabulary import Capabilities, Outcome, Pairing, Release, Role, Who

TRANSLATE = {"responses": responses, "completions": completions, "messages": messages}
ASK: dict[str, dict[str, Any]] = {
    "responses": {"model": "gpt-x", "instructions": "Be brief.", "input": "hi", "store": False},
    "completions": {"model": "gpt-x", "prompt": "hi"},
    "messages": {
        "model": "gpt-x",
        "max_tokens": 99,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "hi"}],
    },
}
PATH = {surface: f"/v1/{surface}" for surface in ASK}
CHAT = {
    "model": "gpt-x",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
}
PARAMETERS = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
IDS = {"responses": "resp_", "completions": "cmpl-", "messages": "msg_"}


async def speaks(seen: Seen, out: Teller, place: House) -> None:
    """Answer on the surface that is asked, as its provider does."""
    surface = seen.path.removeprefix("/v1/")
    if surface not in TRANSLATE:
        await place.teacher.usual(seen, out)
        return
    completion = place.teacher.completion({**trace.alone(surface, seen.json), "tools": None})
    answer = TRANSLATE[surface].answer(completion, seen.json)
    if not seen.json.get("stream"):
        await out.whole(200, json.dumps(answer).encode(), ACCOUNT_HEADERS)
        return
    await out.head(200, [(b"content-type", b"text/event-stream; charset=utf-8"), *ACCOUNT_HEADERS])
    body = streamed(surface, answer)
    for at in range(0, len(body), 17):
        await out.piece(body[at : at + 17])
    await out.end()


def teach(place: House) -> None:
    place.teacher.script = lambda seen, out: speaks(seen, out, place)


def raw() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=TLS, trust_env=False, headers={"authorization": "Bearer sk-planted-0123456789"}
    )


async def accepted(place: House, client: httpx.AsyncClient, surface: str, **changes: Any) -> None:
    """Have the teacher accept the key, then publish a route."""
    teach(place)
    assert (await client.post(place.url + PATH[surface], json=ASK[surface])).status_code == 200
    place.chooser.published = route(place.student.url, **changes)
    place.journal.records.clear()
    place.teacher.seen.clear()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("surface", ASK)
async def test_the_teachers_bytes_pass_untouched_and_are_understood(surface, stream):
    async with house() as place, raw() as client:
        teach(place)
        asked = {**ASK[surface], "stream": stream}
        direct = await client.post(place.teacher.url + "/" + surface, json=asked)
        through = await client.post(place.url + PATH[surface], json=asked)
        assert through.content == direct.content
        assert place.teacher.seen[0].body == place.teacher.seen[1].body
        (call,), (attempt,) = place.journal.calls, place.journal.attempts
        assert (call.surface, call.stream, call.path) == (surface, stream, PATH[surface])
        assert (attempt.surface, attempt.outcome, attempt.served) == (surface, Outcome.COMPLETE, True)
        assert attempt.body == direct.content
        assert call.body == place.teacher.seen[1].body


async def test_the_same_instructions_are_one_task_on_every_surface():
    async with house() as place, raw() as client:
        teach(place)
        for surface in ("responses", "messages"):
            await client.post(place.url + PATH[surface], json=ASK[surface])
        await client.post(place.url + "/v1/chat/completions", json=CHAT)
        assert len({call.fingerprint for call in place.journal.calls}) == 1
        assert len({call.unit for call in place.journal.calls}) == 1


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("surface", ASK)
async def test_a_student_answers_on_every_surface(surface, stream, release):
    async with house() as place, raw() as client:
        await accepted(place, client, surface, release=release)
        said = await client.post(place.url + PATH[surface], json={**ASK[surface], "stream": stream})
        assert said.headers["x-stillhouse-route"] == "student"
        assert said.headers["request-id" if surface == "messages" else "x-request-id"]
        (attempt,) = place.journal.attempts
        assert (attempt.who, attempt.surface, attempt.outcome) == (Who.STUDENT, surface, Outcome.COMPLETE)
        assert attempt.body == said.content
        assert attempt.content_type == said.headers["content-type"]
        asked = place.student.seen[0].json
        assert (asked["model"], "stream" in asked) == ("student-model", False)
        assert asked["messages"][-1] == {"role": "user", "content": "hi"}
        assert place.teacher.seen == []
        assert said.headers["content-type"].startswith("text/event-stream") == stream


async def test_a_student_gets_the_members_of_a_schema_in_the_apps_order():
    schema = {
        "type": "object",
        "properties": {"z": {"type": "string"}, "a": {"type": "string"}},
        "required": ["z", "a"],
    }
    format_ = {"type": "json_schema", "name": "x", "schema": schema}
    async with house() as place, raw() as client:
        await accepted(place, client, "responses")
        await client.post(
            place.url + PATH["responses"], json={**ASK["responses"], "text": {"format": format_}}
        )
        asked = place.student.seen[0].json["response_format"]["json_schema"]["schema"]
        assert list(asked["properties"]) == ["z", "a"]


async def test_the_openai_sdk_takes_a_students_response():
    async with house() as place, raw() as client:
        await accepted(place, client, "responses")
        app = openai.AsyncOpenAI(api_key="sk-planted-0123456789", base_url=place.v1, max_retries=0)
        async with app:
            whole = await app.responses.create(
                **ASK["responses"], extra_headers={"accept-encoding": "identity"}
            )
            async with app.responses.stream(**ASK["responses"]) as stream:
                final = [event async for event in stream][-1].response
            text = await app.completions.create(model="gpt-x", prompt="hi")
        for answer in (whole, final):
            assert (answer.output_text, answer.model, answer.status) == (
                "student words",
                "gpt-x",
                "completed",
            )
            assert answer.id.startswith("resp_")
            assert answer.usage.total_tokens == 12
        assert text.choices[0].text in ("student words", "Hello there")


async def test_the_anthropic_sdk_takes_a_students_message():
    async with house() as place, raw() as client:
        await accepted(place, client, "messages")
        app = anthropic.AsyncAnthropic(
            api_key=None, auth_token="sk-planted-0123456789", base_url=place.url, max_retries=0
        )
        async with app:
            whole = await app.messages.create(**ASK["messages"])
            async with app.messages.stream(**ASK["messages"]) as stream:
                words = [word async for word in stream.text_stream]
                final = await stream.get_final_message()
        assert (whole.content[0].text, whole.model, whole.stop_reason) == (
            "student words",
            "gpt-x",
            "end_turn",
        )
        assert ("".join(words), final.content[0].text) == ("student words", "student words")
        assert whole.id.startswith("msg_")
        assert whole.usage.output_tokens == 3


async def test_a_students_tool_call_is_said_on_the_apps_surface():
    async with house() as place, raw() as client:
        await accepted(place, client, "messages", capabilities=Capabilities(tools=True))
        tools = [{"name": f"find_{i}", "input_schema": PARAMETERS} for i in range(2)]
        said = (
            await client.post(place.url + "/v1/messages", json={**ASK["messages"], "tools": tools})
        ).json()
        assert [(block["type"], block["name"], block["input"]) for block in said["content"]] == [
            ("tool_use", "find_0", {"q": "a0"}),
            ("tool_use", "find_1", {"q": "a1"}),
        ]
        assert said["stop_reason"] == "tool_use"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("release", list(Release))
async def test_a_tool_call_that_breaks_its_schema_is_answered_by_the_teacher(stream, release):
    async with house() as place, raw() as client:
        can = Capabilities(tools=True)
        await accepted(place, client, "responses", release=release, capabilities=can)
        wrong = {"type": "object", "properties": {"q": {"type": "integer"}}}
        tools = [
            {"type": "function", "function": {"name": f"find_{i}", "parameters": wrong}} for i in range(2)
        ]
        asked = {**CHAT, "tools": tools, "stream": stream}
        said = await client.post(place.url + "/v1/chat/completions", json=asked)
        assert said.headers["x-stillhouse-route"] == "teacher"
        first, second = place.journal.attempts
        assert (first.who, first.served, first.outcome) == (Who.STUDENT, False, Outcome.ERROR)
        assert "breaks the JSON schema" in (first.error or "")
        assert (second.role, second.served) == (Role.FALLBACK, True)


@pytest.mark.parametrize(
    ("surface", "more", "reason"),
    [
        ("responses", {"previous_response_id": "resp_1"}, "stateful"),
        ("responses", {"conversation": "conv_1"}, "stateful"),
        ("responses", {"store": True}, "store"),
        ("responses", {"store": None}, "store"),
        ("messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
        ("messages", {"top_k": 3}, None),
        ("responses", {"tools": [{"type": "web_search"}]}, None),
        ("completions", {"echo": True}, None),
    ],
)
async def test_what_a_student_cannot_be_asked_is_the_teachers(surface, more, reason):
    async with house() as place, raw() as client:
        await accepted(place, client, surface)
        said = await client.post(place.url + PATH[surface], json={**ASK[surface], **more})
        assert said.headers["x-stillhouse-route"] == "teacher"
        (call,) = place.journal.calls
        assert place.chooser.barred == ([reason] if reason else [])
        assert bool(call.fingerprint) == bool(reason)
        assert call.choice.reason == (reason or {"tools": "hosted_tool"}.get(*more, *more))
        assert place.journal.attempts[0].surface == surface


async def test_a_conversation_of_the_provider_is_the_unit():
    async with house() as place, raw() as client:
        teach(place)
        for conversation in ("conv_1", {"id": "conv_1"}):
            await client.post(
                place.url + "/v1/responses", json={**ASK["responses"], "conversation": conversation}
            )
        assert [(call.conversation, call.unit) for call in place.journal.calls] == [("conv_1", "conv_1")] * 2


@pytest.mark.parametrize("surface", ASK)
async def test_pairs_are_made_on_every_surface(surface):
    async with house() as place, raw() as client:
        await accepted(place, client, surface)
        place.chooser.pairing = Pairing.REVERSE_SHADOW
        await client.post(place.url + PATH[surface], json={**ASK[surface], "stream": True})
        student, teacher = await place.settled(2)
        assert (student.surface, teacher.surface) == (surface, surface)
        assert (teacher.role, teacher.outcome) == (Role.REVERSE_SHADOW, Outcome.COMPLETE)
        assert place.teacher.seen[0].path == PATH[surface]
        place.journal.records.clear()
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        await client.post(place.url + PATH[surface], json=ASK[surface])
        teacher, student = await place.settled(2)
        assert (teacher.surface, student.surface, student.role) == (surface, "chat", Role.SHADOW)
        assert student.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("surface", ["responses", "messages"])
async def test_the_outcome_is_written_before_a_streams_end_goes_out(surface):
    begun = asyncio.Event()  # the app has heard a part, so what it reads next is another piece

    async def pausing(seen: Seen, out: Teller) -> None:
        completion = place.teacher.completion({**trace.alone(surface, seen.json), "tools": None})
        body = streamed(surface, TRANSLATE[surface].answer(completion, seen.json))
        end = body.rindex(b"event: ")
        await out.head(200, [(b"content-type", b"text/event-stream; charset=utf-8"), *ACCOUNT_HEADERS])
        await out.piece(body[:end])
        await asyncio.wait_for(begun.wait(), timeout=20)
        await out.end(body[end:])

    async with house() as place, raw() as client:
        place.teacher.script = pausing
        asked = {**ASK[surface], "stream": True}
        written, heard = [], b""
        async with client.stream("POST", place.url + PATH[surface], json=asked) as answer:
            async for piece in answer.aiter_raw():
                heard += piece
                ended = b"event: message_stop" in heard or b"event: response.completed" in heard
                written.append((ended, len(place.journal.attempts)))
                begun.set()
        assert written[0] == (False, 0)
        assert {wrote for ended, wrote in written if ended} == {1}


async def test_a_cut_stream_of_events_is_cut_for_the_app():
    async def cut(_seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream")])
        await out.piece(b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n')
        await out.end()

    async with house() as place, raw() as client:
        place.teacher.script = cut
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(place.url + "/v1/messages", json={**ASK["messages"], "stream": True})
        assert place.journal.attempts[0].outcome is Outcome.UPSTREAM_CUT


async def test_refusals_are_said_as_anthropic_says_them():
    async with house() as place, raw() as client:
        for body in (b"nonsense", b"[]", b"{" * 200):
            said = await client.post(place.url + "/v1/messages", content=body)
            assert said.status_code == 400
            assert (said.json()["type"], said.json()["error"]["type"]) == ("error", "invalid_request_error")
        listing = await client.get(
            place.url + "/v1/nothing/../x", headers={"anthropic-version": "2023-06-01"}
        )
        assert listing.status_code in (200, 400)


async def test_an_upstream_that_is_away_is_said_as_anthropic_says_it():
    nowhere = UpstreamSpec(name="teacher", base_url="http://127.0.0.1:9/v1")
    async with house(upstreams=(nowhere,)) as place:
        app = anthropic.AsyncAnthropic(api_key="sk-planted-0123456789", base_url=place.url, max_retries=0)
        async with app:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await app.messages.create(**ASK["messages"])
        assert (caught.value.status_code, caught.value.body["type"]) == (502, "error")
        assert caught.value.body["error"]["type"] == "api_error"
