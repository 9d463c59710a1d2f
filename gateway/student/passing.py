"""A student's stream passed on from its first token on. Knows no route and no teacher."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from gateway import canonical, disguise
from gateway.attempt import Exchange
from gateway.capture import sse
from gateway.errors import AnswerCut, Refusal
from gateway.inbound import Send
from gateway.records import Records
from gateway.student.reader import Reader
from gateway.student.shown import headers_of
from gateway.upstream.port import Headers, Outgoing, UpstreamCut, UpstreamError, UpstreamTimeout
from store.vocabulary import Outcome


class Passing:
    """Lets a stream through once it speaks."""

    def __init__(self, reader: Reader, records: Records) -> None:
        self._reader = reader
        self._records = records

    async def serve(self, exchange: Exchange, request: Outgoing, send: Send, manners: Headers) -> bool:
        """Answer the app; False: nothing went out. Raises `UpstreamError` then, else `AnswerCut`."""
        shown = disguise.Streaming(exchange.call.model)
        try:
            held = await self._pass_on(exchange, request, shown, _App(send, manners))
            if not exchange.released:
                wrong = f"The stream ended without a token (status {exchange.status})."
                self._records.close(exchange, Outcome.ERROR, served=False, error=wrong)
                return False
            if self._records.settle(exchange) is Outcome.UPSTREAM_CUT:
                raise UpstreamCut("The stream ended without its end mark.")
        except UpstreamError as error:
            if not exchange.released:
                raise
            self._records.failed(exchange, error, served=True)
            raise AnswerCut(str(error)) from error
        await self._last(exchange)
        await send({"type": "http.response.body", "body": held + shown.rest(), "more_body": False})
        return True

    async def _pass_on(
        self, exchange: Exchange, request: Outgoing, shown: disguise.Streaming, app: _App
    ) -> bytes:
        """Pass events on from the first token on, which must come in time; give what is still held."""
        held = b""
        try:
            async with asyncio.timeout(request.timeouts.first_byte) as patience:
                async with aclosing(self._reader.pieces(exchange, request)) as pieces:
                    async for piece in pieces:
                        held += shown.add(piece)
                        ended = exchange.ends_with(piece)
                        if exchange.released or _speaks(held):
                            patience.reschedule(None)
                            if ended:
                                self._records.settle(exchange)
                                await self._last(exchange)
                            held = await app.take(exchange, held)
        except TimeoutError as error:
            raise UpstreamTimeout("Time ran out while waiting for the first token.") from error
        return held

    async def _last(self, exchange: Exchange) -> None:
        """Wait for the disk before a stream's end; raises `AnswerCut`, or `Refusal` before it began, where it must not."""
        try:
            await self._records.acknowledged(exchange)
        except Refusal as refusal:
            if not exchange.released:
                raise
            raise AnswerCut(str(refusal)) from refusal


def _speaks(block: bytes) -> bool:
    """Tell whether a first token is in these events."""
    for event in sse.events(block):
        try:
            chunk = canonical.loads(event.data)
        except ValueError:
            continue
        for choice in (chunk.get("choices") or ()) if isinstance(chunk, dict) else ():
            delta = choice.get("delta") or {}
            if delta.get("content") or delta.get("tool_calls"):
                return True
    return False


@dataclass(frozen=True, slots=True)
class _App:
    """The app's side of the stream."""

    send: Send
    manners: Headers

    async def take(self, exchange: Exchange, held: bytes) -> bytes:
        """Send what is held; nothing is held afterwards."""
        if not exchange.released:
            exchange.released = True
            kind = (b"content-type", exchange.content_type.encode("latin-1"))
            headers = [kind, *headers_of(exchange, self.manners)]
            await self.send({"type": "http.response.start", "status": exchange.status, "headers": headers})
        if held:
            await self.send({"type": "http.response.body", "body": held, "more_body": True})
        return b""
