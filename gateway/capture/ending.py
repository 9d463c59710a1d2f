"""The end of a stream, seen while it passes. Knows no JSON and keeps a few bytes only."""

from __future__ import annotations

import re

from gateway.capture import messages, responses

_BLANK = re.compile(rb"\n\n|\r\n\r\n|\r\r")
_WINDOW = 64  # bytes: longer than any mark
_DONE = re.compile(rb"[\r\n]data: ?\[DONE\]")


def _named(ends: tuple[str, ...]) -> re.Pattern[bytes]:
    names = b"|".join(re.escape(name.encode()) for name in ends)
    return re.compile(rb"[\r\n]event: ?(?:" + names + rb")[ \t]*[\r\n]")


_MARKS = {"messages": _named(messages.ENDS), "responses": _named(responses.ENDS)}


class Ending:
    """Watches one stream. Where its last event has data, the end is the blank line after it."""

    def __init__(self, surface: str) -> None:
        self._mark = _MARKS.get(surface, _DONE)
        self._whole = surface in _MARKS
        self._marked = False
        self._tail = b"\n"

    def came_with(self, piece: bytes) -> bool:
        """Tell whether the end is in this piece, or was before."""
        window = self._tail + piece
        self._tail = window[-_WINDOW:]
        if not self._marked:
            if b"[DONE]" not in window and not self._whole:  # the quicker look
                return False
            found = self._mark.search(window)
            if found is None:
                return False
            self._marked = True
            window = window[found.end() :]
            if self._whole:
                self._tail = window[-_WINDOW:]
        return not self._whole or _BLANK.search(window) is not None
