"""Websockets through the gateway: the real SDK and the real library on both sides, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from upstream import House, house, serving
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from gateway.settings import ClientKey, Timeouts, UpstreamSpec

KEY = "sk-planted-key-0123456789"
PATH = "/v1/realtime?model=gpt-realtime&x=a%2Fb"
AUTH = {"Authorization": f"Bearer {KEY}"}
Handler = Callable[[ServerConnection], Awaitable[None]]


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@dataclass
class Realtime:
    """A websocket server that notes its handshakes and how its connections ended."""

    url: str = ""
    handler: Handler = echo
    refusal: Response | None = None
    seen: list[Request] = field(default_factory=list)
    closed: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)

    async def talk(self, connection: ServerConnection) -> None:
        try:
            await self.handler(connection)
        except ConnectionClosed:
            pass
        finally:
            await connection.wait_closed()
            self.closed.put_nowait(connection.close_code)

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.seen.append(request)
        return self.refusal


def chosen(connection: ServerConnection, offered: list[str]) -> str | None:
    return "realtime" if "realtime" in offered else None


@dataclass
class Place:
    server: Realtime
    house: House
    url: str  # of the gateway, ws://

    async def ended(self) -> tuple[Any, dict[str, Any]]:
        """Give the one attempt, when it is there, and what it says of the messages."""
        (attempt,) = await self.house.settled(1)
        return attempt, json.loads(attempt.body) if attempt.status == 101 else {}


@contextlib.asynccontextmanager
async def realtime(
    api_key: str | None = None, spec: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Place]:
    server = Realtime()
    options = {
        "process_request": server.judge,
        "select_subprotocol": chosen,
        "close_timeout": 1,
        "compression": None,
    }
    async with serve(server.talk, "127.0.0.1", 0, **options) as listening:
        port = listening.sockets[0].getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}"
        upstream = UpstreamSpec(
            name="realtime", base_url=f"http://127.0.0.1:{port}/v1", api_key=api_key,
            timeouts=Timeouts(connect=2.0), **(spec or {}),
        )  # fmt: skip
        async with house(upstreams=(upstream,), **settings) as place:
            yield Place(server, place, place.url.replace("http://", "ws://"))


async def test_the_sdks_realtime_client_gets_the_same_events():
    async def events(connection: ServerConnection) -> None:
        await connection.send(
            json.dumps({"type": "session.created", "event_id": "e1", "session": {"type": "realtime"}})
        )
        async for text in connection:
            event = json.loads(text)
            await connection.send(
                json.dumps({"type": "session.updated", "event_id": "e2", "session": event["session"]})
            )
            await connection.close(1000, "done")

    async with realtime() as place:
        place.server.handler = events
        said = []
        for url in (place.server.url + "/v1", place.url + "/v1"):
            client = openai.AsyncOpenAI(
                api_key=KEY, base_url=url.replace("ws://", "http://"), websocket_base_url=url
            )
            async with client, client.realtime.connect(model="gpt-realtime") as connection:
                first = await connection.recv()
                await connection.session.update(session={"type": "realtime", "instructions": "be brief"})
                said.append([first.model_dump(), *[event.model_dump() async for event in connection]])
        assert said[0] == said[1]
        assert len(said[0]) == 2
        direct, through = place.server.seen
        assert direct.path == through.path == "/v1/realtime?model=gpt-realtime"
        for name in ("Authorization", "User-Agent"):
            assert direct.headers[name] == through.headers[name]
        attempt, summary = await place.ended()
        assert (attempt.outcome, attempt.status, attempt.served, attempt.error) == (
            "complete",
            101,
            True,
            None,
        )
        assert attempt.first_byte_ms is not None
        assert summary["from_app"]["messages"] == 1
        assert summary["from_upstream"]["messages"] == 2
        assert (summary["ended_by"], summary["code"], summary["reason"]) == ("upstream", 1000, "done")
        (call,) = place.house.journal.calls
        assert (call.surface, call.path, call.model, call.method) == (
            "opaque",
            "/v1/realtime",
            "gpt-realtime",
            "GET",
        )
        assert KEY not in repr(place.house.journal.records)


async def test_the_azure_client_reaches_a_server_of_openais_kind():
    async with realtime() as place:
        client = openai.AsyncAzureOpenAI(
            api_key=KEY, api_version="2024-10-01-preview", azure_endpoint=place.house.url,
            websocket_base_url=place.url + "/openai",
        )  # fmt: skip
        async with client, client.realtime.connect(model="gpt-realtime"):
            pass
        (seen,) = place.server.seen
        assert (seen.path, seen.headers["api-key"]) == ("/v1/realtime?model=gpt-realtime", KEY)


async def test_text_and_bytes_pass_as_they_are_and_are_counted():
    async with realtime() as place:
        async with connect(
            place.url + PATH, additional_headers=AUTH, subprotocols=["other", "realtime"]
        ) as app:
            assert app.subprotocol == "realtime"
            assert app.response.headers["x-stillhouse-route"] == "teacher"
            for message in ("text é", b"\0bytes\xff", "", b"", "x" * 1_000_000):
                await app.send(message)
                assert await app.recv() == message
        attempt, summary = await place.ended()
        assert place.server.seen[0].path == PATH
        both = {"messages": 5, "bytes": 7 + 7 + 1_000_000}
        assert (summary["from_app"], summary["from_upstream"], summary["subprotocol"]) == (
            both,
            both,
            "realtime",
        )
        assert app.response.headers["x-stillhouse-call-id"] == attempt.call_id


@pytest.mark.parametrize("own", [None, "sk-upstream-key"])
async def test_a_key_said_as_a_subprotocol_is_a_credential(own):
    keys = (ClientKey(name="shop", sha256=hashlib.sha256(KEY.encode()).hexdigest()),) if own else ()
    offered = [
        "realtime",
        f"openai-insecure-api-key.{KEY}",
        "openai-organization.org-1",
        "openai-beta.realtime-v1",
    ]
    async with realtime(api_key=own, client_keys=keys) as place:
        async with connect(place.url + PATH, subprotocols=offered) as app:
            assert app.subprotocol == "realtime"
        (seen,) = place.server.seen
        assert seen.headers["Authorization"] == f"Bearer {own or KEY}"
        assert seen.headers.get("OpenAI-Organization") == (None if own else "org-1")
        assert seen.headers["Sec-WebSocket-Protocol"].replace(" ", "") == "realtime,openai-beta.realtime-v1"
        assert KEY not in repr(place.house.journal.records)
        await place.ended()
        (call,) = place.house.journal.calls
        assert call.tenant == ("shop" if own else "")
        assert call.key_id


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(1000, "complete"), (1001, "complete"), (4001, "error"), (1011, "error"), (3000, "error")],
)
async def test_how_the_upstream_closes_is_how_the_app_sees_it_close(code, outcome):
    async def leave(connection: ServerConnection) -> None:
        await connection.send("last words")
        await connection.close(code, "because")

    async with realtime() as place:
        place.server.handler = leave
        async with connect(place.url + PATH) as app:
            assert await app.recv() == "last words"
            with pytest.raises(ConnectionClosed) as closed:
                await app.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "because")
        attempt, summary = await place.ended()
        assert (attempt.outcome, summary["code"], summary["reason"]) == (outcome, code, "because")


@pytest.mark.parametrize(
    ("code", "outcome"), [(1000, "complete"), (1001, "complete"), (4000, "client_abort")]
)
async def test_how_the_app_closes_is_how_the_upstream_sees_it_close(code, outcome):
    async with realtime() as place:
        async with connect(place.url + PATH) as app:
            await app.close(code, "bye")
        assert await asyncio.wait_for(place.server.closed.get(), 1.0) == code
        attempt, summary = await place.ended()
        assert (attempt.outcome, summary["ended_by"], summary["code"]) == (outcome, "app", code)


async def test_a_cut_upstream_cuts_the_app_and_never_ends_cleanly():
    async def die(connection: ServerConnection) -> None:
        await connection.send("half")
        await asyncio.sleep(0.05)
        connection.transport.abort()

    async with realtime() as place:
        place.server.handler = die
        async with connect(place.url + PATH) as app:
            assert await app.recv() == "half"
            with pytest.raises(ConnectionClosed) as closed:
                await app.recv()
        assert closed.value.rcvd is None
        attempt, summary = await place.ended()
        assert (attempt.outcome, summary["code"]) == ("upstream_cut", 1006)


async def test_an_app_that_is_gone_ends_the_upstreams_within_a_second():
    async with realtime() as place:
        app = await connect(place.url + PATH)
        await app.send("x")
        await app.recv()
        app.transport.abort()
        assert await asyncio.wait_for(place.server.closed.get(), 1.0) == 1001
        attempt, summary = await place.ended()
        assert (attempt.outcome, summary["ended_by"], summary["code"]) == ("client_abort", "app", 1006)


async def test_an_app_that_leaves_during_the_handshake_ends_it():
    opening = asyncio.Event()

    async def wait(connection: ServerConnection, request: Request) -> None:
        opening.set()
        await asyncio.sleep(1)

    async with serve(echo, "127.0.0.1", 0, process_request=wait) as slow:
        spec = UpstreamSpec(name="slow", base_url=f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}/v1")
        async with house(upstreams=(spec,)) as place:
            app = asyncio.ensure_future(connect(place.url.replace("http", "ws") + PATH).__aenter__())
            await asyncio.wait_for(opening.wait(), 5)
            app.cancel()
            await asyncio.wait({app})
            (attempt,) = await place.settled(1)
            assert (attempt.outcome, attempt.status) == ("client_abort", 0)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 302])
async def test_a_refused_handshake_is_passed_as_it_came(status):
    body = b'{"error":{"message":"no: ' + KEY.encode() + b'"}}'
    headers = {
        "content-type": "application/json", "retry-after": "7", "x-request-id": "req_1", "set-cookie": "c=planted",
        "location": "ws://127.0.0.1:9/", "content-length": str(len(body)),
    }  # fmt: skip
    async with realtime() as place:
        place.server.refusal = Response(status, "No", Headers(headers), body)
        opening = connect(place.url + PATH, additional_headers=AUTH)
        opening.process_redirect = lambda error: error
        with pytest.raises(InvalidStatus) as refused:
            await opening
        said = refused.value.response
        assert (said.status_code, said.body) == (status, body)
        assert (said.headers["retry-after"], said.headers["x-request-id"]) == ("7", "req_1")
        assert "set-cookie" not in said.headers
        attempt, _ = await place.ended()
        assert (attempt.outcome, attempt.status, attempt.served) == ("error", status, True)
        assert attempt.body == body.replace(KEY.encode(), b"***")
        assert len(place.server.seen) == 1


async def test_a_server_that_cannot_answer_in_http_says_no_all_the_same():
    async with realtime() as place:
        place.server.refusal = Response(401, "No", Headers({"content-length": "0"}), b"")

        async def plain(scope: Any, receive: Any, send: Any) -> None:
            await place.house.gateway({**scope, "extensions": {}}, receive, send)

        async with serving(plain) as (url,):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url.replace("http", "ws") + PATH)
        assert refused.value.response.status_code == 403  # what a close before the acceptance is


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/organization/x", 403, "path_denied"),
        ("/nothing", 404, "unknown_url"),
        ("/v1/../x", 400, "invalid_path"),
    ],
)
async def test_the_rules_of_paths_hold(path, status, code):
    async with realtime() as place:
        assert await refused_by_us(place.url + path) == (status, code)
        assert place.server.seen == place.house.journal.records == []


async def test_a_client_key_is_needed_where_there_are_any():
    key = ClientKey(name="shop", sha256=hashlib.sha256(b"vk").hexdigest())
    async with realtime(client_keys=(key,), api_key="sk-upstream") as place:
        assert await refused_by_us(place.url + PATH) == (401, "invalid_api_key")
        assert await refused_by_us(place.url + PATH, AUTH) == (401, "invalid_api_key")
        assert place.server.seen == []


@pytest.mark.parametrize(
    ("key", "clients", "opened"), [("sk-upstream", (), 0), (None, (), 1), ("sk-upstream", ("vk",), 1)]
)
async def test_a_web_page_speaks_under_no_key_but_its_own(key, clients, opened):
    held = tuple(ClientKey(name=one, sha256=hashlib.sha256(one.encode()).hexdigest()) for one in clients)
    headers = {"Origin": "https://evil.example", "Authorization": "Bearer vk"}
    async with realtime(api_key=key, client_keys=held) as place:
        if opened:
            async with connect(place.url + PATH, additional_headers=headers):
                pass
        else:
            assert await refused_by_us(place.url + PATH, headers) == (403, "origin_denied")
            assert place.house.journal.records == []
        assert len(place.server.seen) == opened


async def test_a_gateway_that_stops_says_so_and_nobody_is_blamed():
    async with realtime() as place:
        app = await connect(place.url + PATH)
        await app.send("x")
        await app.recv()
    with pytest.raises(ConnectionClosed) as closed:
        await app.recv()
    assert closed.value.rcvd.code == 1012
    (attempt,) = place.house.journal.attempts
    assert (attempt.outcome, attempt.served) == ("lost", True)


async def test_a_full_journal_and_a_full_upstream_open_nothing():
    async with realtime(spec={"concurrency": 1}) as place:
        place.house.journal.full = True
        assert await refused_by_us(place.url + PATH) == (503, "journal_full")
        place.house.journal.full = False
        async with connect(place.url + PATH):
            assert await refused_by_us(place.url + PATH) == (429, "upstream_busy")
        await place.ended()
        async with connect(place.url + PATH):  # its place is free again
            pass
        assert len(place.server.seen) == 2


async def test_an_upstream_that_is_not_there_is_a_502():
    dead = UpstreamSpec(name="dead", base_url="http://127.0.0.1:9/v1", timeouts=Timeouts(connect=1.0))
    async with house(upstreams=(dead,)) as place:
        assert await refused_by_us(place.url.replace("http", "ws") + PATH) == (502, "upstream_unreachable")
        (attempt,) = place.journal.attempts
        assert (attempt.outcome, attempt.status) == ("error", 0)


async def test_silence_both_ways_ends_it():
    async with realtime(socket_idle_s=0.2) as place:
        async with connect(place.url + PATH) as app:
            with pytest.raises(ConnectionClosed) as closed:
                await app.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "idle")
        attempt, _ = await place.ended()
        assert attempt.outcome == "timeout"


async def test_a_message_beyond_the_bound_is_refused_from_either_side():
    async def large(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send("x" * 2000)
        await connection.recv()

    async with realtime(max_message=1000) as place:
        place.server.handler = large
        async with connect(place.url + PATH) as app:
            await app.send("go")
            with pytest.raises(ConnectionClosed) as closed:
                await app.recv()
        assert closed.value.rcvd.code == 1009
        assert await asyncio.wait_for(place.server.closed.get(), 2.0) == 1009
        attempt, _ = await place.ended()
        assert attempt.outcome == "error"


PIECES, PIECE = 1200, random.Random(1).randbytes(100_000)  # more than the kernel holds for two connections


@pytest.mark.parametrize("slow", ["app", "upstream"])
async def test_who_is_slow_holds_up_who_is_quick(slow):
    sent = 0
    go_on = asyncio.Event()

    async def flood(connection: Any) -> None:
        nonlocal sent
        for _ in range(PIECES):
            await connection.send(PIECE)
            sent += 1

    async def drain(connection: Any) -> None:
        await go_on.wait()
        for _ in range(PIECES):
            assert len(await connection.recv()) == len(PIECE)

    of_upstream, of_app = (flood, drain) if slow == "app" else (drain, flood)
    async with realtime() as place:
        place.server.handler = of_upstream
        async with connect(place.url + PATH, max_queue=1) as app:
            busy = asyncio.ensure_future(of_app(app))
            await stalled(lambda: sent)
            stood = sent
            go_on.set()
            await asyncio.wait_for(busy, 30)
        assert 0 < stood < PIECES
        _, summary = await place.ended()
        way = "from_upstream" if slow == "app" else "from_app"
        assert summary[way] == {"messages": PIECES, "bytes": PIECES * len(PIECE)}


async def stalled(count: Callable[[], int]) -> None:
    """Wait until a counter has begun and stands still."""
    before = -1
    async with asyncio.timeout(20):
        while count() == 0 or count() != before:
            before = count()
            await asyncio.sleep(0.5)


async def refused_by_us(url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers)
    said = refused.value.response
    return said.status_code, json.loads(said.body)["error"]["code"]
