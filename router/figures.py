"""The statistics of evidence, now or after each of several further observations. Knows no state machine.

One implementation for both: a decision reads the figures after zero further observations, a catch-up reads
the figures after each of a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router import betting
from router.betting import Floats
from router.counts import Sparse, doubtful_bin, hopeful_bin
from router.evidence import Evidence
from router.partial.received import received
from router.settings import STEPS, RolloutPolicy, since
from router.streams import alarms
from router.streams.budget import HARM, LATE
from store.vocabulary import Observation, ObservationKind, Rollout, State, Stream, Who

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

FRESH = (State.CANARY_25, State.CANARY_50, State.FULL)
"""The steps whose pairs the last gate's own test is made from, and at FULL that of a looser threshold."""

SHARED = math.log(2.0 / LATE[Stream.SCORE])
"""What it costs the two detectors of scores, in log R, to have half each of the part that scores have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """What the figures are held against; natural logarithms."""

    promote: float  # ln(1 / alpha_k)
    served: float  # ln(1 / served_alpha), for the last gate's pairs that the student served
    harm_shadow: float  # ln(1 / budget) of the one harm test of scores from SHADOW on
    harm_live: float  # and of each of the two from a canary step on
    beside: float  # share of a step's false alarms, before the streams beside the scores divide theirs
    late: float  # ln A


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Arrays of shape (n + 1,): before, and after each of n further observations."""

    pairs: Ints  # of the current step
    served: Ints  # of them, served by the student
    missing: Ints  # drawn in the current step, never scored
    promote: Floats  # log wealth against "D <= -delta", over the whole rollout
    fresh: Floats  # the same, over pairs from 25% on only
    fresh_served: Floats  # and of them, over those that the student served
    harm: Floats  # log of the wealth against "D >= -delta" of all harm tests, each times its alpha; an alarm from 0 on
    late: Floats  # log of the two detectors' R together, less what sharing the false alarms costs
    beside: Floats  # greatest excess of a test of errors, formats, latency or feedback over its bar
    late_beside: Floats  # greatest log R of their detectors, less the same

    @property
    def missing_rate(self) -> Floats:
        """Give the share of the step's drawn pairs that were never scored."""
        rate: Floats = self.missing / np.maximum(1, self.pairs + self.missing)
        return rate


def spend(alpha: float, trial: int) -> float:
    """Give alpha_k = alpha / (k (k + 1)): over all trials k = 1, 2, ... they sum to alpha."""
    return alpha / (trial * (trial + 1))


def bars(rollout: Rollout, policy: RolloutPolicy) -> Bars:
    """Give the thresholds of a rollout: margin and alpha are its own, fixed when it began."""
    step_alpha = policy.harm_alpha / len(STEPS)  # Bonferroni over the five steps ...
    tried = len(rollout.thresholds) if rollout.partial else 1  # any of them may come to be published
    scores = step_alpha * HARM[Stream.SCORE] / tried  # ... over what is watched ...
    late = policy.late_full if _step(rollout) == State.FULL else policy.late_ramp
    return Bars(
        promote=-math.log(spend(rollout.alpha, max(1, rollout.trial))),
        served=-math.log(policy.served_alpha),
        harm_shadow=-math.log(scores),
        harm_live=-math.log(scores / 2),  # ... and over all pairs and those the student served
        beside=step_alpha,
        late=math.log(late),
    )


def measure(evidence: Evidence, rollout: Rollout, policy: RolloutPolicy) -> Figures:
    """Give the figures as they are now, shape (1,)."""
    return trace(evidence, (), rollout, policy)


def trace(
    evidence: Evidence, observations: Sequence[Observation], rollout: Rollout, policy: RolloutPolicy
) -> Figures:
    """Give the figures now and after each further observation. Pure."""
    walk = _Walk(evidence, received(observations, evidence.threshold))
    step, bar = _step(rollout), bars(rollout, policy)
    now = evidence.cell(step)
    here = walk.at(step)
    return Figures(
        pairs=_count(now.paired, here & walk.paired),
        served=_count(evidence.cell(step, Who.STUDENT).paired, here & walk.paired & walk.served),
        missing=_count(now.missing, here & walk.missing),
        promote=walk.hope(evidence.over().hopeful, walk.scored),
        fresh=walk.hope(evidence.over(FRESH).hopeful, walk.at(*FRESH)),
        fresh_served=walk.hope(evidence.over(FRESH, Who.STUDENT).hopeful, walk.at(*FRESH) & walk.served),
        harm=_harm(walk, bar),
        late=np.logaddexp(walk.late(evidence.late, walk.scored), walk.late(evidence.late_served, walk.served))
        - SHARED,
        beside=alarms.excess(evidence, observations, bar.beside),
        late_beside=alarms.late(evidence, observations),
    )


def _step(rollout: Rollout) -> State:
    return rollout.held_from or rollout.state


def _count(before: int, seen: Flags) -> Ints:
    counted: Ints = before + np.concatenate([[0], np.cumsum(seen)])
    return counted


def _harm(walk: _Walk, bar: Bars) -> Floats:
    """Sum nine tests, each times its alpha: all pairs from a step on (five), those that the student served (four).

    The sum is a supermartingale that begins at the sum of the alphas, so it finds what Bonferroni does, and sooner.
    """
    tests = []
    for step in STEPS:
        steps = since(step)
        at, counts = walk.at(*steps), walk.evidence.over(steps).doubtful
        tests.append(walk.doubt(counts, at) - (bar.harm_shadow if step == State.SHADOW else bar.harm_live))
        if step != State.SHADOW:
            served = walk.evidence.over(steps, Who.STUDENT).doubtful
            tests.append(walk.doubt(served, at & walk.served) - bar.harm_live)
    together: Floats = np.logaddexp.reduce(tests)
    return together


class _Walk:
    """Further observations as columns, so that each statistic is one cumulative sum."""

    def __init__(self, evidence: Evidence, observations: Sequence[Observation]) -> None:
        self.evidence = evidence
        self.n = len(observations)
        self.scored = _flags(o.stream == Stream.SCORE for o in observations)
        self.steps = np.asarray([str(o.step) for o in observations], dtype=np.str_)
        self.served = self.scored & _flags(o.served_by == Who.STUDENT for o in observations)
        self.paired = self.scored & _flags(o.kind == ObservationKind.PAIRED for o in observations)
        self.missing = self.scored & _flags(o.kind == ObservationKind.MISSING for o in observations)
        margin, scale = evidence.margin, evidence.scale
        self._hope, self._doubt = betting.gains(-margin, scale), betting.losses(margin, scale)
        self._gains = self._rows(self._hope, [hopeful_bin(o, scale) for o in observations])
        self._losses = self._rows(self._doubt, [doubtful_bin(o, scale) for o in observations])

    def at(self, *steps: State) -> Flags:
        """Say which observations of scores were drawn at these steps."""
        return self.scored & np.isin(self.steps, [str(step) for step in steps])

    def hope(self, before: Sparse, where: Flags) -> Floats:
        """Give log wealth of the bets on the student."""
        return self._wealth(betting.total(self._hope, before), self._gains, where)

    def doubt(self, before: Sparse, where: Flags) -> Floats:
        """Give log wealth of the bets against the student."""
        return self._wealth(betting.total(self._doubt, before), self._losses, where)

    def late(self, before: tuple[float, ...], where: Flags) -> Floats:
        """Give log R, averaged over the bets, of a detector that sees only the flagged observations."""
        state = np.asarray(before)
        counted = np.flatnonzero(where & (self.paired | self.missing))
        states = np.vstack([state, betting.detect(state, self._losses[counted])]) if counted.size else state
        seen = _count(0, np.isin(np.arange(self.n), counted))
        with np.errstate(invalid="ignore"):  # -inf less -inf, where nothing was seen yet
            log_r = betting.wealth(np.atleast_2d(states))
        return np.nan_to_num(log_r, nan=-math.inf, neginf=-math.inf)[seen]

    def _wealth(self, before: Floats, rows: Floats, where: Flags) -> Floats:
        if not where.any():
            return np.broadcast_to(betting.wealth(before[None, :]), (self.n + 1,))
        grown = np.cumsum(np.where(where[:, None], rows, 0.0), axis=0)
        return betting.wealth(np.vstack([before, before + grown]))

    def _rows(self, table: Floats, bins: list[int | None]) -> Floats:
        """Give one row of the table for each bin, zeros where the observation counts nowhere."""
        if not bins:
            return np.zeros((0, betting.BETS))
        found = [
            at if at is not None and scored else None for at, scored in zip(bins, self.scored, strict=True)
        ]
        rows: Floats = table[[0 if at is None else at for at in found]]
        rows[[at is None for at in found]] = 0.0
        return rows


def _flags(values: object) -> Flags:
    return np.fromiter(values, dtype=np.bool_)  # type: ignore[call-overload, no-any-return]
