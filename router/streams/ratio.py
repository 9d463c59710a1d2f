"""Whether units fall to the student as often as was published. Knows no answer, no score and no route.

A unit of conversation is the student's with probability `share`, by a hash. Where the counts say otherwise,
records are lost, units are not what they seem, or gateways route by something else: then the compared calls
are not the calls that were drawn, and no comparison means what it says. Units are counted, not calls: all
calls of a conversation go the same way.

Source: Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022): the ratio of a
Dirichlet (here beta) mixture to the published share is a martingale while the share holds, so P(it ever
reaches 1/alpha) <= alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

CONCENTRATION = 100.0
"""Weight of the mixture's beta prior about the share: as if so many units had been seen there."""

GROUPS = 5
"""Steps at which both answer: 1%, 5%, 25%, 50%, FULL. They share the budget."""


class Assigned(NamedTuple):
    """The units of one step and share whose route the draw decided."""

    step: str
    share: float  # published, in (0, 1)
    student: int
    teacher: int

    @property
    def units(self) -> int:
        """All of them."""
        return self.student + self.teacher


def log_evidence(seen: Assigned) -> float:
    """Give the log of the mixture martingale against "a unit is the student's with probability `share`"."""
    if not 0.0 < seen.share < 1.0 or not seen.units:
        return 0.0
    a, b = CONCENTRATION * seen.share, CONCENTRATION * (1.0 - seen.share)
    mixed = _log_beta(a + seen.student, b + seen.teacher) - _log_beta(a, b)
    return mixed - seen.student * math.log(seen.share) - seen.teacher * math.log1p(-seen.share)


def threshold(alpha: float, groups: int) -> float:
    """Give the log evidence at which a group alarms; `alpha` is the chance that any of them ever does in error."""
    return math.log(max(GROUPS, groups) / alpha)


def mismatch(counts: Sequence[Assigned], alpha: float) -> Assigned | None:
    """Give the group that contradicts its share the most, or None where none does beyond chance."""
    worst = max(counts, key=log_evidence, default=None)
    if worst is None or log_evidence(worst) < threshold(alpha, len(counts)):
        return None
    return worst


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
