"""The head of an upstream's answer. Pure; knows no connection and no body."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.engine import fields
from gateway.engine.fields import Malformed
from gateway.upstream.port import Headers

MOST = 64 * 1024  # bytes of a head
_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_SWITCHED = 101
_FINAL = 200
_BODILESS = (204, 304)


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer says before its body."""

    status: int
    headers: Headers
    bodiless: bool  # whatever its length says

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
    codings = [text for name, text in headers if name == b"transfer-encoding"]
    if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
        raise Malformed("The transfer coding is not chunked.")
    return Head(status, headers, of_head or status in _BODILESS)
