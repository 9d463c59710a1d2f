"""What a team asks before it dares, and the figures that answer it. Knows no sentence and no log."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from router.errors import PolicyError
from router.figures import spend
from router.settings import STEPS, RolloutPolicy
from router.simulation.course import Leg, Run, play
from router.simulation.world import World
from store.vocabulary import State

_DAY_S = 86_400.0
_Z = 1.96  # of a 95% interval


class Spread(NamedTuple):
    """A median with what nine of ten runs stay below."""

    median: float
    p90: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """US dollars for one call; None where nobody knows it."""

    teacher: float | None = None
    student: float | None = None
    judge: float | None = None  # of one answer judged; None: no judge, or nobody knows


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A team's traffic, student and policy. Raises PolicyError for traffic that no rollout could run on."""

    world: World
    policy: RolloutPolicy
    calls_per_day: float
    prices: Prices = field(default_factory=Prices)
    runs: int = 200
    margin_runs: int = 2000  # of a student exactly at the margin
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if not self.calls_per_day > 0:
            raise PolicyError(f"calls a day must be more than 0, not {self.calls_per_day:g}.")
        if self.runs < 1 or self.margin_runs < 1:
            raise PolicyError("there must be at least one run.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """How often a student exactly at the margin got through."""

    runs: int
    left_shadow: float  # share that passed the first gate
    full: float  # share that reached full share
    upper: float  # of the 95% interval of that share
    bound: float  # what the test guarantees for this trial: alpha_k


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step among the runs that reached full share: medians."""

    step: State
    days: float
    calls: int
    pairs: int
    served: int  # of the pairs, by the student


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the runs gave. Spreads are over the runs that reached full share; None where none did."""

    runs: int
    full: float  # shares of the runs
    rolled_back: float
    inconclusive: float
    causes: dict[str, int]  # of the roll-backs
    days: Spread | None
    calls: Spread | None
    pairs: Spread | None
    served: Spread | None  # pairs that the student served
    gold: Spread | None  # labels that a person gives
    usd: Spread | None  # of shadow, reverse shadow and judge together
    usd_teacher: Spread | None  # the teacher's answers beside the student's
    usd_student: Spread | None  # the student's answers beside the teacher's
    usd_judge: Spread | None
    saved_usd: Spread | None  # by what the student served meanwhile; less than 0 where it costs more
    unpriced: tuple[str, ...]  # whose price is not known, and not in these sums
    steps: tuple[Step, ...]
    ended: Spread | None  # calls until the rollout was rolled back or given up
    wrong: Wrong


def answer(question: Question, said: Callable[[int, int], None] = lambda _done, _of: None) -> Answer:
    """Play the runs and count. `said` hears how many of how many are done."""
    q, of = question, question.runs + question.margin_runs
    runs = []
    for i in range(q.runs):
        runs.append(play(q.world, q.policy, q.seed * 1_000_003 + i))
        said(i + 1, of)
    margin = replace(q.world, gap=-q.policy.delta, live=None)
    at_margin = []
    for i in range(q.margin_runs):
        at_margin.append(play(margin, q.policy, q.seed * 2_000_003 + i))
        said(q.runs + i + 1, of)
    full = [run for run in runs if run.state == State.FULL]
    back = [run for run in runs if run.state == State.ROLLING_BACK]
    money = [_money(run, q.prices) for run in full]
    return Answer(
        runs=q.runs,
        full=len(full) / q.runs,
        rolled_back=len(back) / q.runs,
        inconclusive=sum(run.state == State.INCONCLUSIVE for run in runs) / q.runs,
        causes=dict(Counter(run.causes[-1] for run in back)),
        days=spread([sum(_days(leg, q) for leg in run.legs.values()) for run in full]),
        calls=spread([run.calls for run in full]),
        pairs=spread([run.pairs for run in full]),
        served=spread([run.served for run in full]),
        gold=spread([math.ceil(2 * run.pairs * q.world.gold) for run in full]) if q.world.gold else None,
        usd=spread([m.spent for m in money]),
        usd_teacher=spread([m.teacher for m in money]),
        usd_student=spread([m.student for m in money]),
        usd_judge=spread([m.judge for m in money]),
        saved_usd=spread([m.saved for m in money]),
        unpriced=tuple(name for name in ("teacher", "student") if getattr(q.prices, name) is None),
        steps=tuple(_step(step, full, q) for step in STEPS) if full else (),
        ended=spread([run.calls for run in runs if run.state in {State.ROLLING_BACK, State.INCONCLUSIVE}]),
        wrong=_wrong(at_margin, q.policy),
    )


def spread(values: Sequence[float]) -> Spread | None:
    """Give median and 90th percentile, or None of nothing."""
    if not values:
        return None
    return Spread(median=float(np.median(values)), p90=float(np.percentile(values, 90)))


@dataclass(frozen=True, slots=True)
class _Money:
    teacher: float
    student: float
    judge: float
    saved: float

    @property
    def spent(self) -> float:
        return self.teacher + self.student + self.judge


def _money(run: Run, prices: Prices) -> _Money:
    teacher, student, judge = prices.teacher or 0.0, prices.student or 0.0, prices.judge or 0.0
    known = prices.teacher is not None and prices.student is not None
    by_student = sum(leg.by_student for leg in run.legs.values())
    return _Money(
        teacher=run.served * teacher,
        student=(run.pairs - run.served) * student,
        judge=2 * run.pairs * judge,
        saved=by_student * (teacher - student) if known else 0.0,
    )


def _days(leg: Leg, q: Question) -> float:
    """Give how long a step lasts: its traffic, the day's shadow money, its least time, whichever is longest.

    An unknown price counts for the day's money as it does in a rollout.
    """
    unknown, prices = q.policy.unknown_usd_per_call, q.prices
    student = unknown if prices.student is None else prices.student
    teacher = unknown if prices.teacher is None else prices.teacher
    usd, daily = (leg.pairs - leg.served) * student + leg.served * teacher, q.policy.shadow_usd_per_day
    money = usd / daily if daily > 0 else (math.inf if leg.pairs else 0.0)
    return max(leg.calls / q.calls_per_day, money, q.policy.dwell_s / _DAY_S)


def _step(step: State, full: Sequence[Run], q: Question) -> Step:
    legs = [run.legs[step] for run in full]
    return Step(
        step=step,
        days=float(np.median([_days(leg, q) for leg in legs])),
        calls=int(np.median([leg.calls for leg in legs])),
        pairs=int(np.median([leg.pairs for leg in legs])),
        served=int(np.median([leg.served for leg in legs])),
    )


def _wrong(runs: Sequence[Run], policy: RolloutPolicy) -> Wrong:
    n, full = len(runs), sum(run.state == State.FULL for run in runs)
    return Wrong(
        runs=n,
        left_shadow=sum(run.left_shadow for run in runs) / n,
        full=full / n,
        upper=_upper(full, n),
        bound=spend(policy.alpha, 1),
    )


def _upper(k: int, n: int) -> float:
    """Give the upper end of Wilson's 95% interval of k out of n."""
    p, z2 = k / n, _Z * _Z
    return (p + z2 / (2 * n) + _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
