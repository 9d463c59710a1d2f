"""Whether the teacher still answers a frozen set of requests as it did: a sequential test, pure. Knows no HTTP.

The set is asked again, a round a day. A teacher does not agree with itself always: the first rounds say how far
(their bound holds for this very set), and each later round is bet on against the claim that it agrees no less,
by `router.drift.rates`, on 1 - agreement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from router.decision import Cause, Finding
from router.drift.found import finding_json, finding_of
from router.drift.rates import NEW, Alarm, ceiling
from router.drift.settings import DriftPolicy

LEAST = 10  # answers without which a round says nothing
DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeWatch:
    """A frozen set of requests, and how the teacher has answered it since."""

    attempts: tuple[str, ...] = ()  # ids of the answers that are asked for again
    chosen: float = 0.0  # when; answers from before it began are of another teacher
    rounds: int = 0
    base_n: int = 0  # answers of the first rounds
    base_lost: float = 0.0  # sum of their disagreement with the first answers
    alarm: Alarm = NEW
    day: int = -1  # of the last round
    whole: bool = False  # that round was answered as far as its money could
    systems_seen: int = 0  # new system fingerprints that the rounds so far have answered
    last: float | None = None  # mean agreement of the last round
    found: Finding | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores an equal value."""
        names = (*("chosen", "rounds", "base_n", "base_lost", "day", "whole", "systems_seen", "last"),)
        return {
            **{name: getattr(self, name) for name in names},
            "attempts": list(self.attempts),
            "alarm": self.alarm.to_json(),
            "found": finding_json(self.found),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProbeWatch:
        """Restore what `to_json` gave; of nothing, the watch that begins."""
        if not data:
            return cls()
        return cls(
            **{
                **data,
                "attempts": tuple(data["attempts"]),
                "alarm": Alarm.from_json(data["alarm"]),
                "found": finding_of(data["found"]),
            }
        )


def due(watch: ProbeWatch, now: float, systems_seen: int, policy: DriftPolicy) -> bool:
    """Say whether a round is asked now: each day, at once while the first are missing or the teacher's system is new."""
    if watch.found is not None:
        return False
    first = watch.rounds < policy.probe_rounds and watch.whole
    return int(now // DAY_S) != watch.day or first or (systems_seen > watch.systems_seen and watch.whole)


def asked(watch: ProbeWatch, now: float, systems_seen: int) -> ProbeWatch:
    """Give the watch as it is written before a round is asked: a crash does not pay for it twice."""
    return replace(watch, day=int(now // DAY_S), whole=False, systems_seen=systems_seen)


def answered(watch: ProbeWatch, agreement: Sequence[float], policy: DriftPolicy) -> ProbeWatch:
    """Give the watch after a round; `agreement` in [0, 1] of the answers that came."""
    n = len(agreement)
    if n < LEAST:
        return watch
    lost = [1.0 - value for value in agreement]
    watch = replace(watch, whole=True, rounds=watch.rounds + 1, last=sum(agreement) / n)
    if watch.rounds <= policy.probe_rounds:
        return replace(watch, base_n=watch.base_n + n, base_lost=watch.base_lost + sum(lost))
    most = allowed(watch, policy)
    watch = replace(watch, alarm=watch.alarm.after(lost, most))
    return _changed(watch, most, policy) if watch.alarm.log_wealth >= math.log(policy.run_length) else watch


def allowed(watch: ProbeWatch, policy: DriftPolicy) -> float:
    """Give the greatest mean disagreement that the teacher's own explains."""
    return ceiling(watch.base_lost, watch.base_n, chance=policy.reference_alpha, tolerance=policy.tolerance)


def _changed(watch: ProbeWatch, most: float, policy: DriftPolicy) -> ProbeWatch:
    later = 1.0 - watch.alarm.hits / watch.alarm.n
    own = 1.0 - watch.base_lost / watch.base_n
    why = (
        f"The teacher is another one: asked again, it agrees {later:.2f} with its earlier answers over {watch.alarm.n} "
        f"probes, where it agreed {own:.2f} with itself (n={watch.base_n}; {1 - most:.2f} and more was expected)."
    )
    figures = {
        "agreement": later,
        "agreement_before": own,
        "agreement_allowed": 1.0 - most,
        "probes": watch.alarm.n,
        "log_wealth": watch.alarm.log_wealth,
        "log_threshold": math.log(policy.run_length),
    }
    found = Finding(cause=str(Cause.TEACHER_CHANGED), why=why, figures=figures, void="all")
    return replace(watch, found=found)
