"""The played app: it uses the OpenAI SDK, knows one base URL, and notices nothing.

It remembers what it received (call id, who answered, right or wrong), so that the demo can hold the
ledger against it at the end. Knows nothing of rollouts.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import openai

from stillhouse.demo.saying import SURFACES, Question, Say
from stillhouse.demo.tickets import Pair

_FEEDBACK_EVERY = 10  # an app's users rate a tenth of the answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One answer as the app saw it."""

    call_id: str
    route: str
    right: bool
    at: float
    seconds: float


@dataclass(kw_only=True, slots=True)
class Pace:
    """How fast the app calls now; the director sets it, the callers obey it."""

    callers: int = 8
    gap_s: float = 0.0
    hold: bool = False  # background comparisons are behind: wait for them
    stop: bool = False


@dataclass(kw_only=True)
class App:
    """Plays pairs through the gateway until they run out or `pace.stop`."""

    base_url: str
    model: str
    instructions: str
    schema: dict[str, object] | None
    pairs: Iterator[Pair]
    surface: str = "chat"  # of `saying.SURFACES`
    pace: Pace = field(default_factory=Pace)
    received: list[Received] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    feedback: int = 0
    started: float = 0.0  # Unix seconds of the first call
    exhausted: bool = False
    _says: Iterator[Say] = field(init=False)

    def __post_init__(self) -> None:
        """Take the surfaces in turn."""
        self._says = itertools.cycle(SURFACES[self.surface])

    async def play(self, most_callers: int) -> None:
        """Run up to `most_callers` callers; return when all have stopped."""
        self.started = time.time()
        async with (
            openai.AsyncOpenAI(base_url=self.base_url, api_key="demo-app-key") as client,
            httpx.AsyncClient(base_url=self.base_url.removesuffix("/v1")) as plain,
        ):
            await asyncio.gather(*(self._caller(i, client, plain) for i in range(most_callers)))

    async def _caller(self, index: int, client: openai.AsyncOpenAI, plain: httpx.AsyncClient) -> None:
        while not self.pace.stop:
            if self.pace.hold or index >= self.pace.callers:
                await asyncio.sleep(0.02)
                continue
            pair = next(self.pairs, None)
            if pair is None:
                self.exhausted = True
                return
            await self._call(pair, client, plain)
            if self.pace.gap_s:
                await asyncio.sleep(self.pace.gap_s)

    async def _call(self, pair: Pair, client: openai.AsyncOpenAI, plain: httpx.AsyncClient) -> None:
        started = time.monotonic()
        try:
            heard = await next(self._says)(client, self._question(pair))
        except openai.OpenAIError as error:
            self.errors.append(f"{type(error).__name__}: {error}")
            return
        right = heard.text.strip() == pair.output
        self.received.append(
            Received(
                call_id=heard.headers.get("x-stillhouse-call-id", ""),
                route=heard.headers.get("x-stillhouse-route", ""),
                right=right,
                at=time.time(),
                seconds=time.monotonic() - started,
            )
        )
        if len(self.received) % _FEEDBACK_EVERY == 0:
            await self._rate(heard.answer_id, right, plain)

    def _question(self, pair: Pair) -> Question:
        return Question(model=self.model, instructions=self.instructions, schema=self.schema, text=pair.input)

    async def _rate(self, completion_id: str, right: bool, plain: httpx.AsyncClient) -> None:  # noqa: FBT001
        try:
            await plain.post("/v1/feedback", json={"id": completion_id, "score": float(right)})
        except httpx.HTTPError as error:
            self.errors.append(f"feedback: {error}")
            return
        self.feedback += 1
