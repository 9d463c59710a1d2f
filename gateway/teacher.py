"""The teacher's answer to one call: bytes through untouched, a copy kept for the log.

Also carries opaque calls. Where an upstream fails before anything went out, in a way that cannot have been
billed unseen, the next one is tried. Knows no student and no route.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway import echo, failing
from gateway import headers as head
from gateway.appside import AppSide, Pulse
from gateway.attempt import Exchange
from gateway.errors import AnswerCut, ClientGone, Refusal, busy, from_upstream
from gateway.inbound import Send
from gateway.pool import Pool
from gateway.records import Records
from gateway.source import Source
from gateway.telling import Telling
from gateway.trail import Trail
from gateway.upstream.port import Transport, UpstreamCut, UpstreamError
from gateway.upstream.spec import UpstreamSpec
from gateway.usage import Stripping
from store.vocabulary import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """Carries the exchanges of a call from upstreams to the app, and records them."""

    transport: Transport
    records: Records
    pool: Pool
    telling: Telling
    wait_s: float  # for a place at an upstream

    async def serve(self, trail: Trail, send: Send) -> None:
        """Answer the app. Raises `AnswerCut` where the answer broke off after its head went out, else `Refusal`.

        Whatever happens, exactly one attempt is recorded of each exchange, the served one before the last byte goes out.
        """
        app = AppSide(send)
        going = await self._placed(trail, send)
        while going:
            going = await self._try(trail, app, send)

    async def _placed(self, trail: Trail, send: Send) -> bool:
        """Wait for a place; False: there was none, and the app was told."""
        try:
            upstream = await self.pool.wait(trail.upstreams, self.wait_s)
        except asyncio.CancelledError:
            self.records.close(
                trail.exchange, Outcome.CLIENT_ABORT, served=True, error="The app hung up while it waited."
            )
            raise
        if upstream is None:
            refusal = busy()
            self.records.close(trail.exchange, Outcome.ERROR, served=True, error=refusal.message)
            await self.telling.refusal(trail, refusal, send)
            return False
        trail.start(upstream)
        return True

    async def _try(self, trail: Trail, app: AppSide, send: Send) -> bool:
        """Carry one exchange; True where the app saw nothing of it and another was begun."""
        one, exchange = trail.current, trail.exchange
        exchange.secrets = echo.secrets(one.request)
        try:
            with self.records.exactly_one(exchange, served=True):
                return await self._answered(trail, app, send)
        finally:
            self.pool.leave(one.upstream, well=failing.well(exchange, own=one.own))

    async def _answered(self, trail: Trail, app: AppSide, send: Send) -> bool:
        exchange = trail.exchange
        try:
            return await self._carry(trail, app)
        except UpstreamError as error:
            if failing.unseen(exchange, error) and (upstream := self._next(trail, app)):
                self.records.failed(exchange, error, served=False)
                trail.go_on(upstream)
                return True
            self.records.failed(exchange, error, served=True)
            told = from_upstream(error, exchange.upstream)
            if app.early and not exchange.size:
                await self.telling.event(exchange, told, app)
            if app.begun:
                raise AnswerCut(str(error)) from error
            await self.telling.refusal(trail, told, send)
        except Refusal as refusal:
            if app.begun:
                raise AnswerCut(str(refusal)) from refusal
            raise
        except (asyncio.CancelledError, ClientGone):
            self.records.close(exchange, Outcome.CLIENT_ABORT, served=True, error="The app hung up.")
            raise
        return False

    async def _carry(self, trail: Trail, app: AppSide) -> bool:
        exchange = trail.exchange
        async with Pulse(app, trail.current.keepalive_s, ours(exchange, "teacher")) as pulse:
            incoming = await self.records.accounts.send(self.transport, exchange, trail.current.request)
            try:
                exchange.heard(incoming.status, incoming.headers)
                source = Source(exchange, incoming)
                if not source.flows:
                    await pulse.stop()
                    if app.begun:
                        await self.telling.belated(exchange, source, app)
                held = bool(trail.left) and failing.refuses(incoming) and await source.whole(failing.MOST)
                if not held:
                    await self._pump(trail, source, app, pulse)
            finally:
                await incoming.aclose()
            if held:
                upstream = self._next(trail, app)
                if upstream is not None:  # from here on nothing is awaited: a place and an exchange are open
                    self.records.settle(exchange, served=False)
                    trail.go_on(upstream)
                    return True
                await self._pump(trail, source, app, pulse)
        return False

    async def _pump(self, trail: Trail, source: Source, app: AppSide, pulse: Pulse) -> None:
        exchange = trail.exchange
        shown = Stripping() if trail.current.strip_usage and source.flows else None
        headers = [
            *(pair for pair in head.back(exchange.headers) if shown is None or pair[0] != b"content-length"),
            *ours(exchange, "teacher"),
        ]
        async for piece in source.pieces():
            if exchange.ends_with(piece):
                self.records.settle(exchange)
                await self.records.acknowledged(exchange)
            await pulse.stop()
            passed = piece if shown is None else shown.add(piece)
            if passed:
                await app.body(exchange.status, headers, passed)
        if self.records.settle(exchange) is Outcome.UPSTREAM_CUT:
            raise UpstreamCut("The stream ended without its end mark.")
        await self.records.acknowledged(exchange)
        await app.end(exchange.status, headers, shown.rest() if shown else b"")

    def _next(self, trail: Trail, app: AppSide) -> UpstreamSpec | None:
        """Take a place for another try; None where there may or can be none."""
        return None if app.begun else self.pool.take(trail.upstreams)


def ours(exchange: Exchange, who: str) -> list[tuple[bytes, bytes]]:
    """Give our own response headers."""
    return [(b"x-stillhouse-call-id", exchange.call.call_id.encode()), (b"x-stillhouse-route", who.encode())]
