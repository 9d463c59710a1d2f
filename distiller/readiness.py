"""Says whether a task can be distilled, and what is missing, in words. Pure: knows no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from distiller.scoring.shape import Shape
from distiller.settings import USER_METRIC, DistillerSettings, TaskPolicy
from distiller.trainset.rows import Row, passing

LEAST_SCORES = 20  # of the teacher, below which their mean says nothing


class Counts(Protocol):
    """What of the log's `TaskCounts` is asked for here."""

    @property
    def complete(self) -> int:
        """Complete answers of the teacher."""

    @property
    def scored(self) -> int:
        """How many of them have a score that counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One condition. `words` is a sentence with the numbers."""

    name: str  # examples | passing | baseline | metric
    ok: bool
    words: str
    have: float | None = None
    need: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What screening the calls themselves has shown; counts alone cannot tell it."""

    examples: int  # complete calls
    passing: int  # distinct, valid, not judged bad
    judged: int  # with a score from people, a judge or the user's own metric
    baseline: float | None  # mean of those scores
    shape: Shape | None


def tally(rows: Sequence[Row], *, examples: int, shape: Shape | None) -> Tally:
    """Sum up screened rows; `examples` is how many complete calls they were screened from."""
    scores = [row.score for row in rows if row.score is not None]
    return Tally(
        examples=examples,
        passing=passing(rows),
        judged=len(scores),
        baseline=sum(scores) / len(scores) if scores else None,
        shape=shape,
    )


def check(
    counts: Counts,
    policy: TaskPolicy,
    settings: DistillerSettings | None = None,
    found: Tally | None = None,
    measured: float | None = None,
) -> list[Check]:
    """Return every condition of a distillation, met or not.

    Without a tally the passing traces are taken to be the complete ones, an upper bound, and `measured` is the
    mean score of the teacher by what counts (`distiller.scoring.rank`). What the baseline `have`s is the one
    score of the teacher to show.
    """
    limits = settings or DistillerSettings()
    examples = found.examples if found else counts.complete
    return [
        _count("examples", "complete calls", examples, limits.min_examples),
        _passing(found.passing if found else examples, limits),
        _baseline(
            found.baseline if found else measured,
            found.judged if found else counts.scored,
            limits.min_baseline,
        ),
        _metric(policy, found),
    ]


def missing(checks: Sequence[Check]) -> str:
    """Return what is still missing as one line, "" when nothing is."""
    return "; ".join(c.words for c in checks if not c.ok)


def independent(policy: TaskPolicy) -> bool:
    """Tell whether the policy's metric says more of the teacher than that it agrees with itself."""
    return policy.metric == "judge" or policy.metric.startswith(USER_METRIC)


def _count(name: str, what: str, have: int, need: int) -> Check:
    words = f"{have:,} of {need:,} {what}"
    short = "" if have >= need else f", {need - have:,} more needed"
    return Check(name=name, ok=have >= need, words=words + short, have=have, need=need)


def _passing(have: int, limits: DistillerSettings) -> Check:
    """At most half of the passed rows are held out: with too few, a student is tried and cannot pass."""
    check = _count("passing", "passing traces", have, limits.min_passing)
    least = 2 * limits.screen_n
    if not check.ok or have >= least:
        return check
    return replace(
        check, words=f"{check.words}; before {least} no student can pass its screen of {limits.screen_n}"
    )


def _baseline(mean: float | None, scores: int, need: float) -> Check:
    if mean is not None and scores < LEAST_SCORES:
        words = f"the teacher scores {mean:.0%} on {scores} scores: too few to count, {LEAST_SCORES} do"
        return Check(name="baseline", ok=True, words=words, have=mean, need=need)
    if mean is None:
        words = "no scores of the teacher yet: complete and valid calls are eligible, the teacher is the reference"
        return Check(name="baseline", ok=True, words=words, need=need)
    words = f"the teacher scores {mean:.0%} on {scores} scores, at least {need:.0%} is needed"
    return Check(name="baseline", ok=mean >= need, words=words, have=mean, need=need)


def _metric(policy: TaskPolicy, found: Tally | None) -> Check:
    shape = found.shape if found else None
    if policy.metric != "auto":
        return Check(name="metric", ok=True, words=f"scored by {policy.metric}")
    if found is not None and shape is None:
        return Check(name="metric", ok=False, words="no complete answer yet to choose a metric by")
    if shape is Shape.TEXT:
        words = "free text is compared by shared words only: a rollout waits for approval"
        return Check(name="metric", ok=True, words=words)
    words = (
        f"agreement with the teacher on {shape.value.replace('_', ' ')}" if shape else "by the answers' shape"
    )
    return Check(name="metric", ok=True, words=words)
