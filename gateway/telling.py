"""What an app is told that gets no answer of its teacher. Knows no upstream and no other try.

Before its head went out that is a status; after a comment did, it is an event of the stream, and a cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from gateway import failing
from gateway import headers as head
from gateway.appside import AppSide
from gateway.attempt import Exchange
from gateway.errors import AnswerCut, Refusal, said
from gateway.inbound import Send
from gateway.outbound import event, refuse
from gateway.records import Records
from gateway.source import Source
from gateway.trail import Trail
from store.vocabulary import Outcome

_OK = 200
_REFUSED = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """Tells apps, once the outcome is recorded."""

    records: Records

    async def refusal(self, trail: Trail, told: Refusal, send: Send) -> None:
        """Answer with a status of our own. Raises `Refusal` where the record is not safe and must be."""
        await self.records.acknowledged(trail.exchange)
        anthropic = trail.exchange.surface == "messages" or head.anthropic(trail.current.request.headers)
        await refuse(send, told, call_id=trail.call.call_id, anthropic=anthropic)

    async def belated(self, exchange: Exchange, source: Source, app: AppSide) -> NoReturn:
        """Tell an app that has the head of a stream what came instead of one. Raises `AnswerCut`."""
        await source.whole(failing.MOST)
        told = said(exchange.status, exchange.body())
        if exchange.status < _REFUSED:
            why = "The answer was no stream, though a stream's head had gone out."
            self.records.close(exchange, Outcome.ERROR, served=True, error=why)
        else:
            self.records.settle(exchange)
        await self.event(exchange, told, app)

    async def event(self, exchange: Exchange, told: Refusal, app: AppSide) -> NoReturn:
        """Tell it in the stream. Raises `AnswerCut`, whatever it was."""
        try:
            await self.records.acknowledged(exchange)
        except Refusal as refusal:
            told = refusal
        await app.body(_OK, [], event(exchange.surface, told))
        # Not what was told: an upstream's own words may quote a key, and this goes to our log.
        raise AnswerCut(f"It failed after a comment had gone out ({exchange.recorded}).")
