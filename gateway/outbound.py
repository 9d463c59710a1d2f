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
    fixed = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fixed + (headers or [])})
    await send({"type": "http.response.body", "body": body})


async def refuse(
    send: Send, refusal: Refusal, *, call_id: str | None = None, anthropic: bool = False
) -> None:
    """Send a refusal in OpenAI's error shape, or in Anthropic's."""
    headers = refusal.headers()
    if call_id:
        headers.append((b"x-stillhouse-call-id", call_id.encode()))
    await reply(send, refusal.status, refusal.body(anthropic=anthropic), headers=headers)


def event(surface: str, refusal: Refusal) -> bytes:
    """Give a refusal as the event of a stream of `surface` that SDKs raise as an error."""
    if surface == "messages":
        return b"event: error\ndata: " + refusal.body(anthropic=True) + b"\n\n"
    if surface == "responses":
        told = {"type": "error", "code": refusal.code, "message": refusal.message, "param": refusal.param}
        return b"event: error\ndata: " + msgspec.json.encode({**told, "sequence_number": 0}) + b"\n\n"
    return b"data: " + refusal.body() + b"\n\n"
