"""One HTTP request as it came in over ASGI. Knows no key and no wire format."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from gateway import codings, paths
from gateway import headers as head
from gateway.errors import ClientGone, Refusal
from gateway.paths import Address
from gateway.upstream.port import Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_OWS = b" \t"
_UNSENDABLE = re.compile(rb"[\0\n\v\f\r]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbound:
    """Method, path and headers. `path` is decoded, for the log; `target` is exact; `address` is what it names."""

    method: str
    path: str
    target: str = field(repr=False)  # raw path and query
    headers: Headers = field(repr=False)
    address: Address = field(init=False, repr=False)
    _last: dict[bytes, bytes] = field(init=False, repr=False, compare=False)  # of a name said twice, the last

    def __post_init__(self) -> None:
        """Find what the target names."""
        object.__setattr__(self, "address", paths.read(self.target))
        object.__setattr__(self, "_last", dict(self.headers))

    def header(self, name: bytes) -> str | None:
        """Give the last value of a header, as text."""
        found = self._last.get(name)
        return None if found is None else found.decode("latin-1")

    def without(self, name: bytes) -> Inbound:
        """Give the same request less a header."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name))

    @property
    def content_type(self) -> str:
        """What the app says that its body is, "" where it does not."""
        return self.header(b"content-type") or ""

    @property
    def anthropic(self) -> bool:
        """Whether it speaks Anthropic's API: its SDKs always say which version of it."""
        return b"anthropic-version" in self._last

    def number(self, name: bytes) -> int | None:
        """Give the last value of a header that is a whole number of at most 18 digits, else None."""
        return head.whole(self.header(name) or "")

    def plain(self) -> Inbound:
        """Give the same request for a body that is decoded."""
        return self.without(b"content-encoding")

    @property
    def length(self) -> int | None:
        """The content-length that the app announced."""
        return self.number(b"content-length")


def inbound(scope: Scope) -> Inbound:
    """Read an ASGI HTTP scope. The Host header plays no part."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope.get("query_string", b"")
    target = (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
    # Servers differ in whether they leave the optional whitespace; sent on, it breaks the request.
    headers = tuple((bytes(name).lower(), bytes(value).strip(_OWS)) for name, value in scope["headers"])
    return Inbound(
        method=scope.get("method", "GET"),  # a websocket's scope has none
        path=scope["path"],
        target=target,
        headers=headers,
    )


def check_headers(headers: Headers, *, most: int, most_bytes: int) -> None:
    """Refuse (400) a request with more headers than allowed, or with one that HTTP cannot carry on."""
    if len(headers) > most:
        raise Refusal(400, f"The request has more than {most} headers.", code="too_many_headers")
    if sum(len(name) + len(value) for name, value in headers) > most_bytes:
        raise Refusal(400, f"The request's headers exceed {most_bytes} bytes.", code="headers_too_large")
    if any(_UNSENDABLE.search(value) for _, value in headers):
        # Not which one, and nothing of it: it may be a credential.
        raise Refusal(400, "A header of the request holds a control character.", code="invalid_header")


class Upload:
    """A request's body as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = asyncio.Event()

    @property
    def done(self) -> bool:
        """Whether the app has sent all of it."""
        return self._ended.is_set()

    async def after(self) -> Message:
        """Give what comes after the body: the app's disconnect."""
        await self._ended.wait()
        return await self._receive()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the bytes that are still to come. Raises `ClientGone`."""
        while not self.done:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            if not message.get("more_body", False):
                self._ended.set()
            if message.get("body"):
                yield message["body"]

    async def prefix(self, limit: int) -> bytes:
        """Give the first bytes: at least `limit` of them, or all there are."""
        parts: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            parts.append(piece)
            size += len(piece)
            if size >= limit:
                break
        return b"".join(parts)


async def whole_body(request: Inbound, upload: Upload, limit: int) -> bytes:
    """Read a body as it was sent. Raises `Refusal` (413) above `limit` bytes, and `ClientGone`."""
    if (request.length or 0) > limit:
        raise _too_large(limit)
    body = await upload.prefix(limit + 1)
    if len(body) > limit:
        raise _too_large(limit)
    return body


def decoded(request: Inbound, body: bytes, limit: int) -> bytes:
    """Undo the body's content-encoding. Raises `Refusal` (400, 413 or 415)."""
    coding = head.listed(request.headers, b"content-encoding")
    if not coding:
        return body
    try:
        return codings.decode(body, coding, limit)
    except codings.BadCoding as error:
        text = f"The request body is not valid {coding[:40]}: {error}."
        raise Refusal(400, text, code="invalid_encoding") from error
    except codings.TooLong as error:
        raise _too_large(limit) from error
    except KeyError as error:
        text = (
            f"Content-Encoding {coding[:40]!r} is not supported; send one of: {', '.join(codings.known())}."
        )
        raise Refusal(415, text, code="unsupported_encoding") from error


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The request body exceeds {limit} bytes.", code="request_too_large")
