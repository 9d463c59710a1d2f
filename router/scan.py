"""Where in a run of observations the next decision falls. Knows no store.

Decisions are made after every single observation, so they do not depend on how often anyone looked. To do
that for thousands at once, the figures of a whole stretch are computed together, and `next_step` is asked
only where one of them says that something may happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.decision import Decision, Facts
from router.evidence import Evidence, update
from router.figures import trace
from router.partial import order
from router.policy import next_step
from router.rules import eventful
from router.settings import RolloutPolicy
from router.slices import course as slices
from router.steps import CONSUMING
from store.vocabulary import Observation, Rollout

_STRETCH = 512  # observations traced at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The first decision, if any, and what was counted until then."""

    taken: int  # observations counted
    evidence: Evidence  # with them
    decision: Decision | None


def first_decision(
    rollout: Rollout,
    evidence: Evidence,
    observations: Sequence[Observation],
    *,
    facts: Facts,
    policy: RolloutPolicy,
    now: float,
) -> Found:
    """Count observations in order up to the first decision. Pure; as if each were looked at alone."""
    decision = next_step(rollout, evidence, facts, policy, now)
    if decision is not None or rollout.state not in CONSUMING:
        return Found(taken=0, evidence=evidence, decision=decision)
    for start in range(0, len(observations), _STRETCH):
        stretch = observations[start : start + _STRETCH]
        done = 0
        for at in _events(rollout, evidence, stretch, policy, now):
            evidence = update(evidence, stretch[done:at])
            done = at
            if (decision := next_step(rollout, evidence, facts, policy, now)) is not None:
                return Found(taken=start + done, evidence=evidence, decision=decision)
        evidence = update(evidence, stretch[done:])
    return Found(taken=len(observations), evidence=evidence, decision=None)


def _events(
    rollout: Rollout, evidence: Evidence, stretch: Sequence[Observation], policy: RolloutPolicy, now: float
) -> list[int]:
    """Give the numbers of observations, from 1, after which evidence may call for a decision."""
    found = eventful(rollout, trace(evidence, stretch, rollout, policy), policy, now)
    found |= order.eventful(rollout, evidence, stretch, policy, now)
    found |= slices.eventful(rollout, evidence, stretch, policy)
    places: list[int] = np.flatnonzero(found[1:]).tolist()
    return [at + 1 for at in places]
