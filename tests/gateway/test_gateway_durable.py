"""An answer's last byte waits for the disk where the owner wants it, and every exchange is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest
from upstream import TLS, House, MemoryJournal, Seen, Teller, house, route

from gateway.attempt import Exchange
from gateway.metrics import Metrics
from gateway.records import Records
from gateway.settings import Timeouts
from gateway.upstream.port import ConnectFailed, Outgoing
from store.ids import new_id
from store.vocabulary import Call, Outcome, Pairing, Release, Role, Who

ASK = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
CHAT = "/v1/chat/completions"


@contextlib.asynccontextmanager
async def client(place: House):
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as made:
        yield made


async def ask(place: House, *, stream: bool, sent: list[bytes]) -> None:
    """One call straight into the application; `sent` gets what the app would."""
    body = json.dumps({**ASK, "stream": stream}).encode()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and (message.get("body") or not message.get("more_body")):
            sent.append(message.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": CHAT, "headers": [], "query_string": b""}
    await place.gateway(scope, receive, send)


def balanced(place: House) -> bool:
    seen = place.gateway.accounts
    return seen.sent + seen.unsent == len(place.journal.attempts) + seen.in_flight


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("who", ["teacher", "student", "student by the token"])
async def test_the_last_byte_waits_until_the_outcome_is_on_the_disk(stream, who):
    async with house(api_key="sk-x") as place:
        if who != "teacher":
            release = Release.FIRST_TOKEN if "token" in who else Release.WHOLE
            place.chooser.published = route(place.student.url, release=release)
        place.journal.stuck = asyncio.Event()
        sent: list[bytes] = []
        asking = asyncio.ensure_future(ask(place, stream=stream, sent=sent))
        await place.settled(1)
        await asyncio.sleep(0.05)
        assert not asking.done()
        assert b"[DONE]" not in b"".join(sent)
        if not stream:
            assert sent == []
        place.journal.stuck.set()
        await asyncio.wait_for(asking, 5)
        assert b"".join(sent)
        assert place.journal.waited == 1, "for each outcome once"
        assert balanced(place)


async def test_refusals_of_the_upstream_and_feedback_wait_too():
    async def silent(seen: Seen, out: Teller) -> None:
        await asyncio.sleep(30)

    async with house(timeouts=Timeouts(first_byte=0.05)) as place, client(place) as app:
        place.teacher.script = silent
        assert (await app.post(CHAT, json=ASK)).status_code == 504
        assert place.journal.waited == 1
        assert (await app.post("/v1/feedback", json={"id": "x", "score": 1})).status_code == 202
        assert place.journal.waited == 2
        assert balanced(place)


async def begins_first(seen: Seen, out: Teller) -> None:
    """Stream an answer whose end does not come with its beginning, or a refusal could still be told by a status."""
    await out.head(200, [(b"content-type", b"text/event-stream")])
    await out.piece(b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n')
    await asyncio.sleep(0.2)
    await out.piece(b"data: [DONE]\n\n")
    await out.end()


async def test_where_the_disk_refuses_the_policy_says_what_the_app_gets():
    async with house() as place, client(place) as app:
        place.journal.doubtful = True
        assert (await app.post(CHAT, json=ASK)).status_code == 200
        assert "stillhouse_journal_unsynced_total 1\n" in (await app.get("/metrics")).text
        place.journal.withheld = True
        refused = await app.post(CHAT, json=ASK)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "journal_unsynced")
        place.teacher.script = begins_first
        with pytest.raises(httpx.RemoteProtocolError):
            await app.post(CHAT, json={**ASK, "stream": True})
        assert (await app.post("/v1/feedback", json={"id": "x", "score": 1})).status_code == 503
        assert len(place.journal.attempts) == 3
        assert balanced(place)


@pytest.mark.parametrize("release", list(Release))
async def test_a_students_answer_is_withheld_like_a_teachers_and_nobody_else_asked(release):
    async with house(api_key="sk-x") as place, client(place) as app:
        place.chooser.published = route(place.student.url, release=release)
        place.journal.withheld = True
        assert (await app.post(CHAT, json=ASK)).status_code == 503
        with contextlib.suppress(httpx.RemoteProtocolError):
            assert (await app.post(CHAT, json={**ASK, "stream": True})).status_code == 503
        assert place.teacher.seen == []
        assert [attempt.who for attempt in place.journal.attempts] == [Who.STUDENT, Who.STUDENT]


async def test_pairs_that_cannot_be_asked_are_counted_apart():
    async with house(api_key="sk-x") as place, client(place) as app:
        place.chooser.published, place.chooser.who = route(place.student.url), Who.TEACHER
        place.chooser.pairing = Pairing.SHADOW
        place.gateway.background._most = 0
        await app.post(CHAT, json=ASK)
        await place.settled(2)
        seen = place.gateway.accounts
        assert (seen.sent, seen.unsent, seen.in_flight) == (1, 1, 0)
        assert balanced(place)


async def test_an_exchange_under_way_is_in_flight():
    begun, free = asyncio.Event(), asyncio.Event()

    async def slow(seen: Seen, out: Teller) -> None:
        begun.set()
        await free.wait()
        await place.teacher.usual(seen, out)

    async with house() as place, client(place) as app:
        place.teacher.script = slow
        asking = asyncio.ensure_future(app.post(CHAT, json=ASK))
        await asyncio.wait_for(begun.wait(), 5)
        assert (place.gateway.accounts.sent, place.gateway.accounts.in_flight) == (1, 1)
        assert balanced(place)
        free.set()
        await asking
        assert (place.gateway.accounts.sent, place.gateway.accounts.in_flight) == (1, 0)


class Nowhere:
    """A transport that reaches nobody."""

    async def send(self, request: Outgoing) -> Any:
        raise ConnectFailed("No connection.")

    async def aclose(self) -> None:
        pass


def exchange() -> Exchange:
    call = Call(call_id=new_id(), ts=1.0)
    return Exchange(call=call, role=Role.SHADOW, who=Who.STUDENT, model="m", upstream="u", limit=10)


async def test_tries_of_one_exchange_count_once_and_one_that_nobody_records_is_missed():
    records = Records(MemoryJournal(), Metrics(), lambda _: None)
    tried, broken = exchange(), exchange()
    with records.exactly_one(tried, served=False):
        for _ in range(3):
            with contextlib.suppress(ConnectFailed):
                await records.accounts.send(Nowhere(), tried, Outgoing(method="POST", url="http://x"))
        assert (records.accounts.sent, records.accounts.in_flight) == (1, 1)
        records.close(tried, Outcome.ERROR, served=False)
    records._journal.append = lambda _: 1 / 0  # type: ignore[method-assign, assignment]
    with (
        pytest.raises(ZeroDivisionError),
        records.exactly_one(broken, served=False),
        contextlib.suppress(ConnectFailed),
    ):
        await records.accounts.send(Nowhere(), broken, Outgoing(method="POST", url="http://x"))
    seen = records.accounts
    assert (seen.sent, seen.unsent, seen.in_flight) == (2, 0, 0), "sent, and neither recorded nor in flight"
