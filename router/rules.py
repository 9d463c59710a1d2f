"""The conditions of the state machine, over figures. Knows no transition.

Each works on arrays: the same line decides now (shape (1,)) and finds where in a thousand further
observations something happens (shape (n + 1,)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from router.breaker import FAILED, tripped
from router.decision import Facts, Probe
from router.evidence import Evidence
from router.figures import Bars, Figures, Flags, bars
from router.settings import STEPS, RolloutPolicy
from router.steps import most_exposed, standing
from router.streams import alarms
from store.vocabulary import Rollout, State, TaskMode

WAIVABLE = "feedback"
"""The one gate that an operator may waive."""


def harmful(figures: Figures, slack: float = 0.0) -> Flags:
    """Say whether a harm test of some step has alarmed."""
    return np.asarray(figures.harm >= -slack)


def late(figures: Figures, bar: Bars, slack: float = 0.0) -> Flags:
    """Say whether the late-regression detector has alarmed."""
    return np.asarray(figures.late >= bar.late - slack)


def beside(figures: Figures, bar: Bars, slack: float = 0.0) -> Flags:
    """Say whether errors, formats, latency or feedback have alarmed, in a step or as a late regression."""
    return np.asarray((figures.beside >= -slack) | (figures.late_beside >= bar.late - slack))


def enough(figures: Figures, step: State, policy: RolloutPolicy) -> Flags:
    """Say whether the step has its pairs."""
    return np.asarray(figures.pairs >= policy.minima[step])


def tried(figures: Figures, step: State, policy: RolloutPolicy, bar: Bars, slack: float = 0.0) -> Flags:
    """Say whether the student has served enough of a canary step's pairs.

    Pairs that it only shadowed outnumber them, and would carry a student that fails only when it serves
    past the last gate: there, the pairs that it served must speak for it by themselves.
    """
    served = figures.served >= (policy.min_served if step != State.SHADOW else 0)
    if step == State.CANARY_50:
        served &= figures.fresh_served >= bar.served - slack
    return np.asarray(served)


def accounted(figures: Figures, policy: RolloutPolicy) -> Flags:
    """Say whether few enough of the step's pairs are missing."""
    return np.asarray(figures.missing_rate <= policy.max_missing)


def proven(figures: Figures, step: State, bar: Bars, slack: float = 0.0) -> Flags:
    """Say whether the wealth is there now: in all, and for the last gate also from fresh pairs."""
    passed = figures.promote >= bar.promote - slack
    if step == State.CANARY_50:
        passed &= figures.fresh >= bar.promote - slack
    return np.asarray(passed)


def publishable(figures: Figures, step: State, bar: Bars, slack: float = 0.0) -> Flags:
    """Say whether a threshold's wealth lets it be published at a step: at FULL, with all that the last gate asks for."""
    passed = figures.promote >= bar.promote - slack
    if step == State.FULL:
        passed &= (figures.fresh >= bar.promote - slack) & (figures.fresh_served >= bar.served - slack)
    return np.asarray(passed)


def convincing(figures: Figures, step: State, policy: RolloutPolicy, bar: Bars, slack: float = 0.0) -> Flags:
    """Say whether the evidence for a gate is there; what may still be missing comes with time alone."""
    return np.asarray(
        enough(figures, step, policy) & accounted(figures, policy) & proven(figures, step, bar, slack)
    )


def spent(figures: Figures, step: State, policy: RolloutPolicy, bar: Bars) -> Flags:
    """Say whether the step has used up its cap without an answer, missing pairs included.

    A step that convinces, and waits for pairs that the student served (at 1% they are rare), is not ended
    by the pairs that come meanwhile, only by as many of those that it waits for.
    """
    cap = policy.caps[step]
    doubtful = (figures.pairs + figures.missing >= cap) & ~convincing(figures, step, policy, bar)
    untried = (figures.served >= cap) & ~tried(figures, step, policy, bar)
    return np.asarray(doubtful | untried)


def overexposed(rollout: Rollout, facts: Facts, policy: RolloutPolicy) -> bool:
    """Say whether the student got as many calls of a canary step as it may without an answer."""
    step = rollout.state
    return step in STEPS[1:] and facts.exposed >= most_exposed(step, policy)


def deserted(facts: Facts, policy: RolloutPolicy) -> bool:
    """Say whether apps have left this wording for another one of the task. The log's times say so, no clock."""
    return facts.gap_s > policy.gone_s


def listened(rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy) -> bool:
    """Say whether users have nothing against the last step, or never say anything, or an operator waives their word."""
    if rollout.state != State.CANARY_50 or not facts.speaks or WAIVABLE in rollout.waived:
        return True
    return alarms.clean(evidence, policy.min_served, policy.served_alpha)


def dwelt(rollout: Rollout, policy: RolloutPolicy, now: float) -> bool:
    """Say whether the step has lasted its least time."""
    return now - rollout.entered >= policy.dwell_s


def broken(outcomes: Sequence[str], policy: RolloutPolicy) -> bool:
    """Say whether the breaker trips: too many of the student's latest calls failed."""
    return tripped(outcomes, window=policy.breaker_window, failures=policy.breaker_failures)


def healthy(probes: Sequence[Probe], delta: float, policy: RolloutPolicy) -> bool:
    """Say whether the student's latest shadow calls all went well, were as good as the margin asks, and are enough.

    A server that works again may serve something else: its answers must be judged before it serves. Calls that
    are not scored yet do not count.
    """
    judged = [probe for probe in probes if probe.d is not None or probe.outcome in FAILED]
    latest = judged[: policy.breaker_probes]
    if len(latest) < policy.breaker_probes or any(probe.outcome in FAILED for probe in latest):
        return False
    return sum(probe.d or 0.0 for probe in latest) >= -delta * len(latest)


def watched(rollout: Rollout) -> bool:
    """Say whether evidence may move the rollout at all: in mode observe it never does."""
    return rollout.mode != TaskMode.OBSERVE


def eventful(rollout: Rollout, figures: Figures, policy: RolloutPolicy, now: float) -> Flags:
    """Say where evidence alone may call for a decision: a superset by 1e-9, `next_step` has the word."""
    slack = 1e-9
    bar = bars(rollout, policy)
    if not watched(rollout):
        return np.zeros(figures.pairs.shape, dtype=np.bool_)
    found = harmful(figures, slack) | late(figures, bar, slack) | beside(figures, bar, slack)
    step = standing(rollout)
    if rollout.state in STEPS:
        found |= spent(figures, step, policy, bar)
        if dwelt(rollout, policy, now):
            found |= convincing(figures, step, policy, bar, slack) & tried(figures, step, policy, bar, slack)
    return found
