"""What a student can reach at most: how far the teacher agrees with itself. Pure: knows no log and no endpoint.

Where answers are scored by agreement with the teacher's, a teacher asked twice does not score 1 either. A student
is measured against that, not against 1; until it is measured, 1 is assumed, and said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean
from typing import TypeVar

from store.vocabulary import SelfAgreement

LEAST = 10  # answers without which nothing is known
_Z = NormalDist().inv_cdf(0.975)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """The score of a teacher under agreement with itself, in [0, 1]. `n` 0: not measured, 1 is assumed."""

    mean: float = 1.0
    n: int = 0
    lower: float = 0.0  # of the 95% interval
    upper: float = 1.0
    why: str = ""  # it was not measured

    def words(self) -> str:
        """Return it as part of a sentence."""
        if self.n:
            return f"the teacher agrees with itself {self.mean:.3f} (n={self.n}, 95%: {self.lower:.3f} to {self.upper:.3f})"
        because = f": {self.why}" if self.why else ""
        return f"the teacher's agreement with itself is not measured and taken as 1{because}"


def ceiling(measured: SelfAgreement | None) -> Ceiling:
    """Return what a measurement means; None for a task that has none."""
    if measured is None or measured.mean is None:
        return Ceiling(why=measured.why if measured else "")
    return Ceiling(mean=measured.mean, n=measured.n, lower=measured.lower, upper=measured.upper)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean of values in [0, 1] with its 95% interval."""

    mean: float
    lower: float
    upper: float


def interval(values: Sequence[float]) -> Interval:
    """Return Wilson's score interval about the mean of one or more values in [0, 1].

    Wilson (1927), for proportions; for values between it is too wide, never too narrow: their variance is less.
    """
    n, mean = len(values), min(1.0, max(0.0, fmean(values)))
    centre = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z / (1 + _Z**2 / n) * sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n**2))
    return Interval(
        mean=mean, lower=max(0.0, min(mean, centre - reach)), upper=min(1.0, max(mean, centre + reach))
    )


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, evenly spread over them, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]
