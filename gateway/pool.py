"""Which upstreams a call may go to, in which order, and how each of them fares. Knows no connection.

The order is a pure function. What a worker has seen of its upstreams is in memory and its own: places taken,
failures on end, who rests. One that rests comes last, not never: where nobody else can answer, it is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gateway.errors import Refusal
from gateway.upstream.spec import Kind, UpstreamSpec

log = logging.getLogger(__name__)

_DRAWS = 2.0**64


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What of a call decides where it may go."""

    model: str  # "": not known
    anthropic: bool = False  # it speaks Anthropic's API
    unit: str = ""  # calls of the same unit share the draw, so a provider's prompt cache serves them
    pinned: bool = False  # it makes or needs what lives at one provider
    own_key: bool = False  # it brings a credential of the caller's own


def eligible(upstreams: Sequence[UpstreamSpec], wanted: Wanted) -> list[UpstreamSpec]:
    """Give those that speak the call's API and serve its model, as listed. Raises `Refusal` (404).

    A call in Anthropic's API goes to the others only where none of kind anthropic is configured.
    """
    speaking = _speaking(upstreams, anthropic=wanted.anthropic)
    if not speaking:
        raise Refusal(404, "No configured upstream speaks the API of this path.", code="unknown_url")
    if not wanted.model:
        return speaking
    serving = [one for one in speaking if any(fnmatchcase(wanted.model, glob) for glob in one.models)]
    if not serving:
        raise Refusal(
            404,
            f"The model {wanted.model!r} does not exist here: no configured upstream serves it.",
            code="model_not_found",
            param="model",
        )
    return serving


def _speaking(upstreams: Sequence[UpstreamSpec], *, anthropic: bool) -> list[UpstreamSpec]:
    theirs = [one for one in upstreams if one.kind is Kind.ANTHROPIC]
    if anthropic and theirs:
        return theirs
    return [one for one in upstreams if one.kind is not Kind.ANTHROPIC]


def order(
    upstreams: Sequence[UpstreamSpec], wanted: Wanted, resting: Collection[str] = ()
) -> tuple[UpstreamSpec, ...]:
    """Give the upstreams to try, best first. Raises `Refusal` (404).

    A caller's own credential goes to one upstream at most, of those that come first by configuration alone:
    neither a failure nor a rest shows it to another.
    """
    priority = {one.name: at if one.priority is None else one.priority for at, one in enumerate(upstreams)}
    serving = sorted(eligible(upstreams, wanted), key=lambda one: priority[one.name])
    if wanted.pinned or len(serving) == 1:
        return (serving[0],)
    first = priority[serving[0].name]
    ranked = sorted(
        serving, key=lambda one: (one.name in resting, priority[one.name], _draw(wanted.unit, one))
    )
    if not wanted.own_key:
        return tuple(ranked)
    shown = next((one for one in ranked if one.api_key is None and priority[one.name] == first), None)
    return tuple(one for one in ranked if one.api_key is not None or one is shown)


def _draw(unit: str, upstream: UpstreamSpec) -> float:
    """Give a unit's draw for an upstream; the least comes first with the chance of its weight's share.

    An exponential variable with the weight as its rate, made of a hash: weighted rendezvous hashing.
    """
    drawn = hashlib.sha256(f"{unit}\0{upstream.name}".encode("utf-8", "replace")).digest()
    return -math.log((int.from_bytes(drawn[:8]) + 0.5) / _DRAWS) / upstream.weight


@dataclass(slots=True)
class _Live:
    """What a worker has seen of one upstream."""

    in_flight: int = 0
    failures: int = 0  # on end
    rests_until: float = -math.inf


@dataclass(slots=True, eq=False)
class _Waiter:
    names: frozenset[str]
    place: asyncio.Future[UpstreamSpec] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def given(self) -> UpstreamSpec | None:
        """Give the place that came in the very moment in which the waiting ended otherwise."""
        return self.place.result() if self.place.done() and not self.place.cancelled() else None


class Pool:
    """The upstreams of one worker. `clock` gives monotonic seconds."""

    def __init__(
        self, upstreams: tuple[UpstreamSpec, ...], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._upstreams = upstreams
        self._clock = clock
        self._live = {one.name: _Live() for one in upstreams}
        self._contested = {
            anthropic: len(_speaking(upstreams, anthropic=anthropic)) > 1 for anthropic in (False, True)
        }
        self._waiting: list[_Waiter] = []  # none of them wants an upstream that has a place free

    def candidates(self, wanted: Wanted) -> tuple[UpstreamSpec, ...]:
        """Give the upstreams to try, best first, at least one. Raises `Refusal` (404)."""
        now = self._clock()
        return order(
            self._upstreams, wanted, {name for name, live in self._live.items() if live.rests_until > now}
        )

    def contested(self, *, anthropic: bool) -> bool:
        """Tell whether a call's model decides between upstreams."""
        return self._contested[anthropic]

    def take(self, upstreams: Iterable[UpstreamSpec]) -> UpstreamSpec | None:
        """Take a place at the first that has one. It must be given back by `leave`."""
        for one in upstreams:
            live = self._live[one.name]
            if one.concurrency is None or live.in_flight < one.concurrency:
                live.in_flight += 1
                return one
        return None

    async def wait(self, upstreams: Sequence[UpstreamSpec], seconds: float) -> UpstreamSpec | None:
        """Take a place as `take` does, first come, first served; None where there was none for so long."""
        taken = self.take(upstreams)
        if taken is not None or seconds <= 0:
            return taken
        waiter = _Waiter(frozenset(one.name for one in upstreams))
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter.place
        except TimeoutError:
            return waiter.given()
        except asyncio.CancelledError:
            if (place := waiter.given()) is not None:
                self.leave(place, well=None)
            raise
        finally:
            self._waiting.remove(waiter)

    def leave(self, upstream: UpstreamSpec, *, well: bool | None) -> None:
        """Give a place back. `well`: whether the upstream did what it is there for; None: nobody can say."""
        live = self._live[upstream.name]
        if well is not None:
            self._judge(upstream, live, well=well)
        for waiter in self._waiting:
            if upstream.name in waiter.names and not waiter.place.done():
                waiter.place.set_result(upstream)
                return
        live.in_flight -= 1

    def _judge(self, upstream: UpstreamSpec, live: _Live, *, well: bool) -> None:
        now = self._clock()
        live.failures = 0 if well else live.failures + 1
        if live.failures < upstream.cooldown_after:
            live.rests_until = -math.inf
            return
        if live.rests_until <= now:
            told = "The upstream %r failed %d times on end; for %g s others come before it."
            log.warning(told, upstream.name, live.failures, upstream.cooldown_s)
        live.rests_until = now + upstream.cooldown_s
