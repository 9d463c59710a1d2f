"""A student's answer in the shape that the app expects. Pure; knows no connection.

The app finds the model that it asked for in `model`, as SDKs check it; who answered stands in the header
`x-stillhouse-route`. Members that only the local server adds are taken out. All else stays byte for byte.
"""

from __future__ import annotations

import re

from gateway import canonical, surgery
from gateway.capture import sse

_OURS = ("timings", "__verbose", "tokens_evaluated", "tokens_predicted", "generation_settings")
_DATA = re.compile(rb"(?m)^data: ?(\{.*\})[ \t]*(\r?)$")


def completion(body: bytes, model: str) -> bytes:
    """Rewrite a completion object; bytes that are none stay as they are."""
    try:
        if not isinstance(canonical.loads(body), dict):
            return body
    except (ValueError, RecursionError):
        return body
    return surgery.edit(body, replace={"model": canonical.dumps(model)}, drop=_OURS)


def stream(body: bytes, model: str) -> bytes:
    """Rewrite the completion chunks in whole event blocks."""
    return _DATA.sub(lambda m: b"data: " + _chunk(m.group(1), model) + m.group(2), body)


def _chunk(data: bytes, model: str) -> bytes:
    try:
        value = canonical.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(value, dict) or "choices" not in value:
        return data
    return surgery.edit(data, replace={"model": canonical.dumps(model)}, drop=_OURS)


class Streaming:
    """Rewrites a stream as it comes, block by block."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._rest = b""

    def add(self, piece: bytes) -> bytes:
        """Take a piece; give what is whole by now."""
        blocks, self._rest = sse.split(self._rest + piece)
        return stream(b"".join(blocks), self._model)

    def rest(self) -> bytes:
        """Give what no blank line ended."""
        rest, self._rest = self._rest, b""
        return stream(rest, self._model)
