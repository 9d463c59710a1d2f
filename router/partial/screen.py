"""Whether a student that is refused as a whole may be tried on a part. Knows no live evidence.

A screen only: it is made from the calls that the confidence was calibrated on, and promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router import words
from store.vocabulary import Evaluation, Verdict

LEAST_KEPT = 0.2
"""A student that may keep less than this is not worth its server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hope:
    """A threshold that did well on held-out calls."""

    threshold: float
    kept: float  # share of the calls that the student would have kept
    mean: float  # of D' over all of them

    def words(self, n: int) -> str:
        """Say it."""
        return (
            f"sure of {self.kept:.0%} of {n} held-out calls, what the app would have received was "
            f"{words.points(self.mean)} to the teacher"
        )


def hopeful(evaluation: Evaluation | None, delta: float, screen_n: int) -> Hope | None:
    """Give the loosest candidate that keeps a fifth of the held-out calls within the margin, or None.

    Read of `detail["partial"]`: a list of `{"threshold", "kept", "mean"}`, strictest first.
    """
    if evaluation is None or evaluation.verdict == Verdict.ERROR or evaluation.n < screen_n:
        return None
    candidates: Sequence[Mapping[str, Any]] = evaluation.detail.get("partial") or ()
    found = None
    for one in candidates:
        if one["mean"] < -delta:
            break
        found = Hope(threshold=one["threshold"], kept=one["kept"], mean=one["mean"])
    return found if found is not None and found.kept >= LEAST_KEPT else None
