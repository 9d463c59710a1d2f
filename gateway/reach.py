"""Which students could not be reached a moment ago. In memory, one per worker; knows no request.

A server that is starting again refuses connections for about a second, and refusing is quick: without this a
worker would burn through hundreds of calls, each a failure of the student, while nothing is wrong with its
answers. So one failure rests the student for `rest_s`; the calls of that time are the teacher's, undrawn.
A student that stays away still fails once a rest, which the breaker sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Reach:
    """Remembers, by base URL, until when a student rests."""

    def __init__(self, rest_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_s = rest_s
        self._clock = clock
        self._until: dict[str, float] = {}

    def lost(self, base_url: str) -> None:
        """Note that a student's server was not there, or left in the middle."""
        self._until[base_url.rstrip("/")] = self._clock() + self._rest_s

    def away(self, base_url: str) -> bool:
        """Say whether a student rests."""
        return self._until.get(base_url.rstrip("/"), 0.0) > self._clock()
