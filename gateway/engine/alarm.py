"""A deadline that moves with every message, at the price of an attribute. Knows not what it is for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Calls `ring` when its time has come. A timer of the loop is made again only where it would ring too late."""

    __slots__ = ("_due", "_handle", "_loop", "_ring", "_wakes")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._due = math.inf
        self._wakes = math.inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due: float) -> None:
        """Ring at `due`, in seconds of the loop's clock, and not at the time set before."""
        self._due = due
        if due < self._wakes:
            self._arm(due)

    def clear(self) -> None:
        """Do not ring."""
        self._due = math.inf

    def stop(self) -> None:
        """Do not ring, and leave nothing in the loop."""
        self.clear()
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._wakes = None, math.inf

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._wakes = due
        self._handle = self._loop.call_at(due, self._woken)

    def _woken(self) -> None:
        self._handle, self._wakes = None, math.inf
        if self._due > self._loop.time():
            if self._due < math.inf:
                self._arm(self._due)
            return
        self.clear()
        self._ring()
