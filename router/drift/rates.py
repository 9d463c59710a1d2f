"""Whether something has become more frequent than it was in a reference, looked at for ever. Knows no call.

The claim is that a later indicator has a mean of at most `ceiling`: the greatest rate that the reference allows, or
its own rate with a tolerance, whichever is more. Under the claim each bet's factor has an expectation of at most 1,
so the Shiryaev-Roberts detector of `router.betting` alarms within N indicators with a chance of at most N / A; the
reference's bound adds the chance that it was given. Indicators are taken to be independent of one another.

Sources: Hoeffding, "Probability inequalities for sums of bounded random variables" (1963), theorem 1, for the bound
of a rate in its relative-entropy form; the rest as in `router.betting`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from router import betting

_LOWEST = 1e-6
_HIGHEST = 1.0 - 1e-6
_STEPS = 50  # bisections: far below float noise
_START = (-math.inf,) * betting.BETS


def upper(hits: float, n: int, chance: float) -> float:
    """Give the rate that lies above the true mean of n independent values in [0, 1] but for `chance`.

    `hits` is their sum. sup{q : n KL(hits / n, q) <= ln(1 / chance)}; 1 where nothing was seen.
    """
    if n == 0:
        return 1.0
    rate, room = hits / n, math.log(1.0 / chance) / n
    low, high = rate, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _entropy(rate, middle) <= room else (low, middle)
    return high


def ceiling(hits: float, n: int, *, chance: float, tolerance: float) -> float:
    """Give the greatest mean that a later indicator may have without a finding, in (0, 1)."""
    own = hits / n if n else 1.0
    return min(_HIGHEST, max(_LOWEST, upper(hits, n, chance), own + tolerance))


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """A detector of one indicator: log R_j of each bet, and what it has seen."""

    log_r: tuple[float, ...] = _START
    n: int = 0
    hits: float = 0.0

    @property
    def log_wealth(self) -> float:
        """The log of the mean R_j."""
        return float(betting.wealth(np.asarray(self.log_r)))

    def after(self, values: Sequence[float], most: float) -> Alarm:
        """Give the detector after further indicators in [0, 1], in order, against a mean of at most `most`."""
        if not values:
            return self
        log_r = np.asarray(self.log_r)
        for step in betting.factors(np.asarray(values), most):
            log_r = np.logaddexp(log_r, 0.0) + step
        return replace(
            self,
            log_r=tuple(log_r.tolist()),
            n=self.n + len(values),
            hits=self.hits + float(sum(values)),
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; infinity is null."""
        return {"log_r": [None if math.isinf(r) else r for r in self.log_r], "n": self.n, "hits": self.hits}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alarm:
        """Restore what `to_json` gave."""
        log_r = tuple(-math.inf if r is None else r for r in data["log_r"])
        return cls(log_r=log_r, n=data["n"], hits=data["hits"])


NEW = Alarm()


def _entropy(p: float, q: float) -> float:
    """Give KL(p, q) of two coins, in nats."""
    if q <= p:
        return 0.0
    if q >= 1.0:
        return math.inf
    first = p * math.log(p / q) if p > 0 else 0.0
    return first + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 else 0.0)
