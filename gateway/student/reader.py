"""Reads a student's answer into its record. Knows no app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.attempt import Exchange
from gateway.reach import Reach
from gateway.records import Records
from gateway.student.asking import LIMIT, PATH
from gateway.upstream.port import ConnectFailed, Incoming, Outgoing, Transport, UpstreamCut

NOT_READY = 503  # what a server says that has its port, but not yet its model
RESTS_S = (0.5, 1.0, 2.0, 4.0)  # between the tries of a shadow whose server is not there


class Reader:
    """Asks students' servers, and remembers which of them cannot be reached."""

    def __init__(self, transport: Transport, records: Records, reach: Reach) -> None:
        self._transport = transport
        self._records = records
        self._reach = reach

    async def whole(self, exchange: Exchange, request: Outgoing) -> None:
        """Read all of an answer. Raises `UpstreamError`."""
        async with aclosing(self.pieces(exchange, request)) as pieces:
            async for _ in pieces:
                pass

    async def patiently(self, exchange: Exchange, request: Outgoing) -> None:
        """Read an answer that nobody waits for: a server that is starting again is given time to."""
        for rest_s in RESTS_S:
            try:
                return await self.whole(exchange, request)
            except (ConnectFailed, UpstreamCut):
                if exchange.status:  # an answer had begun: it is this answer that failed
                    raise
            await asyncio.sleep(rest_s)
        return await self.whole(exchange, request)

    async def pieces(self, exchange: Exchange, request: Outgoing) -> AsyncGenerator[bytes, None]:
        """Give an answer as it comes. Raises `UpstreamError`."""
        try:
            incoming = await self._reached(exchange, request)
        except (ConnectFailed, UpstreamCut):
            self._reach.lost(request.url.removesuffix(PATH))
            raise
        try:
            exchange.heard(incoming.status, incoming.headers)
            async for piece in incoming.pieces():
                exchange.take(piece)
                if exchange.truncated:
                    raise UpstreamCut(f"The answer exceeds {LIMIT} bytes.")
                yield piece
        finally:
            await incoming.aclose()

    async def _reached(self, exchange: Exchange, request: Outgoing) -> Incoming:
        """Give the answer's head. Raises `ConnectFailed` also for a server that is still loading its model."""
        incoming = await self._records.accounts.send(self._transport, exchange, request)
        if incoming.status == NOT_READY:
            await incoming.aclose()
            raise ConnectFailed("The student's server is not ready (status 503).")
        return incoming
