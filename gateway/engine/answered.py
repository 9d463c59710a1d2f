"""The head of an upstream's answer. Pure; knows no connection and no body."""

from __future__ import annotations

import re

import msgspec

from gateway.engine import fields
from gateway.engine.fields import Malformed
from gateway.upstream.port import Headers

MOST = 64 * 1024  # bytes of a head
_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_SWITCHED = 101
_FINAL = 200
_BODILESS = (204, 304)
_PERSISTENT = b"HTTP/1.1 "
_FRAMING = frozenset({b"transfer-encoding", b"connection", b"proxy-connection", b"upgrade"})
_DIGITS = 18


class Head(msgspec.Struct, frozen=True):
    """What an answer says before its body."""

    status: int
    headers: Headers
    bodiless: bool  # whatever its length says
    length: int | None = (
        None  # of the body, where nothing else delimits it and the connection stays open after it
    )

    @property
    def interim(self) -> bool:
        """Whether the answer is still to come."""
        return self.status < _FINAL


def read(head: bytes, *, of_head: bool) -> Head:
    """Read a head, its empty line included. `of_head`: a HEAD request was sent. Raises `Malformed`.

    llhttp refuses what makes a length ambiguous. Other codings of the transfer than chunked are refused here: we say
    in no request that we could undo them.
    """
    first = _LINE.match(head)
    if first is None:
        raise Malformed("The status line is malformed.")
    status = int(first[1])
    if status == _SWITCHED:
        raise Malformed("It switched protocols, which nobody had asked for.")
    headers = fields.read(head)
    said = dict(headers)
    coding = said.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or _times(headers, b"transfer-encoding") > 1):
        raise Malformed("The transfer coding is not chunked.")
    bodiless = of_head or status in _BODILESS
    return Head(status, headers, bodiless, None if bodiless else _length(head, headers, said))


def _length(head: bytes, headers: Headers, said: dict[bytes, bytes]) -> int | None:
    text = said.get(b"content-length")
    if text is None or not head.startswith(_PERSISTENT) or not _FRAMING.isdisjoint(said):
        return None
    if len(said) != len(headers) and _times(headers, b"content-length") > 1:
        return None
    return int(text) if text.isdigit() and len(text) <= _DIGITS else None


def _times(headers: Headers, name: bytes) -> int:
    return sum(said == name for said, _ in headers)
