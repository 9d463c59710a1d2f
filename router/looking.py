"""Seconds of looking: time that goes on only while somebody looks. It neither goes back nor jumps. Knows no clock."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_S = 10.0
"""A look counts for no more waiting than this, whatever the clock says."""


@dataclass(slots=True)
class Looking:
    """The time that one looker has looked."""

    seconds: float = 0.0
    last: float | None = None  # what the clock said

    def look(self, now: float) -> float:
        """Look again at `now` (seconds of any clock); give the seconds so far."""
        if self.last is not None:
            self.seconds += min(max(0.0, now - self.last), LONGEST_S)
        self.last = now
        return self.seconds
