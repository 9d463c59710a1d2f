"""Notices that the wall clock was set. Pure; knows no retention, only two clocks.

What is thrown away or sealed by age must not follow a clock that jumped: a date in the future makes every
call old. So a jump of more than an hour holds such work back for a day of the other clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

JUMP_S = 3600.0
HOLD_S = 86_400.0


def steady() -> float:
    """Give seconds since this machine started, sleep included where the system tells: a clock nobody sets."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Both clocks at one look, and what is held back; kept over a restart of the process."""

    boot: str = ""  # which start of the machine the steady clock counts from
    wall: float = 0.0
    steady: float = 0.0
    jumped_s: float = 0.0  # how far the wall clock jumped the last time, either way
    held_until: float | None = None  # on the steady clock


class Jumps:
    """Looks at both clocks, as often as you like. `last` is the reading of an earlier process, if there is one."""

    def __init__(
        self,
        boot: str,
        last: Reading | None = None,
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = steady,
    ) -> None:
        self._boot = boot
        self._wall = wall
        self._clock = clock
        self.reading = self._begun(last)

    @property
    def held(self) -> bool:
        """Whether work by age waits."""
        until = self.reading.held_until
        return until is not None and self._clock() < until

    def look(self) -> bool:
        """Compare the clocks; True where the wall clock has jumped since the last look."""
        last, wall, now = self.reading, self._wall(), self._clock()
        jumped = (wall - last.wall) - (now - last.steady)
        self.reading = replace(last, wall=wall, steady=now)
        if abs(jumped) <= JUMP_S:
            return False
        self.reading = replace(self.reading, jumped_s=jumped, held_until=now + HOLD_S)
        return True

    def _begun(self, last: Reading | None) -> Reading:
        """Go on from an earlier reading. After a restart of the machine only a clock set back can be seen."""
        wall, now = self._wall(), self._clock()
        if last is None:
            return Reading(boot=self._boot, wall=wall, steady=now)
        if last.boot == self._boot:
            return last
        until = now + HOLD_S if last.held_until is not None and last.steady < last.held_until else None
        begun = replace(last, boot=self._boot, wall=wall, steady=now, held_until=until)
        if last.wall - wall > JUMP_S:
            begun = replace(begun, jumped_s=wall - last.wall, held_until=now + HOLD_S)
        return begun
