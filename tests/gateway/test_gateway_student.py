"""Students: invisible fallback, what an app sees of them, pairs in the background, who may be answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest
from upstream import TLS, House, Seen, Teller, house, route, sse

from store.program import rewrite
from store.prompt import head_hash
from store.vocabulary import Attempt, Capabilities, Outcome, Pairing, Program, Release, Role, Unit, Who

ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
EVENTS = [(b"content-type", b"text/event-stream")]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "x", "schema": {"type": "object", "required": ["a"]}},
}


def app(place: House, **options: Any) -> openai.AsyncOpenAI:
    http = httpx.AsyncClient(verify=TLS, trust_env=False)
    return openai.AsyncOpenAI(
        api_key="sk-planted", base_url=place.v1, max_retries=0, http_client=http, **options
    )


async def accepted(place: House, client: openai.AsyncOpenAI) -> None:
    """Have the teacher accept the key, then publish the route and forget what happened."""
    await client.chat.completions.create(**ASK)
    place.chooser.published = route(place.student.url)
    place.journal.records.clear()
    place.teacher.seen.clear()


def publish(place: House, **changes: Any) -> None:
    place.chooser.published = route(place.student.url, **changes)


def roles(attempts: list[Attempt]) -> list[tuple[Role, Who, bool, Outcome]]:
    return [(a.role, a.who, a.served, a.outcome) for a in attempts]


FALLEN = (Role.FALLBACK, Who.TEACHER, True, Outcome.COMPLETE)


async def test_a_student_answers_only_a_key_that_the_teacher_accepted():
    async with house() as place, app(place) as client:
        publish(place)
        first = await client.chat.completions.with_raw_response.create(**ASK)
        second = await client.chat.completions.with_raw_response.create(**ASK)
        async with app(place).with_options(api_key="sk-other") as stranger:
            third = await stranger.chat.completions.with_raw_response.create(**ASK)
        assert [r.headers["x-stillhouse-route"] for r in (first, second, third)] == [
            "teacher",
            "student",
            "teacher",
        ]
        assert place.chooser.barred == ["key_not_accepted", None, "key_not_accepted"]
        assert "planted" not in repr(place.student.seen) + repr(place.journal.records)


async def test_a_key_that_the_teacher_turns_away_loses_its_student():
    async def deny(seen: Seen, out: Teller) -> None:
        await out.whole(401, b'{"error":{"message":"no"}}')

    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.teacher.script = deny
        ask = client.chat.completions.create
        await ask(**ASK)
        with pytest.raises(openai.AuthenticationError):
            await ask(**ASK, extra_headers={"x-stillhouse-route": "teacher"})
        with pytest.raises(openai.AuthenticationError):
            await ask(**ASK)
        assert place.chooser.barred == [None, "asked_teacher", "key_not_accepted"]


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize("stream", [False, True])
async def test_a_student_answers_in_the_shape_that_the_app_asked_for(release, stream):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, release=release)
        raw = await client.chat.completions.with_raw_response.create(**ASK, stream=stream)
        assert raw.headers["x-stillhouse-route"] == "student"
        assert raw.headers["x-request-id"] == raw.headers["x-stillhouse-call-id"]
        answer = raw.parse()
        if stream:
            chunks = [chunk async for chunk in answer]
            words = "".join(c.choices[0].delta.content or "" for c in chunks)
            models = {c.model for c in chunks}
        else:
            words, models = answer.choices[0].message.content, {answer.model}
        assert (words, models) == ("student words", {"gpt-x"})
        assert place.student.seen[0].json["model"] == "student-model"
        assert place.student.seen[0].header("authorization") is None
        assert place.teacher.seen == []
        (attempt,) = place.journal.attempts
        assert roles([attempt]) == [(Role.SERVE, Who.STUDENT, True, Outcome.COMPLETE)]
        assert (attempt.upstream, attempt.model, attempt.student_id) == ("student:s1", "student-model", "s1")
        (call,) = place.journal.calls
        assert (call.choice.who, call.choice.student_id) == (Who.STUDENT, "s1")


async def fails(seen: Seen, out: Teller) -> None:
    await out.whole(500, b"{}")


async def talks_nonsense(seen: Seen, out: Teller) -> None:
    await out.whole(200, b"nonsense")


async def says_nothing(seen: Seen, out: Teller) -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}
    await out.whole(200, json.dumps(body).encode())


async def runs_out(seen: Seen, out: Teller) -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}]}
    await out.whole(200, json.dumps(body).encode())


async def stalls(seen: Seen, out: Teller) -> None:
    await asyncio.sleep(30)


async def breaks_off(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(
        b": ping\n\n" + sse({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    )
    raise ConnectionResetError


async def breaks_off_late(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(sse({"id": "c", "model": "s", "choices": [{"index": 0, "delta": {"content": "half"}}]}))
    raise ConnectionResetError


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (fails, Outcome.ERROR),
        (talks_nonsense, Outcome.ERROR),
        (says_nothing, Outcome.ERROR),
        (runs_out, Outcome.LENGTH),
        (stalls, Outcome.TIMEOUT),
        (breaks_off, Outcome.UPSTREAM_CUT),
        (breaks_off_late, Outcome.UPSTREAM_CUT),
    ],
)
async def test_a_failing_student_is_replaced_invisibly(script, outcome, stream):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, timeout_s=1.0)
        place.student.script = script
        raw = await client.chat.completions.with_raw_response.create(**ASK, stream=stream)
        assert raw.headers["x-stillhouse-route"] == "teacher"
        answer = raw.parse()
        words = (
            "".join([c.choices[0].delta.content or "" async for c in answer])
            if stream
            else answer.choices[0].message.content
        )
        assert words == "Hello there"
        assert roles(place.journal.attempts) == [(Role.SERVE, Who.STUDENT, False, outcome), FALLEN]
        assert place.journal.attempts[0].error


async def test_a_student_that_is_not_there_is_replaced():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.chooser.published = route("http://127.0.0.1:9/v1")
        assert (await client.chat.completions.create(**ASK)).choices[0].message.content == "Hello there"
        assert roles(place.journal.attempts) == [(Role.SERVE, Who.STUDENT, False, Outcome.ERROR), FALLEN]


@pytest.mark.parametrize("wanted", [{"type": "json_object"}, SCHEMA])
@pytest.mark.parametrize(
    ("text", "who"), [("not json", "teacher"), ('{"b":1}', "schema"), ('{"a":1}', "student")]
)
async def test_a_students_json_is_validated(wanted, text, who):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.student.text = text
        raw = await client.chat.completions.with_raw_response.create(**ASK, response_format=wanted)
        expected = who if who != "schema" else ("teacher" if wanted is SCHEMA else "student")
        assert raw.headers["x-stillhouse-route"] == expected


async def collect(stream: Any, into: list[str | None]) -> None:
    async for chunk in stream:
        into.append(chunk.choices[0].delta.content)  # noqa: PERF401 (what came before the break counts)


async def test_first_token_falls_back_before_it_and_breaks_off_after_it():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, release=Release.FIRST_TOKEN)
        place.student.script = breaks_off
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "Hello there"
        place.student.script = breaks_off_late
        stream = await client.chat.completions.create(**ASK, stream=True)
        seen: list[str | None] = []
        with pytest.raises(Exception, match=r"incomplete|peer closed|Connection"):
            await collect(stream, seen)
        assert seen == ["half"]
        assert roles(place.journal.attempts) == [
            (Role.SERVE, Who.STUDENT, False, Outcome.UPSTREAM_CUT),
            FALLEN,
            (Role.SERVE, Who.STUDENT, True, Outcome.UPSTREAM_CUT),
        ]


async def test_first_token_comes_before_the_last():
    go = asyncio.Event()

    async def slow(seen: Seen, out: Teller) -> None:
        await out.head(200, EVENTS)
        await out.piece(sse({"id": "c", "model": "s", "choices": [{"index": 0, "delta": {"content": "a"}}]}))
        await go.wait()
        await out.piece(
            sse({"id": "c", "model": "s", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        )
        await out.end(b"data: [DONE]\n\n")

    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, release=Release.FIRST_TOKEN)
        place.student.script = slow
        stream = await client.chat.completions.create(**ASK, stream=True)
        first = await anext(aiter(stream))
        assert (first.choices[0].delta.content, first.model) == ("a", "gpt-x")
        go.set()
        assert [c.choices[0].finish_reason async for c in stream] == ["stop"]
        assert roles(place.journal.attempts) == [(Role.SERVE, Who.STUDENT, True, Outcome.COMPLETE)]


async def test_a_hang_up_cancels_the_student():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.student.script = stalls
        with pytest.raises(openai.APITimeoutError):
            await client.with_options(timeout=1.0).chat.completions.create(**ASK)
        await asyncio.wait_for(place.student.cancelled.wait(), 5.0)
        assert roles(await place.settled(1)) == [(Role.SERVE, Who.STUDENT, True, Outcome.CLIENT_ABORT)]
        assert place.teacher.seen == []


async def test_the_student_gets_the_request_without_its_head_as_the_program_means_it():
    asked = {
        "model": "gpt-x",
        "messages": [{"role": "system", "content": "Be é."}, *ASK["messages"]],
        "temperature": 0,
    }
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, program=Program(head=(), head_hash=head_hash(asked)))
        await client.chat.completions.create(**asked)
        await client.chat.completions.create(
            **{**asked, "messages": [{"role": "system", "content": "Be e."}, *ASK["messages"]]}
        )
        await client.chat.completions.create(**{**asked, "messages": asked["messages"][:1]})
        program = Program(head=(), head_hash=head_hash(asked))
        assert [s.json for s in place.student.seen] == [
            {**(rewrite(asked, program) or {}), "model": "student-model"}
        ]
        assert place.chooser.barred[-3:] == [None, "head_mismatch", "no_messages"]


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({"n": 2}, "n"),
        ({"store": True}, "store"),
        ({"logprobs": True}, "logprobs"),
        ({"extra_headers": {"x-stillhouse-route": "teacher"}}, "asked_teacher"),
    ],
)
async def test_what_a_student_cannot_do_goes_to_the_teacher(extra, word):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, capabilities=Capabilities())
        await client.chat.completions.create(**ASK, **extra)
        assert (place.journal.calls[0].choice.reason, place.student.seen) == (word, [])


async def test_a_shadow_is_asked_after_the_answer_and_never_seen():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        stream = await client.chat.completions.create(
            **ASK, stream=True, stream_options={"include_usage": True}
        )
        assert "".join([c.choices[0].delta.content or "" async for c in stream if c.choices]) == "Hello there"
        teacher, shadow = await place.settled(2)
        assert roles([teacher, shadow]) == [
            (Role.SERVE, Who.TEACHER, True, Outcome.COMPLETE),
            (Role.SHADOW, Who.STUDENT, False, Outcome.COMPLETE),
        ]
        assert teacher.call_id == shadow.call_id == place.journal.calls[0].call_id
        assert json.loads(shadow.body)["choices"][0]["message"]["content"] == "student words"
        assert place.student.seen[0].json == {**ASK, "model": "student-model"}  # whole, not streamed


async def test_a_reverse_shadow_asks_the_teacher_with_the_same_key():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.chooser.pairing = Pairing.REVERSE_SHADOW
        async for _ in await client.chat.completions.create(
            **ASK, stream=True, extra_headers={"Idempotency-Key": "k"}
        ):
            pass
        attempts = await place.settled(2)
        assert roles(attempts)[1] == (Role.REVERSE_SHADOW, Who.TEACHER, False, Outcome.COMPLETE)
        (sent,) = place.teacher.seen
        assert (sent.header("authorization"), sent.header("idempotency-key")) == ("Bearer sk-planted", None)
        assert sent.json == ASK
        assert "planted" not in repr(place.journal.records)


async def test_a_key_turned_away_in_the_background_loses_its_student():
    async def deny(seen: Seen, out: Teller) -> None:
        await out.whole(403, b'{"error":{"message":"no"}}')

    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.chooser.pairing = Pairing.REVERSE_SHADOW
        place.teacher.script = deny
        await client.chat.completions.create(**ASK)
        assert roles(await place.settled(2))[1] == (Role.REVERSE_SHADOW, Who.TEACHER, False, Outcome.ERROR)
        with pytest.raises(openai.PermissionDeniedError):
            await client.chat.completions.create(**ASK)
        assert place.chooser.barred == [None, "key_not_accepted"]


async def test_a_fallback_completes_its_pair_by_itself():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.chooser.pairing = Pairing.REVERSE_SHADOW
        place.student.script = fails
        await client.chat.completions.create(**ASK)
        await client.models.list()
        assert roles(place.journal.attempts)[:2] == [(Role.SERVE, Who.STUDENT, False, Outcome.ERROR), FALLEN]
        assert len(place.teacher.seen) == 2  # the fallback and the list


async def test_pairs_beyond_the_queue_are_recorded_as_lost():
    async with house(shadow_concurrency=1, shadow_queue=1) as place, app(place) as client:
        await accepted(place, client)
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        place.student.script = stalls
        publish(place, timeout_s=1.0)
        for _ in range(3):
            await client.chat.completions.create(**ASK)
        shadows = [a for a in await place.settled(6) if a.role is Role.SHADOW]
        assert sorted(str(a.outcome) for a in shadows) == ["lost", "timeout", "timeout"]
        assert sum("shadow queue full" in (a.error or "") for a in shadows) == 1


async def test_no_pair_is_made_with_a_failed_answer_but_its_loss_is_recorded():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        place.teacher.script = fails
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(**ASK)
        assert roles(await place.settled(2)) == [
            (Role.SERVE, Who.TEACHER, True, Outcome.ERROR),
            (Role.SHADOW, Who.STUDENT, False, Outcome.LOST),
        ]
        assert place.student.seen == []


async def test_a_stopped_gateway_ends_its_shadows_and_says_so():
    async with house(drain_s=0.05, shadow_concurrency=1) as place:  # noqa: SIM117 (the app leaves first)
        async with app(place) as client:
            await accepted(place, client)
            place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
            place.student.script = stalls
            publish(place, timeout_s=30.0)
            for _ in range(2):
                await client.chat.completions.create(**ASK)
    shadows = [a for a in place.journal.attempts if a.role is Role.SHADOW]
    assert {a.call_id for a in shadows} == {c.call_id for c in place.journal.calls}
    assert {str(a.error) for a in shadows} == {
        "The gateway was stopped.",
        "Not asked: the gateway was stopped.",
    }


async def test_a_user_is_assigned_as_a_whole_where_the_route_says_so():
    async with house() as place, app(place) as client:
        publish(place, unit=Unit.USER)
        for asked in ({"user": "u1"}, {}):
            headers = {"x-stillhouse-conversation": "c8"}
            await client.chat.completions.create(**ASK, extra_headers=headers, **asked)
        assert place.chooser.units == ["u1", "c8"]
        assert {call.unit for call in place.journal.calls} == {"c8"}  # what is compared is a conversation


async def test_a_call_is_told_apart_by_what_the_route_names_and_only_where_a_student_may_answer_it():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, slicers=("tools", "length", "metadata.plan"))
        await client.chat.completions.create(**ASK, metadata={"plan": "pro"})
        await client.chat.completions.create(**ASK, n=3)
        told, barred = place.journal.calls
        assert told.choice.slices == ("tools:none", "length:short", "metadata.plan:pro")
        assert (barred.choice.reason, barred.choice.slices) == ("n", ())


async def test_names_conversations_and_users_are_recorded():
    async with house() as place, app(place) as client:
        await client.chat.completions.create(
            **ASK, metadata={"task": "triage", "conversation_id": "c7"}, user="u1"
        )
        headers = {"x-stillhouse-task": "other", "x-stillhouse-conversation": "c8"}
        await client.chat.completions.create(**ASK, extra_headers=headers, safety_identifier="s1")
        first, second = place.journal.calls
        assert (first.task_name, first.conversation, first.unit, first.user) == ("triage", "c7", "c7", "u1")
        assert (second.task_name, second.conversation, second.unit, second.user) == (
            "other",
            "c8",
            "c8",
            "s1",
        )
        assert first.fingerprint != second.fingerprint
        assert len(place.teacher.seen) == 2
        assert place.teacher.seen[1].header("x-stillhouse-task") is None
