"""What one worker sent, counted beside its journal. Knows no record and no answer.

Held against what the journal kept and lost, it shows an exchange of which nobody wrote down how it ended:
sent + unsent = kept + lost + in flight, at any moment of the event loop.
"""

from __future__ import annotations

from typing import Protocol

from gateway.upstream.port import Incoming, Outgoing, Transport


class Sendable(Protocol):
    """An exchange, as far as it is counted."""

    @property
    def attempt_id(self) -> str:
        """Its name in the journal."""

    sent: bool  # a request of it went to the transport


class Accounts:
    """Counts exchanges since the worker started."""

    def __init__(self) -> None:
        self.sent = 0  # exchanges of which a request went to the transport
        self.unsent = 0  # recorded though nothing was sent: no pair could be made, no place was free
        self._open: set[str] = set()  # attempt ids: sent, and neither recorded nor let go

    @property
    def in_flight(self) -> int:
        """Exchanges whose outcome is still to come."""
        return len(self._open)

    async def send(self, transport: Transport, exchange: Sendable, request: Outgoing) -> Incoming:
        """Send a request of an exchange, which counts once however often it is tried. Raises `UpstreamError`."""
        self.begun(exchange)
        return await transport.send(request)

    def begun(self, exchange: Sendable) -> None:
        """Note that a request of an exchange goes out."""
        if not exchange.sent:
            exchange.sent = True
            self.sent += 1
            self._open.add(exchange.attempt_id)

    def recorded(self, exchange: Sendable) -> None:
        """Note that an exchange's outcome goes to the journal."""
        if not exchange.sent:
            self.unsent += 1
        self._open.discard(exchange.attempt_id)

    def let_go(self, exchange: Sendable) -> None:
        """Note that nobody works on an exchange any more: what was not recorded now is missing for good."""
        self._open.discard(exchange.attempt_id)
