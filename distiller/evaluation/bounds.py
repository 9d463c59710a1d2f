"""The one-sided lower bound of a mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from statistics import NormalDist, fmean, stdev


def lower_bound(values: Sequence[float], level: float = 0.8) -> float:
    """Return mean - t(level, n - 1) * s / sqrt(n): Student's one-sided bound; -inf for fewer than two.

    (Student, "The probable error of a mean", Biometrika 1908; any textbook, e.g. Casella and Berger,
    Statistical Inference, 9.2.) The values must be independent: one per conversation.
    """
    n = len(values)
    if n < 2:  # noqa: PLR2004 - a spread needs two
        return -inf
    return fmean(values) - t_quantile(level, n - 1) * stdev(values) / sqrt(n)


def upper_bound(values: Sequence[float], level: float) -> float:
    """Return the mirror image of `lower_bound`; inf for fewer than two."""
    return -lower_bound([-value for value in values], level)


def t_quantile(level: float, freedom: int) -> float:
    """Return the quantile of Student's t by its expansion about the normal's.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5, first three terms: the error at
    level .8 is below .001 from 5 degrees of freedom on.
    """
    z = NormalDist().inv_cdf(level)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
