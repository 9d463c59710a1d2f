"""Whether requests are still those that the student was tried on: a sequential test, pure. Knows no text and no log.

A classifier two-sample test by betting. What came before the rollout is parted in two: from one half and the
latest requests a classifier learns which requests look new; how often the other half, of which it knows nothing, looks
new to it bounds how often a later request may. Against that claim `router.drift.rates` bets on each later
request before the classifier learns from it. It learns anew from time to time, each time with a smaller part of the
chance that the bound is wrong, so that all of them together keep `reference_alpha`.

Within N requests a rollout whose inputs have not changed is alarmed with a chance of at most N / A + reference_alpha.
Requests are taken to be independent of one another; the latest of one conversation is left out (`router.drift.once`).

Sources: Podkopaev and Ramdas, "Sequential predictive two-sample and independence testing" (2023), for the bets of a
classifier that learns as it goes; those of `router.drift.rates` and `router.drift.telling`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.decision import Cause, Finding
from router.drift.found import finding_json, finding_of
from router.drift.rates import NEW, Alarm, ceiling
from router.drift.settings import DriftPolicy
from router.drift.telling import LINES

_LATEST = 100  # requests whose rate is told
_OVER = 200  # requests within what is allowed that end a finding
_ALL_PARTS = math.pi**2 / 6  # sum of 1 / m^2


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of the classifier: its detector, and what lay beyond it."""

    alarm: Alarm = NEW
    own: float = 0.0  # share of the reference beyond it
    ceiling: float = 1.0  # share that is allowed
    latest: str = ""  # of the latest requests, newest last: 1 where it lay beyond


@dataclass(frozen=True, kw_only=True, slots=True)
class InputWatch:
    """How far the requests of a rollout were watched, as counts."""

    reference: int = 0  # requests from before that it is compared with, both halves
    looked: int = 0  # requests since
    learnt: int = 0  # times that the classifier did
    lines: tuple[Line, ...] = (Line(),) * len(LINES)
    since: int = 0  # requests since the classifier learnt
    found: Finding | None = None
    found_at: int = 0  # requests looked at by then
    line: int = 0  # that was crossed

    @property
    def log_wealth(self) -> float:
        """The log of the mean wealth of the lines' detectors."""
        parts = np.array([line.alarm.log_wealth for line in self.lines])
        return float(np.logaddexp.reduce(parts) - math.log(len(parts)))

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON; `from_json` restores an equal value."""
        lines = [
            {
                **{name: getattr(line, name) for name in ("own", "ceiling", "latest")},
                "alarm": line.alarm.to_json(),
            }
            for line in self.lines
        ]
        rest = {
            name: getattr(self, name)
            for name in ("reference", "looked", "learnt", "since", "found_at", "line")
        }
        return {**rest, "lines": lines, "found": finding_json(self.found)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InputWatch:
        """Restore what `to_json` gave; of nothing, the watch that begins."""
        if not data:
            return cls()
        lines = tuple(Line(**{**line, "alarm": Alarm.from_json(line["alarm"])}) for line in data["lines"])
        return cls(**{**data, "lines": lines, "found": finding_of(data["found"])})


def due(watch: InputWatch, policy: DriftPolicy) -> bool:
    """Say whether the classifier learns anew: often at first, then whenever a fiftieth more has come.

    During a finding it stays as it is: what is over is judged by what was found.
    """
    return watch.found is None and watch.since >= max(policy.every, watch.looked // 50)


def learnt(watch: InputWatch, beyond: NDArray[np.bool_], policy: DriftPolicy) -> InputWatch:
    """Give the watch with a new classifier; `beyond` says how the half of the reference that it did not see lies."""
    times = watch.learnt + 1
    chance = policy.reference_alpha / (_ALL_PARTS * times**2 * len(LINES))
    n, hits = len(beyond), beyond.sum(0)
    lines = tuple(
        replace(
            line,
            own=float(hit / n),
            ceiling=ceiling(float(hit), n, chance=chance, tolerance=policy.tolerance),
        )
        for line, hit in zip(watch.lines, hits, strict=True)
    )
    return replace(watch, lines=lines, learnt=times, since=0, found_at=watch.looked)


def seen(watch: InputWatch, beyond: NDArray[np.bool_], policy: DriftPolicy) -> InputWatch:
    """Give the watch after further requests, in order; `beyond` says how they lie."""
    for row in beyond:
        lines = tuple(_bet(line, bool(hit)) for line, hit in zip(watch.lines, row, strict=True))
        watch = replace(watch, lines=lines, looked=watch.looked + 1, since=watch.since + 1)
        if watch.found is not None:
            watch = _waiting(watch)
        elif watch.log_wealth >= math.log(policy.run_length):
            watch = _alarmed(watch, policy)
    return watch


def unlearnt(watch: InputWatch, n: int) -> InputWatch:
    """Give the watch after requests that came while there was no classifier."""
    return replace(watch, looked=watch.looked + n, since=watch.since + n)


def told(watch: InputWatch, changed: str) -> InputWatch:
    """Give the watch with its finding's reason, in words that many have in common."""
    if watch.found is None or not changed:
        return watch
    return replace(watch, found=replace(watch.found, why=f"{watch.found.why} {changed}"))


def _bet(line: Line, hit: bool) -> Line:  # noqa: FBT001 - one observation
    latest = (line.latest + ("1" if hit else "0"))[-_OVER:]
    return replace(line, alarm=line.alarm.after((float(hit),), line.ceiling), latest=latest)


def _alarmed(watch: InputWatch, policy: DriftPolicy) -> InputWatch:
    at = max(range(len(watch.lines)), key=lambda i: watch.lines[i].alarm.log_wealth)
    line = watch.lines[at]
    latest = line.latest[-_LATEST:]
    rate = latest.count("1") / len(latest)
    why = (
        f"The requests are no longer those from before the rollout: {100 * rate:.0f}% of the last {len(latest)} look "
        f"new to a classifier to which {100 * line.own:.0f}% of the earlier ones do ({100 * line.ceiling:.0f}% "
        f"were allowed), after {watch.looked} requests."
    )
    figures = {
        "requests": watch.looked,
        "reference": watch.reference,
        "log_wealth": watch.log_wealth,
        "log_threshold": math.log(policy.run_length),
        "rate": rate,
        "rate_before": line.own,
        "rate_allowed": line.ceiling,
        "learnt": watch.learnt,
    }
    found = Finding(cause=str(Cause.DRIFT), why=why, figures=figures)
    return replace(watch, found=found, found_at=watch.looked, line=at)


def _waiting(watch: InputWatch) -> InputWatch:
    """Give the watch as it is during a finding: enough requests within what is allowed end it."""
    line = watch.lines[watch.line]
    if watch.looked - watch.found_at < _OVER or line.latest.count("1") > line.ceiling * _OVER:
        return watch
    fresh = tuple(replace(line, alarm=NEW) for line in watch.lines)
    return replace(watch, lines=fresh, found=None, since=0)
