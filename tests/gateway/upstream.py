"""A small faithful OpenAI-compatible server and the harness around it, for tests over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import engines
import uvicorn

from gateway.app import build
from gateway.ports import Readiness
from gateway.settings import GatewaySettings, Timeouts, UpstreamSpec
from store.errors import JournalFull
from store.template import Templates
from store.vocabulary import Attempt, Call, Choice, Feedback, Pairing, Route, State, Who

TLS = engines.TLS
MOST_MESSAGE = 16 * 1024 * 1024
ACCOUNT_HEADERS = [
    (b"x-request-id", b"req_upstream_1"),
    (b"openai-processing-ms", b"12"),
    (b"openai-organization", b"org-upstream"),
    (b"x-ratelimit-remaining-requests", b"99"),
    (b"set-cookie", b"__cf_bm=planted-cookie"),
]


@dataclass
class Seen:
    """One request as the upstream received it."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k == name), None)


class Teller:
    """What a scripted answer uses to speak: whole bytes, pieces, or an abrupt end."""

    def __init__(self, send: Any, cancelled: asyncio.Event) -> None:
        self._send = send
        self.cancelled = cancelled

    async def head(self, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers or []})

    async def piece(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, data: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        kind = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await self.head(status, kind + (headers or []))
        await self.end(data)


Script = Callable[[Seen, Teller], Awaitable[None]]


@dataclass
class Upstream:
    """An ASGI app that answers like OpenAI unless `script` says otherwise."""

    text: str = "Hello there"
    script: Script | None = None
    seen: list[Seen] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cancelled.set()
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        raw = scope["raw_path"].decode()
        seen = Seen(scope["method"], raw, scope["query_string"].decode(), headers, body)
        self.seen.append(seen)
        answering = asyncio.ensure_future((self.script or self.usual)(seen, Teller(send, self.cancelled)))
        leaving = asyncio.ensure_future(receive())
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            self.cancelled.set()
            answering.cancel()
        leaving.cancel()
        await asyncio.wait({answering, leaving})
        if not answering.cancelled():
            answering.result()

    async def usual(self, seen: Seen, out: Teller) -> None:
        if seen.path == "/v1/models":
            listing = {
                "object": "list",
                "data": [{"id": "gpt-x", "object": "model", "created": 1, "owned_by": "o"}],
            }
            await out.whole(200, json.dumps(listing).encode(), ACCOUNT_HEADERS)
        elif not seen.path.endswith("/chat/completions"):
            await out.whole(200, json.dumps({"object": "echo", "path": seen.path}).encode(), ACCOUNT_HEADERS)
        elif seen.json.get("stream"):
            await self._stream(seen, out)
        elif "gzip" in (seen.header("accept-encoding") or ""):
            data = gzip.compress(json.dumps(self.completion(seen.json)).encode())
            await out.whole(200, data, [*ACCOUNT_HEADERS, (b"content-encoding", b"gzip")])
        else:
            await out.whole(200, json.dumps(self.completion(seen.json)).encode(), ACCOUNT_HEADERS)

    def completion(self, asked: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": None}
        reason = "stop"
        if asked.get("tools"):
            message = {"role": "assistant", "content": None, "tool_calls": tool_calls()}
            reason = "tool_calls"
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": asked["model"] + "-2026",
            "choices": [
                {"index": i, "message": message, "finish_reason": reason, "logprobs": None}
                for i in range(asked.get("n") or 1)
            ],
            "usage": usage(),
            "system_fingerprint": "fp_1",
            "x_unknown": {"number": 1.50},
        }

    async def _stream(self, seen: Seen, out: Teller) -> None:
        await out.head(200, [(b"content-type", b"text/event-stream; charset=utf-8"), *ACCOUNT_HEADERS])
        for line in stream_lines(self.completion(seen.json), seen.json):
            await out.piece(line)
        await out.end()


def usage() -> dict[str, Any]:
    return {
        "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 0},
    }  # fmt: skip


def tool_calls() -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": f"find_{i}", "arguments": json.dumps({"q": f"a{i}"})},
        }
        for i in range(2)
    ]


def sse(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def stream_lines(completion: dict[str, Any], asked: dict[str, Any]) -> list[bytes]:
    """The chunks in which OpenAI would have streamed this completion."""
    base = {
        "id": completion["id"], "object": "chat.completion.chunk", "created": completion["created"],
        "model": completion["model"], "system_fingerprint": "fp_1",
    }  # fmt: skip
    lines = [b": ping\n\n"]

    def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> None:
        choices = [{"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}]
        lines.append(sse({**base, "choices": choices}))

    for choice in completion["choices"]:
        index = choice["index"]
        chunk({"role": "assistant", "content": "" if choice["message"]["content"] else None}, index=index)
        for word in (choice["message"]["content"] or "").split(" "):
            if word:
                chunk(
                    {
                        "content": word
                        if word == completion["choices"][0]["message"]["content"].split(" ")[0]
                        else " " + word
                    },
                    index=index,
                )
        for i, call in enumerate(choice["message"].get("tool_calls") or ()):
            chunk(
                {
                    "tool_calls": [
                        {"index": i, **call, "function": {"name": call["function"]["name"], "arguments": ""}}
                    ]
                },
                index=index,
            )
            for letter in call["function"]["arguments"]:
                chunk({"tool_calls": [{"index": i, "function": {"arguments": letter}}]}, index=index)
        chunk({}, choice["finish_reason"], index=index)
    if (asked.get("stream_options") or {}).get("include_usage"):
        lines.append(sse({**base, "choices": [], "usage": completion["usage"]}))
    lines.append(b"data: [DONE]\n\n")
    return lines


class Served:
    """An ASGI app on a free port of the loopback, without uvicorn's loop of 0.1 s ticks."""

    def __init__(self, app: Any) -> None:
        # Named TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http=engines.http(app),
            log_level="critical",
            timeout_graceful_shutdown=2,
            ws="auto",
            ws_max_size=MOST_MESSAGE,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> None:
        await self._server.startup(sockets=[self._listener])

    @property
    def connections(self) -> set[Any]:
        return self._server.server_state.connections

    async def stop(self) -> None:
        await self._server.shutdown(sockets=[self._listener])


@contextlib.asynccontextmanager
async def serving(*apps: Any) -> AsyncIterator[list[str]]:
    """Serve ASGI apps; give their root URLs."""
    servers = [Served(app) for app in apps]
    try:
        for server in servers:
            await server.start()
        yield [server.url for server in servers]
    finally:
        await asyncio.gather(*(server.stop() for server in servers))


@dataclass
class MemoryJournal:
    """A journal in memory that can be full, and whose disk can be slow or refuse."""

    records: list[Call | Attempt | Feedback] = field(default_factory=list)
    full: bool = False
    stuck: asyncio.Event | None = None  # its disk takes nothing until this is set
    withheld: bool = False  # its disk refuses, and so does the policy
    doubtful: bool = False  # its disk refuses, and the policy serves
    waited: int = 0
    waits: bool = True  # whether an answer may have to wait for its disk

    def append(self, record: Call | Attempt | Feedback) -> bool:
        if self.full:
            raise JournalFull("The journal is full.")
        self.records.append(record)
        return True

    async def synced(self) -> bool:
        self.waited += 1
        if self.stuck is not None:
            await self.stuck.wait()
        if self.withheld:
            raise JournalFull("The disk refused.")
        return not self.doubtful

    @property
    def calls(self) -> list[Call]:
        return [r for r in self.records if isinstance(r, Call)]

    @property
    def attempts(self) -> list[Attempt]:
        return [r for r in self.records if isinstance(r, Attempt)]

    @property
    def feedback(self) -> list[Feedback]:
        return [r for r in self.records if isinstance(r, Feedback)]


@dataclass
class FixedChooser:
    """Gives one route to every fingerprint, and the same choice unless the student is barred."""

    published: Route | None = None
    who: Who = Who.STUDENT
    pairing: Pairing = Pairing.NONE
    barred: list[str | None] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    templates: Templates = Templates()  # noqa: RUF009 - immutable
    seen: list[Attempt] = field(default_factory=list)

    def route(self, fingerprint: str) -> Route | None:
        return self.published

    def choose(
        self, *, fingerprint: str, unit: str, call_id: str, barred: str | None, slices: tuple[str, ...] = ()
    ) -> Choice:
        self.barred.append(barred)
        self.units.append(unit)
        if barred:
            return Choice(reason=barred, task="t")
        return Choice(
            who=self.who,
            reason="share",
            task="t",
            pairing=self.pairing,
            student_id="s1",
            propensity=1.0,
            slices=slices,
        )

    def saw(self, attempt: Attempt) -> None:
        self.seen.append(attempt)


class Healthy:
    def readiness(self) -> Readiness:
        return Readiness(detail={"journal": "writable", "routes": "fresh"})


def route(base_url: str, **changes: Any) -> Route:
    given: dict[str, Any] = {
        "task_id": "t", "task_version": 1, "fingerprints": (), "rollout_id": "r1", "student_id": "s1",
        "step": State.CANARY_50, "share": 0.5, "holdback": 0.02, "salt": "s", "shadow": 1.0, "reverse_shadow": 1.0,
        "base_url": base_url, "model": "student-model", "timeout_s": 5.0,
    }  # fmt: skip
    return Route(**{**given, **changes})


@dataclass
class House:
    """A teacher, a student and a gateway between, over real sockets."""

    teacher: Upstream
    student: Upstream
    journal: MemoryJournal
    chooser: FixedChooser
    gateway: Any
    url: str

    @property
    def v1(self) -> str:
        return self.url + "/v1"

    async def settled(self, attempts: int) -> list[Attempt]:
        """Wait until the background has recorded so many attempts."""
        async with asyncio.timeout(5):
            while len(self.journal.attempts) < attempts:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.journal.attempts


@contextlib.asynccontextmanager
async def house(
    *, timeouts: Timeouts | None = None, api_key: str | None = None, **settings: Any
) -> AsyncIterator[House]:
    teacher, student = Upstream(), Upstream(text="student words")
    journal, chooser = MemoryJournal(), FixedChooser()
    async with serving(teacher, student) as (teacher_url, student_url):
        teacher.url, student.url = teacher_url + "/v1", student_url + "/v1"
        spec = UpstreamSpec(
            name="teacher", base_url=teacher.url, api_key=api_key, timeouts=timeouts or Timeouts(connect=2.0)
        )
        gateway = build(
            GatewaySettings(**{"upstreams": (spec,), "salt": b"salt", "drain_s": 2.0, **settings}),
            journal=journal, chooser=chooser, transport=engines.transport(), health=Healthy(),
        )  # fmt: skip
        async with serving(gateway) as (url,):
            yield House(teacher, student, journal, chooser, gateway, url)
