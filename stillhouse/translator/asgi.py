"""The few ASGI messages that the translator reads and sends. Knows no provider."""

from __future__ import annotations

from gateway.inbound import Receive, Send
from stillhouse.translator.failures import Failure

Headers = tuple[tuple[bytes, bytes], ...]
_MOST = 64 << 20  # bytes of a request


async def body(receive: Receive) -> bytes | None:
    """Read the request; None where the other side hung up. What is too long is no JSON: nothing is given of it."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        given = message.get("body", b"")
        if size + len(given) <= _MOST:
            parts.append(given)
        size += len(given)
        if not message.get("more_body", False):
            return b"".join(parts) if size <= _MOST else b""


async def gone(receive: Receive) -> None:
    """Wait until the other side hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def fail(send: Send, failure: Failure) -> None:
    """Answer with an error."""
    await whole(send, failure.status, failure.body, failure.headers)


async def whole(send: Send, status: int, said: bytes, headers: Headers = ()) -> None:
    """Answer with JSON."""
    length = (b"content-length", str(len(said)).encode())
    await start(send, status, ((b"content-type", b"application/json"), length, *headers))
    await piece(send, said, more=False)


async def start(send: Send, status: int, headers: Headers) -> None:
    """Send the head of an answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def piece(send: Send, said: bytes, *, more: bool = True) -> None:
    """Send a piece of its body."""
    await send({"type": "http.response.body", "body": said, "more_body": more})


async def lifespan(receive: Receive, send: Send) -> None:
    """Take part in the server's start and end."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
