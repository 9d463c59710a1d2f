"""Answers of our own over ASGI. Knows no upstream."""

from __future__ import annotations

import msgspec

from gateway.errors import Refusal
from gateway.inbound import Send

Pairs = list[tuple[bytes, bytes]]


async def reply(
    send: Send, status: int, body: bytes, *, headers: Pairs | None = None, kind: str = "application/json"
) -> None:
    """Send a whole answer."""
    fixed = of_body(body, kind)
    await send({"type": "http.response.start", "status": status, "headers": fixed + (headers or [])})
    await send({"type": "http.response.body", "body": body})


def of_body(body: bytes, kind: str = "application/json") -> Pairs:
    """Give the headers of a whole body."""
    return [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]


async def refuse(
    send: Send, refusal: Refusal, *, call_id: str | None = None, anthropic: bool = False
) -> None:
    """Send a refusal in OpenAI's error shape, or in Anthropic's."""
    headers = refusal_headers(refusal, call_id)
    await reply(send, refusal.status, refusal.body(anthropic=anthropic), headers=headers)


def refusal_headers(refusal: Refusal, call_id: str | None = None) -> Pairs:
    """Give the headers of a refusal, beside those of its body."""
    return [*refusal.headers(), *([(b"x-stillhouse-call-id", call_id.encode())] if call_id else [])]


def event(surface: str, refusal: Refusal) -> bytes:
    """Give a refusal as the event of a stream of `surface` that SDKs raise as an error."""
    if surface == "messages":
        return b"event: error\ndata: " + refusal.body(anthropic=True) + b"\n\n"
    if surface == "responses":
        told = {"type": "error", "code": refusal.code, "message": refusal.message, "param": refusal.param}
        return b"event: error\ndata: " + msgspec.json.encode({**told, "sequence_number": 0}) + b"\n\n"
    return b"data: " + refusal.body() + b"\n\n"
