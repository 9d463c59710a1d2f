"""How sure a student is of an answer, from the log-probabilities that it was said with. Pure; knows no threshold.

One reading and one formula for all who use it: the evaluation that fits a calibration, and the gateway that applies it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.vocabulary import Calibration

SUM, MEAN = "sum", "mean"
_MOST = -1e-12  # a log-probability of 0 has no finite log-odds
_LEAST = -700.0  # exp of less is 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The log-probabilities of an answer's tokens, natural, in all."""

    total: float
    tokens: int


def told(completion: Mapping[str, Any] | None) -> Told | None:
    """Read a chat completion's first choice; None where it says no log-probabilities, or none that are numbers."""
    choices = (completion or {}).get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    said = first.get("logprobs") if isinstance(first, dict) else None
    tokens = said.get("content") if isinstance(said, dict) else None
    if not isinstance(tokens, list) or not tokens:
        return None
    said_of = [one.get("logprob") if isinstance(one, dict) else None for one in tokens]
    found = [float(one) for one in said_of if isinstance(one, int | float) and not math.isnan(one)]
    return Told(total=math.fsum(found), tokens=len(found)) if len(found) == len(tokens) else None


def log_odds(said: Told, form: str) -> float:
    """Give log(p / (1 - p)) of p = exp of the tokens' sum, or of their mean."""
    logp = said.total if form == SUM else said.total / said.tokens
    logp = min(_MOST, max(_LEAST, logp))
    return logp - math.log(-math.expm1(logp))


def confidence(said: Told | None, calibration: Calibration | None) -> float | None:
    """Give the calibrated chance that an answer is right, in [0, 1]; None where either is not known."""
    if said is None or calibration is None:
        return None
    return logistic(calibration.slope * log_odds(said, calibration.form) + calibration.intercept)


def logistic(x: float) -> float:
    """Give 1 / (1 + exp(-x)), without overflow."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
