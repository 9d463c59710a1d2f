"""How the upstreams of one worker fare: places taken, failures on end, who rests. Knows no connection.

It is in memory and the worker's own. One that rests comes last, not never: where nobody else can answer, it
is asked.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.order import Wanted, eligible, order, speaking
from gateway.upstream.spec import UpstreamSpec

log = logging.getLogger(__name__)

_MOST_HOMES = 10_000
_MOST_KINDS = 1024  # of calls, of which is remembered that one upstream alone serves them


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
            anthropic: len(speaking(upstreams, anthropic=anthropic)) > 1 for anthropic in (False, True)
        }
        self._alone: dict[tuple[str, str, bool], tuple[UpstreamSpec]] = {}  # who alone serves such calls
        self._homes: OrderedDict[str, str] = OrderedDict()  # unit -> who answered in place of the first
        self._waiting: list[_Waiter] = []  # none of them wants an upstream that has a place free

    def candidates(self, wanted: Wanted) -> tuple[UpstreamSpec, ...]:
        """Give the upstreams to try, best first, at least one. Raises `Refusal` (404)."""
        kind = (wanted.model, wanted.surface, wanted.anthropic)
        if (alone := self._alone.get(kind)) is not None:
            return alone
        serving = eligible(self._upstreams, wanted)
        if len(serving) == 1:
            if len(self._alone) >= _MOST_KINDS:
                self._alone.clear()
            return self._alone.setdefault(kind, (serving[0],))
        now = self._clock()
        resting = {name for name, live in self._live.items() if live.rests_until > now}
        return order(
            self._upstreams, wanted, resting, self._homes.get(wanted.unit) if wanted.maker_only else None
        )

    def moved(self, unit: str, upstream: UpstreamSpec) -> None:
        """Remember that an upstream answered a unit in place of the first: what it encrypted is for it to read."""
        self._homes[unit] = upstream.name
        self._homes.move_to_end(unit)
        if len(self._homes) > _MOST_HOMES:
            self._homes.popitem(last=False)

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
