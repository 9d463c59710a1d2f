"""What a task's students save, net of everything that they cost. Pure.

A price is the mean of what was billed, cached tokens at their own rate: the log has it of each attempt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.log.views import RoleCost

DAY_S = 86_400.0
HOUR_S = 3600.0
_SERVED = ("serve", "fallback", "failover")
_PAIRED = ("shadow", "reverse_shadow")
_RECENT_DAYS = 7.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What students took beside prices a call: seconds of this machine, and dollars of others'."""

    serving_s: float = 0.0  # of servers, busy and idle
    training_s: float = 0.0
    training_usd: float = 0.0  # billed by others: a training service, models that rewrote prompts
    judge_usd: float = 0.0
    days: float = 0.0  # since the first student was served; at most seven count for the rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Savings:
    """US dollars. None: not known, because no teacher's call has a price."""

    teacher_usd: float | None  # of one call
    student_usd: float  # of one call
    answered: int  # by students
    gross_usd: float | None  # answered calls at the difference of the two
    pairs_usd: float
    deferred: int  # calls that students gave up to the teacher
    deferred_usd: float  # what their answers cost all the same
    judge_usd: float
    training_usd: float
    serving_usd: float
    net_usd: float | None
    net_usd_day: float | None  # at the rate of the last seven days, one-time costs left out
    break_even_days: float | None  # from now; 0: reached; None: never at this rate, or not known

    @property
    def words(self) -> str:
        """One sentence."""
        if self.net_usd is None or self.net_usd_day is None:
            return "what the teacher costs is not known: set prices for its model"
        if self.answered == 0:
            return f"no call was answered by a student yet; trying has cost ${abs(self.net_usd):,.2f}"
        if self.break_even_days == 0:
            return f"${self.net_usd:,.2f} saved net so far, ${self.net_usd_day:,.2f} more each day"
        if self.break_even_days is None:
            return f"${abs(self.net_usd):,.2f} short of break-even, and not nearer at today's rate (${self.net_usd_day:,.2f} a day)"
        return f"${abs(self.net_usd):,.2f} short of break-even, reached in {self.break_even_days:.1f} days at today's rate"


def savings(spent: Iterable[RoleCost], served: Served, *, usd_per_hour: float = 0.0) -> Savings:
    """Sum up a task. `usd_per_hour`: of this machine, while it trains or keeps a student loaded."""
    rows = list(spent)
    teacher = _mean(row for row in rows if row.who == "teacher" and row.role in _SERVED)
    mine = [row for row in rows if row.who == "student" and row.role == "serve"]
    student = _mean(mine) or 0.0
    answered, recent = sum(row.attempts for row in mine), sum(row.recent for row in mine)
    pairs = sum(row.usd for row in rows if row.role in _PAIRED)
    given_up = [row for row in rows if row.role == "deferred"]
    deferred = sum(row.usd for row in given_up)
    training = served.training_s / HOUR_S * usd_per_hour + served.training_usd
    serving = served.serving_s / HOUR_S * usd_per_hour
    gross = None if teacher is None else answered * (teacher - student)
    net = None if gross is None else gross - pairs - deferred - served.judge_usd - training - serving
    rate = None if teacher is None else _rate(recent * (teacher - student), pairs + deferred, serving, served)
    return Savings(
        teacher_usd=teacher,
        student_usd=student,
        answered=answered,
        gross_usd=gross,
        pairs_usd=pairs,
        deferred=sum(row.attempts for row in given_up),
        deferred_usd=deferred,
        judge_usd=served.judge_usd,
        training_usd=training,
        serving_usd=serving,
        net_usd=net,
        net_usd_day=rate,
        break_even_days=_break_even(net, rate),
    )


def _mean(rows: Iterable[RoleCost]) -> float | None:
    found = list(rows)
    priced = sum(row.priced for row in found)
    return sum(row.usd for row in found) / priced if priced else None


def _rate(recent_usd: float, pairs: float, serving: float, served: Served) -> float:
    """Return what a day brings: the last week's answers, less a day's share of what goes on costing."""
    if served.days <= 0:
        return 0.0
    return recent_usd / min(served.days, _RECENT_DAYS) - (pairs + served.judge_usd + serving) / served.days


def _break_even(net: float | None, rate: float | None) -> float | None:
    if net is None or rate is None:
        return None
    if net >= 0:
        return 0.0
    return -net / rate if rate > 0 else None
