"""Credentials: whole into the identity, never into an error or a record; odd numbers and lost feedback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import httpx
import pytest
from engines import transport
from hypothesis import given
from hypothesis import strategies as st
from upstream import TLS, House, house, route

from gateway import fit, headers, outcome
from gateway.capture import read_answer
from gateway.fingerprint import fingerprint
from gateway.inbound import inbound
from gateway.keys import AcceptedKeys, KeyRing
from gateway.settings import Timeouts
from gateway.upstream.port import Outgoing, UpstreamCut
from gateway.wire import parse
from store.journal.writer import SegmentWriter
from store.vocabulary import Capabilities

ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


@contextlib.asynccontextmanager
async def client(place: House):
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as made:
        yield made


async def asgi(place: House, pairs: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Ask as a server would that hands header values on exactly as they came."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    waiting = [json.dumps(ASK).encode()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": pairs,
    }
    await place.gateway(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("tail", [b" ", b"\t", b" \t "])
async def test_whitespace_around_a_credential_neither_breaks_the_call_nor_is_sent(tail):
    async with house() as place:
        status, _ = await asgi(place, [(b"Authorization", tail + b"Bearer sk-planted" + tail)])
        assert status == 200
        assert place.teacher.seen[0].header("authorization") == "Bearer sk-planted"
        assert "planted" not in repr(place.journal.records)


@pytest.mark.parametrize("byte", [b"\0", b"\n", b"\r", b"\v", b"\f"])
@pytest.mark.parametrize("name", [b"authorization", b"x-custom-token"])
async def test_a_credential_with_an_illegal_byte_is_refused_and_shown_nowhere(name, byte, caplog):
    caplog.set_level(logging.DEBUG)
    async with house() as place:
        status, body = await asgi(place, [(name, b"Bearer sk-pl" + byte + b"anted-planted")])
        assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_header")
        assert place.teacher.seen == []
        assert "anted" not in repr(body) + repr(place.journal.records) + caplog.text


@pytest.mark.parametrize("value", [b"Bearer sk-planted ", b"Bearer sk-pl\nanted", b"\0planted"])
async def test_the_engine_never_quotes_a_header(value):
    client_of_engine = transport()
    async with house() as place:
        request = Outgoing(
            method="GET",
            url=place.teacher.url + "/models",
            headers=((b"authorization", value),),
            timeouts=Timeouts(connect=1.0),
        )
        with pytest.raises(UpstreamCut) as info:
            await client_of_engine.send(request)
        assert "anted" not in str(info.value)
        assert info.value.__suppress_context__
        assert info.value.__cause__ is None
        assert place.teacher.seen == []
    await client_of_engine.aclose()


RING = KeyRing((), b"salt")
KEY = (b"authorization", b"Bearer sk-a")


@pytest.mark.parametrize(
    "other",
    [
        (b"api-key", b"x"),
        (b"x-api-key", b"x"),
        (b"ocp-apim-subscription-key", b"x"),
        (b"helicone-auth", b"x"),
        (b"x-amz-security-token", b"x"),
        (b"x-client-secret", b"x"),
        (b"openai-organization", b"x"),
        KEY,
    ],
)
def test_every_credential_makes_the_caller(other):
    alone, both = RING.admit((KEY,)), RING.admit((KEY, other))
    assert alone.identity != both.identity
    assert both.identity == RING.admit((other, KEY)).identity
    changed = RING.admit((KEY, (other[0], other[1] + b"y")))
    assert len({alone.identity, both.identity, changed.identity}) == 3


def test_a_credential_under_another_name_or_cut_elsewhere_is_another_caller():
    same = b"sk-a"
    identities = {
        RING.admit(pairs).identity
        for pairs in (
            ((b"api-key", same),),
            ((b"x-api-key", same),),
            ((b"authorization", same),),
            ((b"api-key", same), (b"x-api-key", b"b")),
            ((b"api-key", same + b"b"), (b"x-api-key", b"")),
        )
    }
    assert len(identities) == 5
    assert RING.admit((KEY,), "key=1").identity != RING.admit((KEY,), "key=2").identity


@pytest.mark.parametrize(
    "other",
    [
        (b"idempotency-key", b"1"),
        (b"x-request-id", b"1"),
        (b"user-agent", b"1"),
        (b"cf-access-token", b"1"),  # not sent on
        (b"x-stillhouse-token", b"1"),
        (b"proxy-authorization", b"1"),
    ],
)
def test_what_is_no_credential_or_ends_here_does_not(other):
    assert RING.admit((KEY,)).identity == RING.admit((KEY, other)).identity
    assert RING.admit((other,)).identity == b""


@pytest.mark.parametrize("value", [b"", b" ", b"Bearer", b"Bearer ", b"bearer  ", b"Basic", b"Basic "])
def test_no_credential_is_never_accepted(value):
    caller = RING.admit(((b"authorization", value), (b"openai-organization", b"org")), "key=1")
    assert (caller.identity, caller.key_id) == (b"", "")
    keys = AcceptedKeys(seconds=10, most=2)
    keys.note(caller.identity, "u", "m", now=0.0)
    assert not keys.knows(caller.identity, "u", "m", now=0.0)


NAMES = st.sampled_from(
    [b"authorization", b"api-key", b"x-api-key", b"x-token", b"cf-token", b"connection", b"idempotency-key"]
)


@given(st.lists(st.tuples(NAMES, st.sampled_from([b"", b"a", b"x-token"])), max_size=5))
def test_what_counts_as_presented_is_what_may_go_on(pairs):
    given_headers = tuple(pairs)
    own = tuple(pair for pair in given_headers if pair[0] in headers.CREDENTIALS)
    sent = headers.onward(given_headers, account=True, credential=own)
    shown = headers.presented(given_headers)
    assert set(shown) <= set(sent)
    assert {pair for pair in sent if pair[0] != b"idempotency-key"} == set(shown)


async def test_another_key_beside_an_accepted_one_gets_no_student():
    async with house() as place, client(place) as app:
        place.chooser.published = route(place.student.url)
        path, good = "/v1/chat/completions", {"authorization": "Bearer sk-good"}
        await app.post(path, json=ASK, headers=good)
        for more in ({}, {"api-key": "sk-bad"}, {"ocp-apim-subscription-key": "sk-bad"}):
            await app.post(path, json=ASK, headers={**good, **more})
        for _ in range(2):
            await app.post(path, json=ASK)
            await app.post(path, json=ASK, headers={"authorization": "Bearer"})
        assert place.chooser.barred == ["key_not_accepted", None, *["key_not_accepted"] * 6]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("3", 3), ("1000", 1000), ("1001", 1000), ("9" * 18, 1000), ("9" * 19, 0), ("9" * 6000, 0), ("-1", 0),
        ("1.5", 0), ("x", 0), ("", 0), ("0x10", 0), ("1_0", 0),
    ],
)  # fmt: skip
async def test_a_retry_count_is_a_small_number_and_its_record_can_be_read_again(text, count, tmp_path):
    writer = SegmentWriter(tmp_path, "w0")
    async with house() as place, client(place) as app:
        kept = place.journal.append
        place.journal.append = lambda record: writer.append(record) and kept(record)  # type: ignore[method-assign]
        answer = await app.post("/v1/chat/completions", json=ASK, headers={"x-stainless-retry-count": text})
        assert answer.status_code == 200
        assert place.journal.calls[0].retry_count == count
        assert writer.stats.kept.total == 2
    writer.close()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (0, 0),
        (7, 7),
        (2**53, 2**53),
        (2**53 + 1, None),
        (10**40, None),
        (-1, None),
        (True, None),
        (1.5, None),
    ],
)
def test_token_counts_are_counts(said, kept):
    usage = {
        "prompt_tokens": said,
        "completion_tokens": said,
        "prompt_tokens_details": {"cached_tokens": said},
    }
    body = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}).encode()
    read = read_answer("chat", "application/json", 200, body).usage
    assert (read.prompt_tokens, read.completion_tokens, read.cached_tokens) == (kept, kept, kept)


def test_a_content_length_of_many_digits_is_none():
    scope = {"method": "POST", "path": "/", "headers": [(b"Content-Length", b"9" * 6000)]}
    assert inbound(scope).length is None


async def test_feedback_that_is_lost_is_not_thanked_for():
    async with house() as place, client(place) as app:
        place.journal.append = lambda _: False  # type: ignore[method-assign]
        answer = await app.post("/v1/feedback", json={"id": "chatcmpl-1", "score": 1})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["type"]) == (503, "feedback_lost", "server_error")
        text = (await app.get("/metrics")).text
        assert "stillhouse_journal_lost_total 1" in text
        assert "stillhouse_feedback_total 1" not in text
        # A call that is lost to the log is answered all the same: the app's call comes first.
        assert (await app.post("/v1/chat/completions", json=ASK)).status_code == 200


odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1.5, "x", "user", "text", [], [1], {}, {"a": 1}]
)


@given(odd, odd, odd, odd)
def test_a_request_of_odd_types_is_somebody_elses_to_judge(role, content, kind, wanted):
    message = {"role": role, "content": [{"type": kind, "text": content}]}
    request = {
        "model": wanted,
        "messages": [{"role": role, "content": content}, message],
        "n": wanted,
        "response_format": {"type": kind, "json_schema": wanted},
        "max_tokens": wanted,
    }
    asked = parse(json.dumps(request).encode(), max_depth=99)
    assert len(fingerprint(asked.head, "")) == 32
    said = fit.misfit(asked.request, Capabilities())
    assert said is None or said.isidentifier()


@given(odd, odd, odd)
def test_an_answer_of_odd_types_has_an_outcome(message, reason, index):
    whole = {"choices": [{"message": message, "finish_reason": reason, "index": index}], "usage": index}
    part = {"choices": [{"delta": {"tool_calls": [{"index": index}, {"index": 1}]}, "message": message}]}
    data = json.dumps(whole).encode()
    events = b"data: " + data + b"\n\ndata: " + json.dumps(part).encode() + b"\n\n"
    assert outcome.of_answer("chat", "application/json", 200, data) in outcome.Outcome
    assert outcome.of_answer("chat", "text/event-stream", 200, events) in outcome.Outcome
