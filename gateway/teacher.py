"""The teacher's answer to one call: bytes through untouched, a copy kept for the log.

Also carries opaque calls. Knows no student and no route.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway import echo
from gateway import headers as head
from gateway.attempt import Exchange
from gateway.errors import AnswerCut, ClientGone, Refusal, from_upstream
from gateway.inbound import Send
from gateway.outbound import refuse
from gateway.records import Records
from gateway.upstream.port import Incoming, Outgoing, Transport, UpstreamCut, UpstreamError
from store.vocabulary import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """Carries one exchange from an upstream to the app, and records it."""

    transport: Transport
    records: Records

    async def serve(self, exchange: Exchange, request: Outgoing, send: Send) -> None:
        """Answer the app. Raises `AnswerCut` where the answer broke off after its head went out, else `Refusal`.

        Whatever happens, exactly one attempt is recorded, before the last byte goes out.
        """
        exchange.secrets = echo.secrets(request)
        started = _Started(send)
        with self.records.exactly_one(exchange, served=True):
            try:
                await self._carry(exchange, request, started)
            except UpstreamError as error:
                self.records.failed(exchange, error, served=True)
                if started.head_sent:
                    raise AnswerCut(str(error)) from error
                await self.records.acknowledged(exchange)
                told = from_upstream(error, exchange.upstream)
                anthropic = exchange.surface == "messages" or head.anthropic(request.headers)
                await refuse(send, told, call_id=exchange.call.call_id, anthropic=anthropic)
            except Refusal as refusal:
                if started.head_sent:
                    raise AnswerCut(str(refusal)) from refusal
                raise
            except (asyncio.CancelledError, ClientGone):
                self.records.close(exchange, Outcome.CLIENT_ABORT, served=True, error="The app hung up.")
                raise

    async def _carry(self, exchange: Exchange, request: Outgoing, app: _Started) -> None:
        incoming = await self.records.accounts.send(self.transport, exchange, request)
        try:
            exchange.heard(incoming)
            await self._pump(exchange, incoming, app)
        finally:
            await incoming.aclose()

    async def _pump(self, exchange: Exchange, incoming: Incoming, app: _Started) -> None:
        headers = [*head.back(incoming.headers), *ours(exchange, "teacher")]
        async for piece in incoming.pieces():
            exchange.take(piece)
            if exchange.ends_with(piece):
                self.records.settle(exchange)
                await self.records.acknowledged(exchange)
            await app.body(incoming.status, headers, piece)
        if self.records.settle(exchange) is Outcome.UPSTREAM_CUT:
            raise UpstreamCut("The stream ended without its end mark.")
        await self.records.acknowledged(exchange)
        await app.end(incoming.status, headers)


class _Started:
    """The app's side of an answer. The head waits for the first piece: until then an error can be told."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.head_sent = False

    async def body(self, status: int, headers: list[tuple[bytes, bytes]], piece: bytes) -> None:
        await self._head(status, headers)
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self._head(status, headers)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        if not self.head_sent:
            self.head_sent = True
            await self._send({"type": "http.response.start", "status": status, "headers": headers})


def ours(exchange: Exchange, who: str) -> list[tuple[bytes, bytes]]:
    """Give our own response headers."""
    return [(b"x-stillhouse-call-id", exchange.call.call_id.encode()), (b"x-stillhouse-route", who.encode())]
