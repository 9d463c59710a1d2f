"""Answers of our own over ASGI. Knows no upstream."""

from __future__ import annotations

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
    headers = [(b"x-stillhouse-call-id", call_id.encode())] if call_id else []
    await reply(send, refusal.status, refusal.body(anthropic=anthropic), headers=headers)
