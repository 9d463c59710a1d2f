"""A proxy between the real SDK and two scripted upstreams, and how a test of this suite is tried on both proxies."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest
from engines import transport
from naive import Naive
from upstream import TLS, FixedChooser, Healthy, MemoryJournal, Seen, Teller, Upstream, serving, stream_lines

from gateway.app import build
from gateway.capture import read_answer
from gateway.settings import ClientKey, GatewaySettings, Timeouts, UpstreamSpec

KEY = "sk-of-the-gateway-0123456789abcdef"
PROVIDER_KEY = "sk-of-the-provider-0123456789abcdef"
ASK: dict[str, Any] = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]
PATIENCE_S = 1.0  # for what must come at once; only a proxy that fails waits so long


class Quiet(Upstream):
    """Streams without comments, which the control turns into data."""

    async def usual(self, seen: Seen, out: Teller) -> None:
        if not (seen.path == "/v1/chat/completions" and seen.json.get("stream")):
            await super().usual(seen, out)
            return
        await out.head(200, EVENTS)
        for line in stream_lines(self.completion(seen.json), seen.json)[1:]:
            await out.piece(line)
        await out.end()


@dataclass
class Place:
    """What stands, and how to reach it."""

    teacher: Upstream
    other: Upstream  # serves the same models
    url: str
    logged: Callable[[], dict[str, Any]]  # the last answer, as the proxy keeps it

    def sdk(self, **options: Any) -> openai.AsyncOpenAI:
        """The real SDK, which asks once."""
        return openai.AsyncOpenAI(api_key=KEY, base_url=self.url + "/v1", max_retries=0, timeout=5, **options)

    def http(self) -> httpx.AsyncClient:
        """A client that shows bytes."""
        own = {"authorization": f"Bearer {KEY}"}
        return httpx.AsyncClient(base_url=self.url, headers=own, trust_env=False, verify=TLS, timeout=5)

    @property
    def key(self) -> str:
        """What an app presents."""
        return KEY

    @property
    def asked(self) -> Any:
        """The last request that the teacher got."""
        return self.teacher.seen[-1]


@contextlib.asynccontextmanager
async def gateway(**spec: Any) -> AsyncIterator[Place]:
    """Stillhouse, as an operator with keys of his own runs it. `spec` is more of what both upstreams are."""
    teacher, other, journal = Quiet(), Quiet(), MemoryJournal()
    async with serving(teacher, other) as urls:
        upstreams = tuple(
            UpstreamSpec(
                name=name, base_url=url + "/v1", api_key=PROVIDER_KEY, timeouts=Timeouts(connect=2.0), **spec
            )
            for name, url in zip(("first", "second"), urls, strict=True)
        )
        known = ClientKey(name="app", sha256=hashlib.sha256(KEY.encode()).hexdigest())
        settings = GatewaySettings(upstreams=upstreams, client_keys=(known,), salt=b"salt", drain_s=1.0)
        app = build(
            settings,
            journal=journal,
            chooser=FixedChooser(),
            transport=transport(),
            health=Healthy(),
        )

        def logged() -> dict[str, Any]:
            attempt = journal.attempts[-1]
            answer = read_answer(attempt.surface, attempt.content_type, attempt.status, attempt.body)
            return answer.completion or {}

        async with serving(app) as (url,):
            yield Place(teacher, other, url, logged)


@contextlib.asynccontextmanager
async def naive() -> AsyncIterator[Place]:
    """The control."""
    teacher, other = Quiet(), Quiet()
    async with serving(teacher, other) as urls:
        app = Naive([url + "/v1" for url in urls])
        async with serving(app) as (url,):
            try:
                yield Place(teacher, other, url, lambda: app.kept[-1])
            finally:
                await app.aclose()


Check = Callable[[Place], Awaitable[None]]


def broken_elsewhere(how: type[BaseException], match: str | None = None) -> Callable[[Check], Any]:
    """Try a check through the gateway, where it holds, and through the control, where it fails in this way."""

    def both(check: Check) -> Any:
        @pytest.mark.parametrize("proxy", ["stillhouse", "control"])
        async def test(proxy: str) -> None:
            if proxy == "stillhouse":
                async with gateway() as place:
                    await check(place)
                return
            async with naive() as place:
                with pytest.raises(how, match=match):
                    await check(place)

        test.__doc__ = check.__doc__
        return test

    return both
