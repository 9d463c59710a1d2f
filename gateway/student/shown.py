"""The headers of a student's answer. Pure."""

from __future__ import annotations

from gateway.attempt import Exchange
from gateway.teacher import ours
from gateway.upstream.port import Headers


def headers_of(exchange: Exchange, manners: Headers) -> list[tuple[bytes, bytes]]:
    """Give ours, what the teacher says with its answers, and the id that SDKs show as the request's."""
    told = [*ours(exchange, "student"), *manners]
    if exchange.call.surface == "messages":
        return [*told, (b"request-id", exchange.call.call_id.encode())]
    took = (b"openai-processing-ms", str(round(exchange.elapsed_ms())).encode())
    return [*told, took, (b"x-request-id", exchange.call.call_id.encode())]
