"""Compares the scores of what is served with those of what was trained. Pure: knows no endpoint.

The trainer answers the held-out prompts greedily in full precision, the endpoint from quantised weights. Where
two tokens are nearly as likely they may differ, in either direction; a wrong template, export or program makes
the endpoint *worse*. So answers that differ are an error of the set-up only when they are one-sidedly worse
(sign test: Dixon and Mood, 1946).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

SHARE = 0.98  # of the prompts score the same where nothing is wrong and the student is sure
WORSE_P = 0.01  # of the sign test, below which the endpoint is worse than the trainer's weights
_EQUAL = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How the endpoint scores against the trainer, on the prompts that both have a score for."""

    prompts: int
    worse: int  # the endpoint scored lower
    better: int

    @property
    def share(self) -> float:
        """The share of prompts with the same score."""
        return 1.0 - (self.worse + self.better) / self.prompts

    @property
    def p_worse(self) -> float:
        """The chance of so many worse among those that differ, were worse and better equally likely."""
        n = self.worse + self.better
        return sum(comb(n, k) for k in range(self.worse, n + 1)) / float(2**n)

    @property
    def broken(self) -> bool:
        """Whether what is served is not what was trained."""
        return self.share < SHARE and self.p_worse < WORSE_P


def compare(trained: Mapping[str, float | None], served: Mapping[str, float | None]) -> Parity | None:
    """Compare scores by call id; None where no call has both."""
    pairs = [(trained[call], served[call]) for call in trained.keys() & served.keys()]
    gaps = [b - a for a, b in pairs if a is not None and b is not None]
    if not gaps:
        return None
    return Parity(
        prompts=len(gaps), worse=sum(gap < -_EQUAL for gap in gaps), better=sum(gap > _EQUAL for gap in gaps)
    )
