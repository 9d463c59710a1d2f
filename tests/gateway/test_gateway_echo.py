"""An upstream that says the caller's key back: the app gets it as it came, the log does not keep it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream import TLS, House, Seen, Teller, house, route, sse, stream_lines

from gateway import echo
from gateway.upstream.port import Outgoing
from store.vocabulary import Outcome, Pairing, Role

KEY = "sk-planted-1234567890"
ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


async def ask(place: House, path: str = "/v1/chat/completions", **changes: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {KEY}", **changes.pop("headers", {})}
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as client:
        return await client.post(path, json={**ASK, **changes}, headers=headers)


def scolds(status: int, text: str):
    async def script(_: Seen, out: Teller) -> None:
        body = json.dumps({"error": {"message": text}}).encode()
        await out.whole(status, body, [(b"x-request-id", text.encode())])

    return script


@pytest.mark.parametrize("status", [401, 200])
async def test_an_echoed_key_reaches_the_app_and_no_record(status):
    async with house() as place:
        place.teacher.script = scolds(status, f"Incorrect API key provided: {KEY}.")
        answer = await ask(place)
        assert KEY in answer.text
        (attempt,) = place.journal.attempts
        assert json.loads(attempt.body) == {"error": {"message": "Incorrect API key provided: ***."}}
        assert KEY not in repr(place.journal.records)


async def test_of_every_credential_that_was_presented():
    async with house() as place:
        shown = {"ocp-apim-subscription-key": "subscription-1", "x-api-key": "short"}
        place.teacher.script = scolds(403, f"{KEY}, subscription-1 and short")
        await ask(place, "/v1/embeddings?api-key=in%2Bthe-query&limit=20", headers=shown)
        place.teacher.script = scolds(403, "in%2Bthe-query, in+the-query, limit=20")
        await ask(place, "/v1/chat/completions?api-key=in%2Bthe-query&limit=20")
        first, second = (json.loads(attempt.body)["error"]["message"] for attempt in place.journal.attempts)
        assert first == "***, *** and short"
        assert second == "***, ***, limit=20"


async def test_a_configured_key_is_kept_nowhere_either():
    async with house(api_key="sk-of-the-house") as place:
        place.teacher.script = scolds(401, "Bearer sk-of-the-house is over its quota")
        assert "sk-of-the-house" in (await ask(place)).text
        assert "sk-of-the-house" not in repr(place.journal.records)


async def test_a_key_split_over_the_pieces_of_a_stream():
    async def script(seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream")])
        lines = stream_lines(place.teacher.completion(seen.json), seen.json)
        for line in [sse({"seen": KEY, "choices": []}), *lines]:
            half = len(line) // 2
            await out.piece(line[:half])
            await out.piece(line[half:])
        await out.end()

    async with house() as place:
        place.teacher.script = script
        assert KEY in (await ask(place, stream=True)).text
        (attempt,) = place.journal.attempts
        assert b'"seen": "***"' in attempt.body
        assert attempt.outcome is Outcome.COMPLETE


async def test_a_compressed_answer():
    async def script(_: Seen, out: Teller) -> None:
        await out.whole(401, gzip.compress(f"no: {KEY}".encode()), [(b"content-encoding", b"gzip")])

    async with house() as place:
        place.teacher.script = script
        await ask(place)
        assert place.journal.attempts[0].body == b"no: ***"


async def test_the_teacher_beside_a_student():
    async with house() as place:
        place.chooser.published = route(place.student.url)
        assert (await ask(place)).headers["x-stillhouse-route"] == "teacher"  # his 2xx admits the key
        place.chooser.pairing = Pairing.REVERSE_SHADOW
        place.teacher.script = scolds(429, f"{KEY} is over its limit")
        assert (await ask(place)).headers["x-stillhouse-route"] == "student"
        attempts = await place.settled(3)
        assert [a.role for a in attempts] == [Role.SERVE, Role.SERVE, Role.REVERSE_SHADOW]
        assert b"*** is over its limit" in attempts[-1].body
        assert KEY not in repr(place.journal.records)


async def test_a_kept_prefix_that_ends_within_the_key():
    async with house(max_opaque_log=48) as place:
        place.teacher.script = scolds(403, "Incorrect: " + KEY)
        await ask(place, "/v1/embeddings")
        body = place.journal.attempts[0].body
        assert body.endswith(b"Incorrect: ***")


def presenting(*pairs: tuple[bytes, bytes]) -> Outgoing:
    return Outgoing(method="POST", url="http://t/v1/x", headers=pairs)


def test_what_is_hidden_is_the_key_with_and_without_its_scheme():
    found = echo.secrets(
        presenting((b"authorization", b"Bearer sk-12345678"), (b"user-agent", b"sdk 12345678"))
    )
    assert found == (b"Bearer sk-12345678", b"sk-12345678")
    assert echo.secrets(presenting((b"authorization", b"Bearer EMPTY12"))) == (b"Bearer EMPTY12",)


@given(st.binary(max_size=200), st.binary(min_size=8, max_size=20), st.binary(max_size=50))
def test_nothing_is_left_of_a_secret_and_nothing_else_is_changed(before, secret, after):
    hidden = echo.secrets(presenting((b"api-key", secret)))
    cleaned = echo.without(before + secret + after, hidden)
    assert not any(text in cleaned for text in hidden if b"*" not in text)
    plain = before.replace(secret[:8], b"")
    assert secret[:8] in plain or echo.without(plain, (secret,)) == plain
