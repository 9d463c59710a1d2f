"""Fits what a student's log-probabilities are worth, on held-out calls. Pure; knows no endpoint and no rollout.

Platt, "Probabilistic outputs for support vector machines" (1999), with his smoothed targets, on the log-odds of the
answer's probability: two numbers, which a few hundred calls can carry, and an order that is kept, so that a threshold
can fall anywhere. (Isotonic fitting makes steps: on a few hundred calls most surer answers come to be equally sure.)
Whether the tokens' log-probabilities are added up or averaged is what fits better: by the log loss of the fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.confidence import MEAN, SUM, Told, confidence, log_odds, logistic
from store.vocabulary import Calibration

LEAST = 50  # calls
_SHARES = tuple(share / 100 for share in range(20, 100, 5))  # of the calls, kept by the candidates
_STEPS = 50
_RIDGE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """A held-out call that was answered and scored on both sides."""

    said: Told
    student: float
    teacher: float

    @property
    def right(self) -> bool:
        """Whether the student's answer was no worse."""
        return self.student >= self.teacher


def calibrate(answered: Sequence[Answered]) -> Calibration | None:
    """Fit a calibration; None on too few calls, or where surer answers are not right more often."""
    if len(answered) < LEAST:
        return None
    fits = [fit for form in (SUM, MEAN) if (fit := _fit(answered, form)).slope > 0]
    if not fits:
        return None
    best = min(fits, key=lambda fit: fit.loss)
    bare = Calibration(form=best.form, slope=best.slope, intercept=best.intercept, n=len(answered))
    sure = sorted((c for one in answered if (c := confidence(one.said, bare)) is not None), reverse=True)
    kept = [sure[max(1, round(share * len(sure))) - 1] for share in _SHARES]
    return Calibration(
        form=bare.form,
        slope=bare.slope,
        intercept=bare.intercept,
        n=bare.n,
        thresholds=tuple(dict.fromkeys(kept)),
    )


def candidates(answered: Sequence[Answered], unsure: int, calibration: Calibration) -> list[dict[str, Any]]:
    """Give `threshold`, `kept` and `mean` (of D as the app would receive it) for each, strictest first.

    `unsure`: calls without a confidence, which the teacher would have answered.
    """
    n = len(answered) + unsure
    found = []
    for threshold in calibration.thresholds:
        kept = [one for one in answered if (confidence(one.said, calibration) or 0.0) >= threshold]
        lost = math.fsum(one.student - one.teacher for one in kept)
        found.append({"threshold": threshold, "kept": len(kept) / n, "mean": lost / n})
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    form: str
    slope: float
    intercept: float
    loss: float  # mean -log p, nats


def _fit(answered: Sequence[Answered], form: str) -> _Fit:
    """Fit slope and intercept by Newton's method, halving a step that does not help."""
    xs = [log_odds(one.said, form) for one in answered]
    right = sum(one.right for one in answered)
    high, low = (right + 1) / (right + 2), 1 / (len(answered) - right + 2)
    ys = [high if one.right else low for one in answered]
    slope, intercept = 0.0, math.log((right + 1) / (len(answered) - right + 1))
    loss = _loss(xs, ys, slope, intercept)
    for _ in range(_STEPS):
        ps = [logistic(slope * x + intercept) for x in xs]
        off = [p - y for p, y in zip(ps, ys, strict=True)]
        ws = [p * (1 - p) for p in ps]
        a = math.fsum(w * x * x for w, x in zip(ws, xs, strict=True)) + _RIDGE
        b = math.fsum(w * x for w, x in zip(ws, xs, strict=True))
        c = math.fsum(ws) + _RIDGE
        g, h = math.fsum(o * x for o, x in zip(off, xs, strict=True)), math.fsum(off)
        step = (c * g - b * h) / (a * c - b * b), (a * h - b * g) / (a * c - b * b)
        size = 1.0
        while size > _RIDGE and _loss(xs, ys, slope - size * step[0], intercept - size * step[1]) >= loss:
            size /= 2
        if size <= _RIDGE:
            break
        slope, intercept = slope - size * step[0], intercept - size * step[1]
        loss = _loss(xs, ys, slope, intercept)
    return _Fit(form=form, slope=slope, intercept=intercept, loss=loss)


def _loss(xs: Sequence[float], ys: Sequence[float], slope: float, intercept: float) -> float:
    zs = [slope * x + intercept for x in xs]
    return math.fsum(_softplus(z) - y * z for z, y in zip(zs, ys, strict=True)) / len(xs)


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))
