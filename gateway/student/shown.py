"""The headers of a student's answer. Pure."""

from __future__ import annotations

from gateway.attempt import Exchange
from gateway.teacher import ours

_REQUEST_ID = {"messages": b"request-id"}


def headers_of(exchange: Exchange) -> list[tuple[bytes, bytes]]:
    """Give ours, and the id that SDKs show as the request's: a student's server gives none."""
    name = _REQUEST_ID.get(exchange.call.surface, b"x-request-id")
    return [*ours(exchange, "student"), (name, exchange.call.call_id.encode())]
