"""The ladder of states and the shares that go with them. Knows no evidence."""

from __future__ import annotations

import math

from router.settings import STEPS, RolloutPolicy
from store.vocabulary import Rollout, State

LADDER: tuple[State, ...] = (*STEPS, State.FULL)
LIVE = frozenset({*LADDER, State.HOLD, State.AWAITING_APPROVAL})
TERMINAL = frozenset({State.ROLLED_BACK, State.INCONCLUSIVE, State.REJECTED, State.SUPERSEDED})
CONSUMING = frozenset({*LADDER, State.HOLD})
"""States that count pairs. A rollout that awaits a person's word counts none."""

_SHARES = {
    State.CANARY_1: 0.01,
    State.CANARY_5: 0.05,
    State.CANARY_25: 0.25,
    State.CANARY_50: 0.50,
}

_LEAST_DRAWN = 0.05  # a share of pairs that an operator set lower does not let the student serve longer


def following(step: State) -> State:
    """Give the step after this one. Raises ValueError after FULL and off the ladder."""
    at = LADDER.index(step)
    if at + 1 == len(LADDER):
        raise ValueError("no step follows FULL.")
    return LADDER[at + 1]


def standing(rollout: Rollout) -> State:
    """Give the step whose traffic flows: the state, or the one that a hold froze."""
    return rollout.held_from or rollout.state


def share(rollout: Rollout, policy: RolloutPolicy) -> float:
    """Give the student's share of calls in [0, 1 - holdback]. Zero in every state not known to serve."""
    if rollout.state == State.HOLD and not rollout.serving:
        return 0.0
    if rollout.state not in CONSUMING:
        return 0.0
    step = standing(rollout)
    most = 1.0 - policy.holdback
    return most if step == State.FULL else min(most, _SHARES.get(step, 0.0))


def most_exposed(step: State, policy: RolloutPolicy) -> int:
    """Give how many calls of a canary step the student may get before there is an answer.

    Twice as many as its cap of pairs stands for: where pairs are not drawn (the day's money is spent), or not scored,
    calls bound the step.
    """
    return math.ceil(2 * policy.caps[step] / max(policy.reverse_shadow[step], _LEAST_DRAWN))


def shadowed(rollout: Rollout, policy: RolloutPolicy) -> float:
    """Give the share of the teacher's calls that the student shadows.

    While it serves, no more than `shadow_per_served` pairs for each that it serves: the others would cost money, and
    drown those that only the ramp can give.
    """
    step, student = standing(rollout), share(rollout, policy)
    if step == State.SHADOW:
        return policy.shadow
    if student == 0.0:
        return policy.ramp_shadow
    served_pairs = student * policy.reverse_shadow[step]
    return min(policy.ramp_shadow, policy.shadow_per_served[step] * served_pairs / (1.0 - student))
