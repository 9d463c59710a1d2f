"""What a failure of an upstream allows. Pure; knows no connection and no other upstream.

Another try must never be a second bill that nobody sees: only what cannot have been answered is tried again.
"""

from __future__ import annotations

from gateway import headers as head
from gateway.attempt import Exchange
from gateway.capture.reading import is_stream
from gateway.upstream.port import ConnectFailed, Incoming, UpstreamCut, UpstreamError
from store.vocabulary import Outcome

MOST = 64 * 1024  # bytes of a refusal that is held back while another upstream is asked
_BUSY = 429
_BROKEN = 500


def refuses(incoming: Incoming) -> bool:
    """Tell from an answer's head whether it refuses the call in a way that another upstream need not."""
    if incoming.status != _BUSY and incoming.status < _BROKEN:
        return False
    if (head.value(incoming.headers, b"x-should-retry") or "").strip().lower() == "false":
        return False
    if is_stream(head.value(incoming.headers, b"content-type") or ""):
        return False
    return (head.number(incoming.headers, b"content-length") or 0) <= MOST


def unseen(exchange: Exchange, error: UpstreamError) -> bool:
    """Tell whether an exchange ended before its upstream answered at all. Who is late may still answer."""
    return isinstance(error, ConnectFailed) or (isinstance(error, UpstreamCut) and not exchange.status)


def well(exchange: Exchange, *, own: bool) -> bool | None:
    """Tell whether an upstream did what it is there for; None where the exchange does not say.

    `own`: the caller's own credential went along, whose limits are the caller's.
    """
    if exchange.recorded in (None, Outcome.CLIENT_ABORT):
        return None
    if exchange.recorded in (Outcome.TIMEOUT, Outcome.UPSTREAM_CUT) or not exchange.status:
        return False
    if exchange.status == _BUSY:
        return None if own else False
    return exchange.status < _BROKEN
