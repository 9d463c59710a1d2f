"""What is assumed of a teacher and a student: how their scores differ, pair by pair. Knows no rollout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from router.betting import SCALE, Floats
from router.errors import PolicyError
from router.figures import Flags
from router.streams.gold import LEAST, bound

CORRELATION = 0.5  # of the errors of student and teacher: an equal student disagrees on 9% of calls at .90


class Shape(StrEnum):
    """How a difference of means comes about."""

    ERRORS = "errors"  # each is right or wrong, their errors are correlated
    LOSSES = "losses"  # the same answer, but for calls that the student alone loses
    RARE = "rare"  # a little worse on nearly every call, wholly wrong on a few


OTHERS = ("length:short", "length:medium", "length:long", "length:huge")
"""Slices of a second dimension, of equal size and no matter. They come first as a rule, and so have more of alpha."""

_EVERYWHERE = 2 / 3  # of RARE's difference lies on nearly every call, the rest on the few


@dataclass(frozen=True, kw_only=True, slots=True)
class Weakness:
    """A slice of the calls on which the student is worse than elsewhere. Raises PolicyError for no share."""

    share: float  # of the calls, by chance
    gap: float  # there, in shadow as when serving
    name: str = "tools:weak"
    other: str = "tools:usual"  # the slice of all other calls

    def __post_init__(self) -> None:
        """Refuse what is no part."""
        if not 0.0 < self.share < 1.0:
            raise PolicyError(
                f"a slice must be more than 0 and less than all of the calls, not {self.share:g}."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A student beside a teacher. Gaps are differences of mean scores, student less teacher.

    Raises PolicyError for means outside 0 to 1.
    """

    gap: float  # while the student shadows
    live: float | None = None  # while it serves; None: the same
    teacher: float = 0.90
    correlation: float = CORRELATION
    shape: Shape = Shape.ERRORS
    weakness: Weakness | None = None
    judge: float = (
        1.0  # chance that what scores sees a difference as people do; else it is lenient and sees none
    )
    gold: float = 0.0  # of the pairs, the share that people look at as well, which corrects it

    def __post_init__(self) -> None:
        """Refuse what no teacher and student could be."""
        if not 0.0 < self.teacher < 1.0:
            raise PolicyError(f"the teacher's score must be between 0 and 1, not {self.teacher:g}.")
        for gap in (self.gap, self.served, self.gap if self.weakness is None else self.weakness.gap):
            if not 0.0 <= self.teacher + gap <= 1.0:
                raise PolicyError(
                    f"a student {100 * gap:+g} points from a teacher of {100 * self.teacher:g} cannot be."
                )
        if not 0.0 <= self.correlation < 1.0:
            raise PolicyError(
                f"the correlation of errors must be from 0 to below 1, not {self.correlation:g}."
            )
        if not 0.0 <= self.judge <= 1.0:
            raise PolicyError(f"how often a judge agrees must be between 0 and 1, not {self.judge:g}.")
        if not (self.gold == 0.0 or LEAST <= self.gold <= 1.0):
            raise PolicyError(
                f"the share of gold labels must be 0 or between {LEAST:g} and 1, not {self.gold:g}."
            )

    @property
    def scale(self) -> float:
        """B of the test: D is psi / B where people correct a judge (`router.streams.gold`)."""
        return bound(self.gold)

    @property
    def served(self) -> float:
        """The gap while the student serves."""
        return self.gap if self.live is None else self.live

    @property
    def disagreement(self) -> float:
        """The share of calls on which the two scores differ, while the student shadows."""
        lost, won = self._odds(self.gap)
        return lost + won

    def differences(self, rng: np.random.Generator, served: Flags, weak: Flags | None = None) -> Floats:
        """Draw D for pairs, of which those flagged were served by the student, or are of its weakness.

        Multiples of 1/1000 where nobody corrects what a judge says, and on the scale of that correction else.
        """
        return self._judged(rng, self._said(rng, served, weak))

    def _judged(self, rng: np.random.Generator, said: Floats) -> Floats:
        """Give what is compared of what people would say: the judge's word for it, corrected where they were asked."""
        if self.judge == 1.0 and self.gold in {0.0, 1.0}:
            return said
        judged: Floats = np.where(rng.random(len(said)) < self.judge, said, 0.0)
        if not self.gold:
            return judged
        asked = rng.random(len(said)) < self.gold
        psi: Floats = judged + np.where(asked, (said - judged) / self.gold, 0.0)
        return psi / self.scale

    def _said(self, rng: np.random.Generator, served: Flags, weak: Flags | None) -> Floats:
        u = rng.random(len(served))
        d: Floats = np.where(served, self._drawn(u, self.served), self._drawn(u, self.gap))
        if self.weakness is None or weak is None:
            return d
        there: Floats = np.where(weak, self._drawn(u, self.weakness.gap), d)
        return there

    def weakly(self, rng: np.random.Generator, calls: int) -> Flags:
        """Draw which calls are of the student's weakness."""
        if self.weakness is None:
            return np.zeros(calls, dtype=np.bool_)
        flags: Flags = rng.random(calls) < self.weakness.share
        return flags

    def slices(self, rng: np.random.Generator, weak: Flags) -> list[tuple[str, ...]]:
        """Draw the slices of calls, of which those flagged are of its weakness; none where it has no weakness."""
        if (w := self.weakness) is None:
            return [()] * len(weak)
        others = rng.integers(len(OTHERS), size=len(weak)).tolist()
        return [
            (w.name if one else w.other, OTHERS[at]) for one, at in zip(weak.tolist(), others, strict=True)
        ]

    def _drawn(self, u: Floats, gap: float) -> Floats:
        lost, won = self._odds(gap)
        usual = _usual(gap) if self.shape == Shape.RARE else 0.0
        d: Floats = np.where(u < lost, -1.0, np.where(u >= 1.0 - won, 1.0, usual))
        return d

    def _odds(self, gap: float) -> tuple[float, float]:
        """Give the chances of D = -1 and of D = +1."""
        if self.shape == Shape.LOSSES:
            return max(0.0, -gap), max(0.0, gap)
        if self.shape == Shape.RARE:
            usual = _usual(gap)
            return max(0.0, (usual - gap) / (1.0 + usual)), 0.0
        wrong_t, wrong_s = 1.0 - self.teacher, 1.0 - self.teacher - gap
        spread = math.sqrt(wrong_t * (1 - wrong_t) * wrong_s * (1 - wrong_s))
        both = min(wrong_t, wrong_s, wrong_t * wrong_s + self.correlation * spread)
        return wrong_s - both, wrong_t - both


def _usual(gap: float) -> float:
    """Give what RARE loses on nearly every call."""
    return math.ceil(_EVERYWHERE * gap * SCALE) / SCALE if gap < 0 else gap
