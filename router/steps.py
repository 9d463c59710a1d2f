"""The ladder of states and the shares that go with them. Knows no evidence."""

from __future__ import annotations

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
