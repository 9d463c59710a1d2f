"""An answer's bytes as they come, each noted in its exchange once. Knows no app."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway import headers as head
from gateway.attempt import Exchange
from gateway.upstream.port import Incoming

_OK = 200


class Source:
    """Gives an answer's pieces; those that were held back come first."""

    def __init__(self, exchange: Exchange, incoming: Incoming) -> None:
        self._exchange = exchange
        self._coming = incoming.pieces()
        self._held: list[bytes] = []

    @property
    def flows(self) -> bool:
        """Whether this is a stream of events whose bytes can be read as they come."""
        coding = (head.value(self._exchange.headers, b"content-encoding") or "identity").strip().lower()
        return self._exchange.status == _OK and self._exchange.streamed and coding == "identity"

    async def whole(self, most: int) -> bool:
        """Hold the answer back; False where it has more than `most` bytes. Raises `UpstreamError`."""
        async for piece in self._coming:
            self._exchange.take(piece)
            self._held.append(piece)
            if self._exchange.size > most:
                return False
        return True

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the pieces. Raises `UpstreamError`. Once only."""
        for piece in self._held:
            yield piece
        async for piece in self._coming:
            self._exchange.take(piece)
            yield piece
