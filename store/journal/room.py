"""How much of the disk the journal may take. Knows all writers' segments by their bytes only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from store.journal.segment import folder_bytes

_log = logging.getLogger(__name__)
_MEASURE_S = 0.25  # how old a measurement of the folder may be once it is nearly full


class Room:
    """The bound for all segments of a folder together: a measurement, and what this writer added since."""

    def __init__(self, folder: Path, max_bytes: int, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._clock = clock
        self._measured = 0
        self._since = 0  # bytes that this writer appended after the measurement
        self._measured_at = clock() - _MEASURE_S

    def fits(self, size: int, share: float) -> bool:
        """Whether `size` more bytes stay within a share of the bound; measures again before it says no."""
        bound = self._max_bytes * share
        if self._measured + self._since + size <= bound:
            return True
        if self._clock() - self._measured_at < _MEASURE_S:
            return False
        self._measure()
        return self._measured + self._since + size <= bound

    def took(self, size: int) -> None:
        """Note that this writer appended."""
        self._since += size

    def refresh(self) -> None:
        """Measure, unless that was done a moment ago."""
        if self._clock() - self._measured_at > 4 * _MEASURE_S:
            self._measure()

    def _measure(self) -> None:
        self._measured_at = self._clock()
        try:
            self._measured, self._since = folder_bytes(self._folder), 0
        except OSError as error:
            _log.warning("the journal's folder cannot be measured: %s", error)
