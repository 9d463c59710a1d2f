"""How long to wait before a child is started again. Pure."""

from __future__ import annotations

FIRST_S = 0.2
LONGEST_S = 15.0
SETTLED_S = 30.0


def failures_after(failures: int, lived_s: float) -> int:
    """Count one more failure; a child that lived long starts the count anew."""
    return 1 if lived_s >= SETTLED_S else failures + 1


def delay(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, bounded."""
    return float(min(LONGEST_S, FIRST_S * 2 ** min(max(failures - 1, 0), 16)))
