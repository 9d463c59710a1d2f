"""The usage of a stream, asked for in the app's place and taken out again. Pure; knows no connection.

The app sees the stream that it asked for: no `usage` member, and no chunk that holds nothing else. All other
bytes stay as they came.
"""

from __future__ import annotations

import re

from gateway import canonical, surgery
from gateway.capture import sse

_LINE = re.compile(rb"(?m)^data: ?(\{[^\r\n]*\})[ \t]*(?:\r\n|\n|\r)")
_MEMBER = b'"usage"'


def asked_for(body: bytes) -> bytes:
    """Give a streamed chat request with `stream_options.include_usage`; the same bytes where it has that.

    Options of a wrong type stay as well: the upstream will say so.
    """
    spans = [span for span in surgery.members(body) if span.key == "stream_options"]
    text = body[spans[-1].value : spans[-1].end] if spans else b"null"
    options = canonical.loads(text)
    if options is None:
        text = b'{"include_usage":true}'
    elif isinstance(options, dict) and options.get("include_usage") is not True:
        text = surgery.edit(text, replace={"include_usage": b"true"})
    else:
        return body
    return surgery.edit(body, replace={"stream_options": text})


class Stripping:
    """Takes usage out of a stream as it comes, block by block."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, piece: bytes) -> bytes:
        """Take a piece; give what is whole by now."""
        blocks, self._rest = sse.split(self._rest + piece)
        return b"".join(_stripped(block) for block in blocks)

    def rest(self) -> bytes:
        """Give what no blank line ended."""
        rest, self._rest = self._rest, b""
        return rest


def _stripped(block: bytes) -> bytes:
    if _MEMBER not in block:
        return block
    kept = _LINE.sub(_line, block)
    return kept if kept.strip() else b""


def _line(match: re.Match[bytes]) -> bytes:
    try:
        chunk = canonical.loads(match[1])
    except (ValueError, RecursionError):
        return match[0]
    if not isinstance(chunk, dict) or "choices" not in chunk or "usage" not in chunk:
        return match[0]
    if chunk["choices"] == [] and chunk["usage"] is not None:
        return b""
    return match[0].replace(match[1], surgery.edit(match[1], drop=("usage",)))
