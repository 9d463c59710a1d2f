"""Another upstream is asked where the first cannot have been billed unseen, and only there."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import openai
import pytest
from several import ASK, CHAT, RETRY, STREAM, attempts, closing, says, several
from upstream import TLS, Seen, Teller, house, route, sse

from gateway.settings import Timeouts
from store.vocabulary import Pairing, Who


@contextlib.asynccontextmanager
async def client(place):
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as made:
        yield made


async def breaks_off(seen: Seen, out: Teller) -> None:
    await out.head(503, [(b"content-type", b"application/json"), (b"content-length", b"500")])
    await out.piece(b'{"error"')
    raise ConnectionResetError


async def says_much(seen: Seen, out: Teller) -> None:
    await out.head(503, [(b"content-type", b"text/plain")])
    for _ in range(100):
        await out.piece(b"x" * 1000)
    await out.end()


async def waits(seen: Seen, out: Teller) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("body", [ASK, STREAM])
@pytest.mark.parametrize(
    ("script", "first"),
    [
        (says(503), ("u0", "serve", "error", 503, False)),
        (says(500), ("u0", "serve", "error", 500, False)),
        (says(429, RETRY), ("u0", "serve", "error", 429, False)),
    ],
)
async def test_the_next_answers_what_the_first_refused(script, first, body):
    async with several({}, {}) as (place, servers), client(place) as app:
        servers[0].script = script
        answer = await app.post(CHAT, json=body)
        assert (answer.status_code, "from" in answer.text, "retry-after" in answer.headers) == (
            200,
            True,
            False,
        )
        assert [len(s.seen) for s in servers] == [1, 1]
        assert servers[0].seen[0].body == servers[1].seen[0].body
        assert attempts(place) == [first, ("u1", "failover", "complete", 200, True)]
        assert [a.body != b"" for a in place.journal.attempts] == [True, True]
        assert place.gateway.accounts.in_flight == 0


GONE = {"base_url": "http://127.0.0.1:9/v1"}


async def test_no_connection_and_one_that_ends_without_a_word_are_tried_elsewhere():
    async with closing() as mute, several({"base_url": mute}, GONE, {}) as (place, _), client(place) as app:
        assert "from 2" in (await app.post(CHAT, json=ASK)).text
        assert attempts(place) == [
            ("u0", "serve", "upstream_cut", 0, False),
            ("u1", "failover", "error", 0, False),
            ("u2", "failover", "complete", 200, True),
        ]


@pytest.mark.parametrize(
    ("script", "status", "outcome"),
    [
        (says(400), 400, "error"),
        (says(401), 401, "error"),
        (says(408), 408, "error"),
        (says(409), 409, "error"),
        (says(503, [(b"x-should-retry", b"false")]), 503, "error"),
        (says_much, 503, "error"),
        (breaks_off, 502, "upstream_cut"),
        (waits, 504, "timeout"),
    ],
)
async def test_what_may_have_been_billed_or_would_fail_again_is_the_apps_answer(script, status, outcome):
    first = {"timeouts": Timeouts(connect=1.0, first_byte=0.2)}
    async with several(first, {}) as (place, servers), client(place) as app:
        servers[0].script = script
        answer = await app.post(CHAT, json=ASK)
        assert answer.status_code == status
        assert servers[1].seen == []
        ((upstream, role, ended, _, served),) = attempts(place)
        assert (upstream, role, ended, served) == ("u0", "serve", outcome, True)
        if script is says_much:
            assert answer.content == b"x" * 100_000


async def test_a_stream_that_has_begun_is_never_begun_again_elsewhere():
    async def cut(seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream")])
        await out.piece(sse({"choices": [{"index": 0, "delta": {"content": "half"}}]}))
        raise ConnectionResetError

    async with several({}, {}) as (place, servers), client(place) as app:
        servers[0].script = cut
        with pytest.raises(httpx.RemoteProtocolError):
            await app.post(CHAT, json=STREAM)
        assert servers[1].seen == []


async def test_when_all_fail_the_app_gets_the_last_ones_own_answer():
    async with several({}, {}, {}) as (place, servers), client(place) as app:
        servers[0].script, servers[1].script = says(500), says(503)
        servers[2].script = says(429, [*RETRY, (b"x-should-retry", b"true")], message="slow down")
        answer = await app.post(CHAT, json=ASK)
        assert (answer.status_code, answer.json()["error"]["message"]) == (429, "slow down")
        kept = {name: answer.headers[name] for name in ("retry-after", "retry-after-ms", "x-should-retry")}
        assert kept == {"retry-after": "7", "retry-after-ms": "7001", "x-should-retry": "true"}
        assert [a[-1] for a in attempts(place)] == [False, False, True]
        assert {a.call_id for a in place.journal.attempts} == {place.journal.calls[0].call_id}


async def test_the_last_upstreams_refusal_is_not_held_back():
    told = asyncio.Event()

    async def slow(seen: Seen, out: Teller) -> None:
        await out.head(503, [(b"content-type", b"application/json")])
        await out.piece(b'{"error":')
        await told.wait()
        await out.end(b"{}}")

    async with several({}, {}) as (place, servers), client(place) as app:
        servers[0].script, servers[1].script = says(503), slow
        async with app.stream("POST", CHAT, json=ASK) as answer:
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b'{"error":'
            told.set()
            assert b"".join([piece async for piece in pieces]) == b"{}}"


async def test_an_upload_that_is_streamed_up_goes_up_once():
    async with several(GONE, {}, max_opaque_log=10) as (place, servers), client(place) as app:
        answer = await app.post("/v1/files", content=b"x" * 5000)
        assert (answer.status_code, servers[1].seen) == (502, [])


async def test_only_what_leaves_nothing_behind_is_asked_elsewhere():
    state = {"model": "gpt-x", "input": "hi"}
    async with several({}, {}) as (place, servers), client(place) as app:
        servers[0].script = says(503)
        for path, body, status in (
            ("/v1/embeddings", state, 200),
            ("/v1/responses", {**state, "store": False}, 200),
            ("/v1/messages", {**ASK, "max_tokens": 5}, 200),
            ("/v1/responses", state, 503),
            ("/v1/responses", {**state, "store": False, "previous_response_id": "resp_1"}, 503),
            ("/v1/assistants", state, 503),
            (CHAT, {**ASK, "store": True}, 503),
        ):
            assert (await app.post(path, json=body)).status_code == status, (path, body)


async def test_the_callers_own_key_goes_to_one_upstream_only():
    key = {"authorization": "Bearer sk-mine", "helicone-auth": "Bearer hh", "openai-organization": "org"}
    async with several({"api_key": None}, {"api_key": None}, {}) as (place, servers), client(place) as app:
        for _ in range(4):  # the first rests by then: nor does that show the key to another
            servers[0].script = says(503)
            answer = await app.post(CHAT + "?api_key=sk-mine&beta=true", json=ASK, headers=key)
            assert "from 2" in answer.text
        assert servers[0].seen[0].header("authorization") == "Bearer sk-mine"
        assert servers[0].seen[0].query == "api_key=sk-mine&beta=true"
        assert servers[1].seen == []
        assert {(s.header("authorization"), s.query) for s in servers[2].seen} == {
            ("Bearer sk-2", "beta=true")
        }
        told = repr(servers[2].seen)
        assert "sk-mine" not in told
        assert "hh" not in told
        assert "org" not in [value for s in servers[2].seen for _, value in s.headers]


async def test_a_students_accepted_key_is_the_one_that_its_answering_teacher_judged():
    async with several({"api_key": None}, {}) as (place, servers), client(place) as app:
        place.chooser.published = route(place.student.url)
        servers[0].script = says(503)
        for _ in range(2):
            await app.post(CHAT, json=ASK, headers={"authorization": "Bearer sk-mine"})
        assert place.chooser.barred == ["key_not_accepted"] * 2  # its own teacher never accepted it
        assert place.student.seen == []


async def test_a_fallback_goes_on_to_the_next_teacher_and_its_pair_is_whole():
    async with several({}, {}) as (place, servers), client(place) as app:
        place.chooser.published, place.chooser.pairing = route(place.student.url), Pairing.REVERSE_SHADOW
        place.student.script, servers[0].script = says(500), says(503)
        assert "from 1" in (await app.post(CHAT, json=ASK)).text
        assert [(a.who, a.role, a.served) for a in place.journal.attempts] == [
            (Who.STUDENT, "serve", False), (Who.TEACHER, "fallback", False), (Who.TEACHER, "failover", True),
        ]  # fmt: skip


async def test_an_upstream_that_fails_on_end_is_left_alone_for_a_while():
    async with several({"cooldown_after": 2, "cooldown_s": 60}, {}) as (place, servers), client(place) as app:
        servers[0].script = says(503)
        for _ in range(5):
            assert (await app.post(CHAT, json=ASK)).status_code == 200
        assert [len(s.seen) for s in servers] == [2, 5]
        servers[1].script = says(503)
        servers[0].script = None
        assert "from 0" in (await app.post(CHAT, json=ASK)).text  # it is asked where nobody else answers
        servers[1].script = None
        assert "from 0" in (await app.post(CHAT, json=ASK)).text  # which ended its rest


async def test_with_one_upstream_its_failure_is_passed_as_it_is():
    async with house() as place, client(place) as app:
        place.teacher.script = says(503, RETRY, message="down")
        for _ in range(5):
            answer = await app.post(CHAT, json=ASK)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert len(place.teacher.seen) == 5


async def test_what_is_beyond_an_upstreams_limit_goes_to_the_next_or_waits_or_is_told_to_come_back():
    gate = asyncio.Event()

    async def held(seen: Seen, out: Teller) -> None:
        await gate.wait()
        await out.whole(200, json.dumps({"seen": seen.path}).encode())

    limits = {"upstream": {"concurrency": 1}, "upstream_wait_s": 0.2}
    async with several({}, {}, **limits) as (place, servers), client(place) as app:
        servers[0].script = servers[1].script = held
        both = [asyncio.create_task(app.post(CHAT, json=ASK)) for _ in range(2)]
        while not all(server.seen for server in servers):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        busy = await app.post(CHAT, json=ASK)
        assert (busy.status_code, busy.json()["error"]["code"]) == (429, "upstream_busy")
        assert (busy.headers["retry-after"], busy.headers["x-should-retry"]) == ("1", "true")
        assert busy.headers["x-stillhouse-call-id"] == place.journal.attempts[-1].call_id
        said = (await app.post("/v1/messages", json={**ASK, "max_tokens": 5})).json()
        assert (said["type"], said["error"]["type"]) == ("error", "rate_limit_error")
        assert [a[1:] for a in attempts(place)] == [("serve", "error", 0, True)] * 2
        gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*both)] == [200, 200]
        assert (await app.post(CHAT, json=ASK)).status_code == 200
        assert place.gateway.accounts.unsent == 2


async def test_a_call_that_waits_gets_the_place_that_is_given_back():
    gate = asyncio.Event()

    async def held(seen: Seen, out: Teller) -> None:
        await gate.wait()
        await out.whole(200, b"{}")

    limits = {"upstream": {"concurrency": 1}, "upstream_wait_s": 30}
    async with several({}, **limits) as (place, (server,)), client(place) as app:
        server.script = held
        both = [asyncio.create_task(app.post(CHAT, json=ASK)) for _ in range(2)]
        while len(place.journal.calls) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert len(server.seen) <= 1
        gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*both)] == [200, 200]


async def test_our_own_refusals_say_whether_to_come_back():
    async with several({"models": ("gpt-*",)}) as (place, _), client(place) as app:
        unknown = await app.post(CHAT, json={**ASK, "model": "nobody"})
        assert (unknown.status_code, unknown.headers["x-should-retry"]) == (404, "false")
        place.journal.full = True
        full = await app.post(CHAT, json=ASK)
        assert (full.status_code, full.headers["x-should-retry"]) == (503, "true")
        place.journal.full = False
    async with several(GONE) as (place, _), client(place) as app:
        gone = await app.post(CHAT, json=ASK)
        assert (gone.status_code, gone.headers.get("x-should-retry")) == (502, None)


async def test_sdks_do_as_an_upstream_says():
    async with (
        several({}) as (place, (server,)),
        openai.AsyncOpenAI(base_url=place.v1, api_key="sk-x", max_retries=1) as sdk,
    ):
        for headers, asked in (
            ([(b"retry-after-ms", b"1")], 2),
            ([(b"retry-after-ms", b"1"), (b"x-should-retry", b"false")], 1),
        ):
            server.script = says(429, headers)
            server.seen.clear()
            with pytest.raises(openai.RateLimitError):
                await sdk.chat.completions.create(**ASK)
            assert len(server.seen) == asked
        assert [call.retry_count for call in place.journal.calls] == [0, 1, 0]


async def test_a_teacher_beside_a_student_needs_a_place_like_any_other():
    limits = {"upstream": {"concurrency": 1}, "shadow_timeout_s": 0.2}
    async with several({}, **limits) as (place, (server,)), client(place) as app:
        server.script = waits
        busy = asyncio.create_task(app.post(CHAT, json=ASK))
        while not server.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        place.chooser.published, place.chooser.pairing = route(place.student.url), Pairing.REVERSE_SHADOW
        assert "student words" in (await app.post(CHAT, json=ASK)).text
        served, beside = await place.settled(2)
        assert (served.who, beside.role, beside.outcome, beside.status) == (
            Who.STUDENT,
            "reverse_shadow",
            "error",
            0,
        )
        assert "as many requests as it may have" in (beside.error or "")
        server.script = None
        busy.cancel()
        await place.settled(3)
        assert "student words" in (await app.post(CHAT, json=ASK)).text
        *_, paired = await place.settled(5)
        assert (paired.role, paired.outcome) == ("reverse_shadow", "complete")
