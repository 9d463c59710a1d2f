"""A request head that leaves no question: what may be answered in callbacks. Pure; knows no body and no path's meaning.

Whatever has anything else about it (chunks, expectations, upgrades, two lengths, another version) is for the server
that reads all of HTTP; so this refuses nothing, and accepts nothing that two readers may read in two ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from gateway.engine import fields
from gateway.engine.fields import Malformed
from gateway.inbound import Inbound

BEGINNING = b"POST /"
MOST = 64 * 1024  # bytes of a head
_LINE = re.compile(rb"POST (/[\x21\x22\x24-\x7e]*) HTTP/1\.1\r\n")  # no fragment
_LENGTH = re.compile(rb"[0-9]{1,18}")
_OTHERWISE = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
_CONNECTION = {b"close": False, b"keep-alive": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Simple:
    """A POST whose body has a length."""

    request: Inbound = field(repr=False)
    length: int
    keep_alive: bool


def read(head: bytes) -> Simple | None:
    """Read a head, its empty line included; None where it is not simple."""
    line = _LINE.match(head)
    if line is None:
        return None
    try:
        headers = fields.read(head)
    except Malformed:
        return None
    said = dict(headers)  # of the last, where there are several
    length, connection = said.get(b"content-length"), said.get(b"connection")
    keep_alive = True if connection is None else _CONNECTION.get(connection.lower())
    if length is None or keep_alive is None or not _OTHERWISE.isdisjoint(said):
        return None
    if len(said) != len(headers) and _twice(headers):
        return None
    if _LENGTH.fullmatch(length) is None:
        return None
    target = line[1].decode("ascii")
    path = target.partition("?")[0]
    request = Inbound(method="POST", path=unquote(path), target=target, headers=headers)
    return Simple(request=request, length=int(length), keep_alive=keep_alive)


def _twice(headers: tuple[tuple[bytes, bytes], ...]) -> bool:
    names = [name for name, _ in headers]
    return names.count(b"content-length") > 1 or names.count(b"connection") > 1
