"""The grammar of header fields (RFC 9110, 5.5 and 5.6.2), without what it calls obsolete. Pure; knows no message.

Nothing here quotes what it refuses: it may be a credential.
"""

from __future__ import annotations

import re

from gateway.upstream.port import Headers

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VISIBLE = rb"[^\x00-\x20\x7f]"
_VALUE = rb"(?:" + _VISIBLE + rb"(?:[^\x00-\x08\x0a-\x1f\x7f]*" + _VISIBLE + rb")?)?"
_READ = re.compile(rb"(?<=\n)(" + _TOKEN + rb"):[ \t]*(" + _VALUE + rb")[ \t]*\r\n")
_WRITTEN = re.compile(rb"(?:" + _TOKEN + rb": " + _VALUE + rb"\r\n)*")


class Malformed(ValueError):  # noqa: N818
    """Bytes that are no HTTP/1.1, or some that two readers may read in two ways."""


def read(head: bytes) -> Headers:
    """Give the fields of a head, which is a first line, fields and an empty line. Raises `Malformed`."""
    found = _READ.findall(head)
    # Each field is one whole line, so these are all of them, and no line ends in another way.
    lines = len(found) + 2
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise Malformed("A header field is malformed.")
    return tuple([(name.lower(), value) for name, value in found])


def written(headers: Headers) -> bytes:
    """Give fields as they are sent. Raises `Malformed`."""
    block = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    if block.count(b"\n") != len(headers) or _WRITTEN.fullmatch(block) is None:
        raise Malformed("A header field is malformed.")
    return block
