"""When a segment is rolled and a tally is due. Pure; knows neither, only the seconds of a steady clock.

The times given must come from one clock that is never set: a wall clock that jumps would roll at once or never.
"""

from __future__ import annotations


class Pace:
    """The two deadlines of one writer, in seconds of its clock."""

    def __init__(self, *, roll_s: float, tally_s: float) -> None:
        self._roll_s = roll_s
        self._tally_s = tally_s
        self._begun: float | None = None  # when the open segment got its first frame
        self._changed: float | None = None  # when something was counted that no tally says yet

    @property
    def changed(self) -> bool:
        """Whether something was counted since the last tally."""
        return self._changed is not None

    @property
    def idle(self) -> bool:
        """Whether one of its deadlines is not set: a record sets it."""
        return self._begun is None or self._changed is None

    def framed(self, now: float) -> None:
        """Note that the open segment got a frame."""
        if self._begun is None:
            self._begun = now

    def appended(self, now: float) -> None:
        """Note that a record was kept in the open segment."""
        self.framed(now)
        self.counted(now)

    def counted(self, now: float) -> None:
        """Note that a record was kept or lost."""
        if self._changed is None:
            self._changed = now

    def rolled(self) -> None:
        """Note that the open segment is a new one."""
        self._begun = None

    def tallied(self) -> None:
        """Note that a tally says all that was counted."""
        self._changed = None

    def put_off_roll(self, now: float) -> None:
        """Begin the segment's time anew: it could not be rolled."""
        self._begun = None if self._begun is None else now

    def put_off_tally(self, now: float) -> None:
        """Begin the tally's time anew: it could not be written."""
        self._changed = None if self._changed is None else now

    def roll_due(self, now: float) -> bool:
        """Whether the open segment is old enough."""
        return self._begun is not None and now >= self._begun + self._roll_s

    def tally_due(self, now: float) -> bool:
        """Whether what was counted has waited long enough."""
        return self._changed is not None and now >= self._changed + self._tally_s

    def wait_s(self, now: float) -> float | None:
        """Give the seconds until the next of the two is due, None while neither will be."""
        begun = None if self._begun is None else self._begun + self._roll_s
        changed = None if self._changed is None else self._changed + self._tally_s
        due = [moment for moment in (begun, changed) if moment is not None]
        return max(0.0, min(due) - now) if due else None
