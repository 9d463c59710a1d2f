"""A request as an upstream receives it: where it goes, and the bytes of its head. Pure; knows no connection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.engine import fields
from gateway.engine.fields import Malformed
from gateway.upstream.port import Headers, Outgoing

_PORTS = {"http": 80, "https": 443}
_METHOD = re.compile(r"[A-Z]+")
_URL = re.compile(r"[^\x00-\x20\x7f#]*")  # what the library would pass over in silence, or cut off
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})  # their length is said also where it is 0


class Origin(NamedTuple):
    """A server, as far as connections to it are interchangeable."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What of a URL stays the same from call to call."""

    origin: Origin
    path: bytes
    host: bytes  # as the header says it


@dataclass(frozen=True, kw_only=True, slots=True)
class Framing:
    """How a streamed body is delimited: by its length, or in chunks where that is None."""

    length: int | None


@lru_cache(maxsize=1024)
def aim(base: str) -> Aim:
    """Read a URL without its query. Raises `Malformed`."""
    parts = urlsplit(base)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in _PORTS or not parts.hostname or port == -1:
        raise Malformed("The URL names no server.")
    usual = _PORTS[parts.scheme]
    named = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    host = named if port in (None, usual) else f"{named}:{port}"
    return Aim(
        origin=Origin(host=parts.hostname, port=port or usual, tls=parts.scheme == "https"),
        path=parts.path.encode("latin-1", "replace") or b"/",
        host=host.encode("idna") if not host.isascii() else host.encode(),
    )


def framing(request: Outgoing) -> Framing | None:
    """Say how a body that comes in pieces is delimited; None for one that is whole. Raises `Malformed`."""
    if isinstance(request.body, bytes):
        return None
    said = [text for name, text in request.headers if name == b"content-length"]
    if not said:
        return Framing(length=None)
    if len(said) > 1 or not said[0].isdigit():
        raise Malformed("The length of the body is malformed.")
    return Framing(length=int(said[0]))


def head(request: Outgoing, *, frame: Framing | None) -> bytes:
    """Give the head, with host and framing. Raises `Malformed`."""
    return _begun(request.method, request.url, request.headers) + _delimited(request, frame) + b"\r\n"


@lru_cache(maxsize=256)
def _begun(method: str, url: str, headers: Headers) -> bytes:
    base, asked, query = url.partition("?")
    at = aim(base)
    target = at.path + b"?" + query.encode("latin-1", "replace") if asked else at.path
    if _URL.fullmatch(url) is None or _METHOD.fullmatch(method) is None:
        raise Malformed("The method or the target is malformed.")
    first = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method.encode(), target, at.host)
    return first + fields.written(headers)


def _delimited(request: Outgoing, frame: Framing | None) -> bytes:
    if frame is not None:  # a length that is known is among the headers
        return b"transfer-encoding: chunked\r\n" if frame.length is None else b""
    if request.body or request.method in _WITH_BODY:
        return b"content-length: %d\r\n" % len(request.body)  # type: ignore[arg-type]
    return b""
