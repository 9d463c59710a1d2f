"""The head that an app sends again and again on one connection, but for the length of the body. Pure; knows no body.

What was read and judged of it holds for its next request, too: who calls, and what becomes of its headers.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.engine.front import Admitted

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})(?=[ \t]*\r\n)", re.IGNORECASE)
_DIGITS: Final = 18


class Known:
    """A head that was admitted, around its content-length."""

    __slots__ = ("_after", "_before", "admitted", "keep_alive")

    def __init__(self, head: bytes, admitted: Admitted, *, keep_alive: bool) -> None:
        """`head` has exactly one content-length, of digits."""
        self.admitted = admitted
        self.keep_alive = keep_alive
        start, end = _place(head)
        self._before, self._after = head[:start], head[end:]

    def length(self, head: bytes) -> int | None:
        """Give the length that a head says which is this one otherwise; None where it is another."""
        if not (head.startswith(self._before) and head.endswith(self._after)):
            return None
        digits = head[len(self._before) : len(head) - len(self._after)]
        return int(digits) if digits.isdigit() and len(digits) <= _DIGITS else None


def _place(head: bytes) -> tuple[int, int]:
    found = _LENGTH.search(head)
    return found.span(1) if found else (len(head), len(head))
