"""Apps that wait, leave or are kept waiting: keep-alive comments, hang-ups in every state, each upstream's own times."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import anthropic
import httpx
import openai
import pytest
from several import ASK, CHAT, RETRY, STREAM, attempts, closing, says, several
from upstream import TLS, House, Seen, Teller, sse, stream_lines

from gateway.settings import Timeouts

KEEP = {"keepalive_s": 0.05}
COMMENT = b": stillhouse\n\n"
EVENTS = [(b"content-type", b"text/event-stream"), (b"x-request-id", b"req_up")]
PART = sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}}]})
ERRORS = {
    CHAT: b'data: {"error":',
    "/v1/responses": b'event: error\ndata: {"type":"error","code":',
    "/v1/completions": b'data: {"error":',
    "/v1/messages": b'event: error\ndata: {"type":"error","error":',
}
BODIES = {
    CHAT: STREAM,
    "/v1/responses": {"model": "gpt-x", "input": "hi", "stream": True},
    "/v1/completions": {"model": "gpt-x", "prompt": "hi", "stream": True},
    "/v1/messages": {**STREAM, "max_tokens": 5},
}


@contextlib.asynccontextmanager
async def client(place: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=place.url, trust_env=False, verify=TLS, timeout=10) as made:
        yield made


@contextlib.asynccontextmanager
async def connected(
    place: House, body: dict, path: str = CHAT
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An app on a bare socket, which closes without a word."""
    host, port = place.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = json.dumps(body).encode()
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def asked(place: House, *servers) -> None:
    while not any(server.seen for server in servers):  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def late(gate: asyncio.Event, then) -> object:
    async def script(seen: Seen, out: Teller) -> None:
        await gate.wait()
        await then(seen, out)

    return script


async def test_comments_come_until_the_first_byte_and_the_rest_is_the_upstreams_own():
    gate = asyncio.Event()
    async with several(KEEP) as (place, (server,)), client(place) as app:
        server.script = late(gate, server.usual)
        async with app.stream("POST", CHAT, json=STREAM) as answer:
            pieces = answer.aiter_raw()
            assert [await anext(pieces), await anext(pieces)] == [COMMENT, COMMENT]
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["x-stillhouse-route"] == "teacher"
            gate.set()
            rest = b"".join([piece async for piece in pieces])
        own = b"".join(stream_lines(server.completion(STREAM), STREAM))
        assert rest.replace(COMMENT, b"") == own
        assert rest.endswith(own)  # none came after the first byte
        assert server.seen[0].header("accept-encoding") == "identity"
        (attempt,) = place.journal.attempts
        assert (attempt.outcome, attempt.body) == ("complete", own)


async def test_a_stream_that_begins_in_time_is_passed_as_ever():
    async with several({"keepalive_s": 30}) as (place, (server,)), client(place) as app:
        answer = await app.post(CHAT, json=STREAM)
        assert answer.content == b"".join(stream_lines(server.completion(STREAM), STREAM))
        assert answer.headers["x-request-id"] == "req_upstream_1"
        server.script = says(429, RETRY)
        refused = await app.post(CHAT, json=STREAM)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")


async def test_who_asked_for_no_stream_waits_in_silence():
    gate = asyncio.Event()
    async with several(KEEP) as (place, (server,)), client(place) as app:
        server.script = late(gate, says(503, RETRY))
        waiting = asyncio.create_task(app.post(CHAT, json=ASK))
        await asked(place, server)
        await asyncio.sleep(0.2)
        gate.set()
        answer = await waiting
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def no_stream(seen: Seen, out: Teller) -> None:
    await out.whole(200, b'{"object":"x"}')


async def gone(seen: Seen, out: Teller) -> None:
    await out.head(200, [*EVENTS, (b"content-length", b"50")])
    raise ConnectionResetError


@pytest.mark.parametrize("path", list(ERRORS))
@pytest.mark.parametrize(
    ("then", "words", "outcome"),
    [
        (says(429, message="slow down", kind="requests"), b"slow down", "error"),
        (no_stream, b"no stream", "error"),
        (gone, b"closed the connection", "upstream_cut"),
    ],
)
async def test_after_a_comment_an_error_is_an_event_and_the_connection_is_cut(path, then, words, outcome):
    gate = asyncio.Event()
    async with several(KEEP, {}) as (place, servers), connected(place, BODIES[path], path) as (reader, _):
        servers[0].script = late(gate, then)
        await reader.readuntil(COMMENT)
        gate.set()
        rest = await asyncio.wait_for(reader.read(), 5)
        assert ERRORS[path] in rest
        assert words in rest
        assert not rest.endswith(b"0\r\n\r\n")
        assert servers[1].seen == []
        ((upstream, _, ended, _, served),) = attempts(place)
        assert (upstream, ended, served) == ("u0", outcome, True)


async def test_after_a_comment_no_other_upstream_is_asked():
    gate = asyncio.Event()
    async with closing(gate) as mute, several({**KEEP, "base_url": mute}, {}) as (place, servers):
        async with connected(place, STREAM) as (reader, _):
            await reader.readuntil(COMMENT)
            gate.set()
            assert b"closed the connection before it answered" in await asyncio.wait_for(reader.read(), 5)
        assert servers[1].seen == []
        assert attempts(place) == [("u0", "serve", "upstream_cut", 0, True)]


async def test_sdks_raise_what_came_after_a_comment():
    gate = asyncio.Event()
    async with several(KEEP) as (place, (server,)):
        server.script = late(gate, says(429, message="slow down", kind="requests"))
        async with openai.AsyncOpenAI(base_url=place.v1, api_key="sk-x", max_retries=0) as sdk:
            stream = await sdk.chat.completions.create(**STREAM)
            gate.set()
            with pytest.raises(openai.APIError, match="slow down"):
                _ = [chunk async for chunk in stream]
            gate.clear()
            events = await sdk.responses.create(**BODIES["/v1/responses"])
            gate.set()
            said = []

            async def read() -> None:
                async for one in events:
                    said.append((one.type, one.message))  # noqa: PERF401 - it must outlive the error

            with pytest.raises(httpx.RemoteProtocolError):  # an event like others: it is the cut that raises
                await read()
            assert said == [("error", "slow down")]
        gate.clear()
        async with anthropic.AsyncAnthropic(base_url=place.url, api_key="sk-x", max_retries=0) as sdk_:
            told = await sdk_.messages.create(**BODIES["/v1/messages"])
            gate.set()
            with pytest.raises(anthropic.APIError, match="slow down"):
                _ = [event async for event in told]


async def silent(seen: Seen, out: Teller) -> None:
    await asyncio.sleep(30)


async def only_a_head(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await asyncio.sleep(30)


async def half_a_stream(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(PART)
    await asyncio.sleep(30)


async def half_a_whole(seen: Seen, out: Teller) -> None:
    await out.head(200, [(b"content-type", b"application/json"), (b"content-length", b"5000")])
    await out.piece(b'{"half"')
    await asyncio.sleep(30)


@pytest.mark.parametrize("given", [{}, {"keepalive_s": 0.02}, {"inject_usage": True}])
@pytest.mark.parametrize(
    ("script", "body", "until"),
    [
        (silent, STREAM, b""),
        (silent, ASK, b""),
        (only_a_head, STREAM, b""),
        (half_a_stream, STREAM, b"half"),
        (half_a_whole, ASK, b"half"),
    ],
)
async def test_a_hang_up_closes_the_upstreams_connection_within_a_second(given, script, body, until):
    async with several(given, {}) as (place, servers):
        servers[0].script = script
        async with connected(place, body) as (reader, _):
            await asked(place, servers[0])
            if until:
                await reader.readuntil(until)
            else:
                await asyncio.sleep(0.05)
        await asyncio.wait_for(servers[0].cancelled.wait(), 1.0)
        await place.settled(1)
        ((upstream, _, outcome, _, served),) = attempts(place)
        assert (upstream, outcome, served, servers[1].seen) == ("u0", "client_abort", True, [])
        assert place.gateway.accounts.in_flight == 0


async def test_a_hang_up_while_a_second_upstream_is_asked_closes_that_one():
    async with several({}, {}) as (place, servers):
        servers[0].script, servers[1].script = says(503), silent
        async with connected(place, ASK):
            await asked(place, servers[1])
        await asyncio.wait_for(servers[1].cancelled.wait(), 1.0)
        await place.settled(2)
        assert attempts(place) == [
            ("u0", "serve", "error", 503, False),
            ("u1", "failover", "client_abort", 0, True),
        ]


async def test_a_hang_up_while_waiting_for_a_place_takes_none():
    async with several({"concurrency": 1}, upstream_wait_s=30) as (place, (server,)), client(place) as app:
        server.script = silent
        async with connected(place, ASK):
            await asked(place, server)
            async with connected(place, ASK):
                while len(place.journal.calls) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            (waited,) = await place.settled(1)
            assert (waited.outcome, waited.served, waited.status) == ("client_abort", True, 0)
        await place.settled(2)
        server.script = None
        assert (await app.post(CHAT, json=ASK)).status_code == 200
        assert len(server.seen) == 2


async def drips(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    for _ in range(200):
        await out.piece(PART)
        await asyncio.sleep(0.05)


SHORT = {
    "first_byte": (Timeouts(connect=1.0, first_byte=0.1), silent, 504),
    "idle before a byte": (Timeouts(connect=1.0, idle=0.1), only_a_head, 504),
    "idle": (Timeouts(connect=1.0, idle=0.1), half_a_stream, None),
    "total": (Timeouts(connect=1.0, total=1.0), drips, None),
    "total before a byte": (Timeouts(connect=1.0, total=0.1), silent, 504),
}


@pytest.mark.parametrize("name", SHORT)
async def test_each_upstream_has_its_own_times(name):
    times, script, status = SHORT[name]
    async with (
        several(
            {"timeouts": times, "models": ("quick",)},
            {"timeouts": Timeouts(connect=1.0), "models": ("slow",)},
        ) as (place, servers),
        client(place) as app,
    ):
        gate = asyncio.Event()
        servers[0].script, servers[1].script = script, late(gate, servers[1].usual)
        patient = asyncio.create_task(app.post(CHAT, json={**STREAM, "model": "slow"}))
        if status is None:
            with pytest.raises(httpx.RemoteProtocolError):
                await app.post(CHAT, json={**STREAM, "model": "quick"})
        else:
            answer = await app.post(CHAT, json={**STREAM, "model": "quick"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, "upstream_timeout")
        assert place.journal.attempts[0].outcome == "timeout"
        await asyncio.wait_for(servers[0].cancelled.wait(), 1.0)
        gate.set()
        assert (await patient).status_code == 200


async def test_a_key_that_an_upstream_says_back_after_a_comment_is_in_no_log(caplog):
    gate = asyncio.Event()
    async with several({**KEEP, "api_key": "sk-planted"}) as (place, (server,)):
        server.script = late(gate, says(401, message="Incorrect API key provided: sk-planted"))
        async with connected(place, STREAM) as (reader, _):
            await reader.readuntil(COMMENT)
            gate.set()
            assert b"sk-planted" in await asyncio.wait_for(reader.read(), 5)
        assert b"Incorrect" in place.journal.attempts[0].body
        assert "planted" not in repr(place.journal.records)
        assert "An answer was cut" in caplog.text
        assert "planted" not in caplog.text


async def test_a_connection_that_is_not_taken_in_time_is_tried_elsewhere():
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # its queue of one is full: who comes next waits for good
            filler = sockets.enter_context(socket.socket())
            filler.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        deaf = {"base_url": url, "timeouts": Timeouts(connect=0.2)}
        async with several(deaf, {}) as (place, _), client(place) as app:
            assert "from 1" in (await app.post(CHAT, json=ASK)).text
            assert attempts(place)[0] == ("u0", "serve", "error", 0, False)
