"""What people found of a judge: gold labels beside its scores. Pure: knows no log and no judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from distiller.evaluation.bounds import t_quantile

_LEVEL = 0.975  # of each side of a 95% interval
_WORDS = {"good": 1.0, "bad": 0.0}
_FEW = 2  # labels without which nothing is known of the spread


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A judged answer that a person has labelled; values in [0, 1]."""

    judge: float
    gold: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Bias:
    """Judge less person over the labelled answers that were drawn for it."""

    n: int
    mean: float  # in [-1, 1]; above 0 the judge is lenient
    lower: float  # of the 95% interval (Student's t); -1 and 1 where n is too small to tell
    upper: float
    agreement: float  # share of answers on which both say passed, or both say not

    def words(self) -> str:
        """Return it as part of a sentence."""
        return (
            f"judge less person {self.mean:+.3f} (95%: {self.lower:+.3f} to {self.upper:+.3f}), "
            f"same verdict on {self.agreement:.0%} of {self.n} answers"
        )


def bias(labelled: Sequence[Labelled], threshold: float) -> Bias | None:
    """Return how the judge differs from people; None without a label. An answer passes from `threshold` on."""
    if not labelled:
        return None
    gaps = [one.judge - one.gold for one in labelled]
    mean, n = fmean(gaps), len(gaps)
    reach = t_quantile(_LEVEL, n - 1) * stdev(gaps) / sqrt(n) if n > _FEW else 2.0
    return Bias(
        n=n,
        mean=mean,
        lower=max(-1.0, mean - reach),
        upper=min(1.0, mean + reach),
        agreement=fmean((one.judge >= threshold) == (one.gold >= threshold) for one in labelled),
    )


def value_of(label: str) -> float:
    """Return what a person's label is worth: good, bad, or a number from 0 to 1. Raises ValueError with a sentence."""
    try:
        value = _WORDS[label] if label in _WORDS else float(label)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"The label {label!r} is none of good, bad or a number from 0 to 1.")
    return value
