"""Leaves out what says nothing new: a conversation's further calls, and repeats of one request. Knows no test."""

from __future__ import annotations

from collections import deque

REACH = 100  # units within which one counts once


class Once:
    """Remembers the latest units of one stream. The same rule for a reference and for what is compared with it."""

    def __init__(self) -> None:
        self._latest: deque[str] = deque(maxlen=REACH)

    def counts(self, unit: str) -> bool:
        """Say whether a call of this unit counts, and remember it. A call without a unit is one of its own."""
        if unit and unit in self._latest:
            return False
        self._latest.append(unit)
        return True
