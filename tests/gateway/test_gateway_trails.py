"""However upstreams fail and whenever the app leaves: one attempt is served, every exchange recorded, every place given back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from upstream import FixedChooser, Healthy, MemoryJournal, sse, stream_lines

from gateway.app import build
from gateway.settings import GatewaySettings, UpstreamSpec
from gateway.upstream.port import ConnectFailed, Headers, Outgoing, UpstreamCut, UpstreamTimeout

STREAM = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
ERROR = b'{"error": {"message": "no"}}'
JSON = (b"content-type", b"application/json")
FINISHED = {
    "id": "c", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"content": "a b"}, "finish_reason": "stop"}],
}  # fmt: skip
WHOLE = stream_lines(FINISHED, {})
HALF = [sse({"choices": [{"index": 0, "delta": {"content": "half"}}]})]
EVENTS = (b"content-type", b"text/event-stream")


@dataclass(frozen=True)
class Way:
    """How an upstream behaves; `goes_on`: another may be asked instead."""

    name: str
    goes_on: bool
    before: type[Exception] | None = None  # raised in place of a head
    status: int = 200
    headers: Headers = (EVENTS,)
    pieces: tuple[bytes, ...] = ()
    after: type[Exception] | None = None  # raised in place of an end


WAYS = (
    Way("refuses connections", goes_on=True, before=ConnectFailed),
    Way("closes without a word", goes_on=True, before=UpstreamCut),
    Way("is late", goes_on=False, before=UpstreamTimeout),
    Way("429", goes_on=True, status=429, headers=(JSON,), pieces=(ERROR,)),
    Way("503 in pieces", goes_on=True, status=503, headers=(JSON,), pieces=(ERROR[:5], ERROR[5:])),
    Way("503 without a body", goes_on=True, status=503, headers=(JSON,)),
    Way("503, not again", goes_on=False, status=503, headers=(JSON, (b"x-should-retry", b"false")), pieces=(ERROR,)),
    Way("503, cut", goes_on=False, status=503, headers=(JSON,), pieces=(ERROR[:5],), after=UpstreamCut),
    Way("503, long", goes_on=False, status=503, headers=(JSON,), pieces=(b"x" * 40_000,) * 3),
    Way("400", goes_on=False, status=400, headers=(JSON,), pieces=(ERROR,)),
    Way("cut in the midst", goes_on=False, pieces=tuple(HALF), after=UpstreamCut),
    Way("ends without its mark", goes_on=False, pieces=tuple(HALF)),
    Way("answers", goes_on=False, pieces=tuple(WHOLE)),
)  # fmt: skip


@dataclass
class Engine:
    """A `Transport` in memory; it counts what is open at each upstream."""

    ways: dict[str, Way]
    open: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def send(self, request: Outgoing) -> Coming:
        name = request.url.split("/")[2]
        self.asked.append(name)
        self.open[name] = self.open.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.open[name])
        came = Coming(self, name, self.ways[name])
        async with contextlib.AsyncExitStack() as failing:
            failing.push_async_callback(came.aclose)
            await asyncio.sleep(0)
            if came.way.before:
                raise came.way.before("x")
            failing.pop_all()
        return came

    async def aclose(self) -> None:
        pass


class Coming:
    def __init__(self, engine: Engine, name: str, way: Way) -> None:
        self._engine, self._name, self.way = engine, name, way
        self.status, self.headers = way.status, way.headers
        self._open = True

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self.way.pieces:
            await asyncio.sleep(0)
            yield piece
        if self.way.after:
            raise self.way.after("x")

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._engine.open[self._name] -= 1
        await asyncio.sleep(0)


class App:
    """One app's connection, which may be closed after some turns of the loop."""

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._asked = False
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": json.dumps(STREAM).encode(), "more_body": False}
        for _ in range(10_000 if self._patience is None else self._patience):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent)


async def answered(
    ways: list[Way], patience: list[int | None], concurrency: int | None
) -> tuple[MemoryJournal, list[App], Engine, Any]:
    specs = tuple(
        UpstreamSpec(name=f"u{at}", base_url=f"http://u{at}/v1", api_key="k", concurrency=concurrency)
        for at in range(len(ways))
    )
    engine = Engine({f"u{at}": way for at, way in enumerate(ways)})
    journal = MemoryJournal()
    gateway = build(
        GatewaySettings(upstreams=specs, salt=b"s", upstream_wait_s=0.01),
        journal=journal,
        chooser=FixedChooser(),
        transport=engine,
        health=Healthy(),
    )
    scope = {
        "type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": [], "query_string": b"",
    }  # fmt: skip
    apps = [App(turns) for turns in patience]
    await asyncio.gather(
        *(gateway(scope, app.receive, app.send) for app in apps), return_exceptions=True
    )  # what is cut raises
    return journal, apps, engine, gateway


def check(journal: MemoryJournal, engine: Engine, gateway: Any) -> None:
    by_call: dict[str, list[Any]] = {call.call_id: [] for call in journal.calls}
    for attempt in journal.attempts:
        by_call[attempt.call_id].append(attempt)
    for attempts in by_call.values():
        assert [a.served for a in attempts] == [False] * (len(attempts) - 1) + [True]
        assert [str(a.role) for a in attempts] == ["serve"] + ["failover"] * (len(attempts) - 1)
        assert len({a.upstream for a in attempts}) == len(attempts)
    assert set(engine.open.values()) <= {0}
    assert gateway.accounts.in_flight == 0
    assert gateway.accounts.sent + gateway.accounts.unsent == len(journal.attempts)
    pool = gateway.opaque.pool
    assert all(live.in_flight == 0 for live in pool._live.values())
    assert not pool._waiting


@given(st.lists(st.sampled_from(WAYS), min_size=1, max_size=4))
def test_the_first_that_may_not_be_passed_over_answers(ways):
    journal, (app,), engine, gateway = asyncio.run(answered(ways, [None], None))
    check(journal, engine, gateway)
    last = next((at for at, way in enumerate(ways) if not way.goes_on), len(ways) - 1)
    assert engine.asked == [f"u{at}" for at in range(last + 1)]
    way, (head, *_) = ways[last], app.sent
    if way.before:
        assert head["status"] == (504 if way.before is UpstreamTimeout else 502)
    elif len(ways) > last + 1 and way.name == "503, cut":
        assert head["status"] == 502  # it was held back while that was open
    else:
        assert (head["status"], app.body) == (way.status, b"".join(way.pieces))
    ended = app.sent[-1].get("more_body") in (False, None)
    assert ended == (way.name not in {"cut in the midst", "ends without its mark"} and (way.name != "503, cut" or head["status"] == 502))  # fmt: skip


@given(
    st.lists(st.sampled_from(WAYS), min_size=1, max_size=3),
    st.lists(st.none() | st.integers(0, 40), min_size=1, max_size=6),
    st.sampled_from([None, 1, 2]),
)
def test_whenever_apps_leave_and_however_few_places_there_are(ways, patience, concurrency):
    journal, apps, engine, gateway = asyncio.run(answered(ways, patience, concurrency))
    check(journal, engine, gateway)
    assert all(most <= (concurrency or most) for most in engine.most.values())
    for app in apps:
        heads = [m for m in app.sent if m["type"] == "http.response.start"]
        assert len(heads) <= 1
        if heads and heads[0]["status"] == 200 and app.sent[-1].get("more_body") is False:
            assert app.body == b"".join(WHOLE)  # what ends cleanly is whole
