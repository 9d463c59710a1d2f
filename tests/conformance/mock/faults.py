"""The ways in which the mock provider fails, each by a name that ends a model's name: `gpt-4o-fault-cut`.

Knows no API: it is given the answer that would have been sent, and spoils the sending.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .http import Teller

MARK = "-fault-"
PAUSE_S = 0.3
FAILURES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
FAILURES |= {
    409: "conflict",
    422: "unprocessable",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded",
}
STORM = (429, 503, 500, 429)


@dataclass(frozen=True, kw_only=True)
class Due:
    """An answer as it should be sent: whole, or in pieces."""

    pieces: tuple[bytes, ...]
    streamed: bool
    headers: dict[str, str]
    times: int = 1  # that this very request has been seen, this time included

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


async def well(due: Due, out: Teller) -> None:
    """Send it as it should be."""
    if not due.streamed:
        await out.whole(200, due.body, due.headers)
        return
    await out.head(200, {**due.headers, "transfer-encoding": "chunked"})
    for piece in due.pieces:
        await out.chunk(piece)
    await out.last()


async def refuse(status: int, due: Due, out: Teller, **headers: str) -> None:
    """Send an error that both APIs could send."""
    error = {
        "type": FAILURES[status],
        "message": f"The mock says {status}.",
        "param": None,
        "code": f"c{status}",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {**due.headers, "content-type": "application/json", **named}
    await out.whole(status, json.dumps({"type": "error", "error": error}).encode(), kept)


async def _twice(due: Due, out: Teller, status: int) -> None:
    if due.times <= 2:
        await refuse(status, due, out, retry_after_ms="5")
    else:
        await well(due, out)


async def _storm(due: Due, out: Teller) -> None:
    if due.times <= len(STORM):
        await refuse(STORM[due.times - 1], due, out, retry_after_ms="5")
    else:
        await well(due, out)


async def _begun(due: Due, out: Teller) -> None:
    """Send the head and half of the answer."""
    if due.streamed:
        await out.head(200, {**due.headers, "transfer-encoding": "chunked"})
        for piece in due.pieces[: len(due.pieces) // 2]:
            await out.chunk(piece)
    else:
        await out.head(200, {**due.headers, "content-length": str(len(due.body))})
        await out.raw(due.body[: len(due.body) // 2])


async def _cut(due: Due, out: Teller) -> None:
    await _begun(due, out)
    await asyncio.sleep(0.05)  # or the reset overtakes the bytes
    out.cut()


async def _half_closed(due: Due, out: Teller) -> None:
    await _begun(due, out)
    out.end_writing()


async def _hung(due: Due, out: Teller) -> None:
    await _begun(due, out)
    await out.left()
    out.reusable = False


async def _short(due: Due, out: Teller) -> None:
    half = due.pieces[: len(due.pieces) // 2] if due.streamed else (due.body[: len(due.body) // 2],)
    await well(Due(pieces=half, streamed=due.streamed, headers=due.headers), out)


async def _trickle(due: Due, out: Teller) -> None:
    body = due.body
    await out.head(200, {**due.headers, "content-length": str(len(body))})
    for at in range(0, len(body), 97):
        await out.raw(body[at : at + 97])
        await asyncio.sleep(0.001)


async def _slow(due: Due, out: Teller) -> None:
    await asyncio.sleep(PAUSE_S)
    await well(due, out)


async def _until_close(due: Due, out: Teller) -> None:
    await out.head(200, {**due.headers, "connection": "close"})
    await out.raw(due.body)
    out.end_writing()


async def _garbage(due: Due, out: Teller) -> None:
    await out.whole(200, b"<html>Bad gateway</html>", {**due.headers, "content-type": "text/html"})


async def _no_http(due: Due, out: Teller) -> None:
    await out.raw(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    out.end_writing()


async def _wrong_encoding(due: Due, out: Teller) -> None:
    await well(
        Due(pieces=due.pieces, streamed=due.streamed, headers={**due.headers, "content-encoding": "gzip"}),
        out,
    )


async def _gzip(due: Due, out: Teller) -> None:
    packed = (gzip.compress(due.body, mtime=0),)
    headers = {**due.headers, "content-encoding": "gzip"}
    await well(Due(pieces=packed, streamed=due.streamed, headers=headers), out)


async def _no_unicode(due: Due, out: Teller) -> None:
    pieces = tuple(piece.replace("é".encode(), b"\xe9") for piece in due.pieces)
    await well(Due(pieces=pieces, streamed=due.streamed, headers=due.headers), out)


async def _error_event(due: Due, out: Teller) -> None:
    error = {"message": "overloaded", "type": "server_error", "param": None, "code": "overloaded"}
    said = (*due.pieces[: len(due.pieces) // 2], b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
    await well(Due(pieces=said, streamed=due.streamed, headers=due.headers), out)


async def _comments(due: Due, out: Teller) -> None:
    said = tuple(b": still here\n\n" + piece.replace(b"\n", b"\r\n") for piece in due.pieces)
    await well(
        Due(pieces=said if due.streamed else due.pieces, streamed=due.streamed, headers=due.headers), out
    )


async def _empty(due: Due, out: Teller) -> None:
    await out.whole(200, b"", due.headers)


async def _silent(due: Due, out: Teller) -> None:
    await out.left()
    out.reusable = False


Fault = Callable[[Due, Teller], Awaitable[None]]


def _status(status: int, **headers: str) -> Fault:
    return lambda due, out: refuse(status, due, out, **headers)


def _times_two(status: int) -> Fault:
    return lambda due, out: _twice(due, out, status)


FAULTS: dict[str, Fault] = {
    **{str(status): _status(status, retry_after_ms="5") for status in FAILURES},
    "500-for-good": _status(500, x_should_retry="false"),
    "429-later": _status(429, retry_after="0.02"),
    "twice-429": _times_two(429),
    "twice-500": _times_two(500),
    "storm": _storm,
    "cut": _cut,
    "half-closed": _half_closed,
    "hung": _hung,
    "short": _short,
    "trickle": _trickle,
    "slow": _slow,
    "until-close": _until_close,
    "garbage": _garbage,
    "no-http": _no_http,
    "wrong-encoding": _wrong_encoding,
    "gzip": _gzip,
    "no-unicode": _no_unicode,
    "error-event": _error_event,
    "comments": _comments,
    "empty": _empty,
    "silent": _silent,
}
