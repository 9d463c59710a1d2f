"""What becomes of a slice: tested, given to the teacher, taken back in. Pure; `router.policy` asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from router import rules
from router.decision import Decision
from router.evidence import Evidence
from router.figures import Flags
from router.settings import RolloutPolicy
from router.slices import harm, telling
from router.steps import CONSUMING
from store.vocabulary import Observation, Rollout

HARM = "harm"
OPERATOR = "operator"


def found(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> tuple[harm.Tested, ...]:
    """Give the slices whose tests alarm and that the teacher does not keep yet."""
    if not rules.watched(rollout):
        return ()
    return tuple(
        one for one in harm.tested(evidence, policy) if one.harmful and one.slice not in rollout.excluded
    )


def excluded(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> Decision | None:
    """Give harmful slices to the teacher, and go on where the rollout is; None where there are none."""
    harmful = found(rollout, evidence, policy)
    if not harmful:
        return None
    decision = Decision(
        target=rollout.state,
        cause="slice_excluded",
        why=telling.harm(evidence, harmful),
        exclude=tuple(one.slice for one in harmful),
        figures={"slices": [telling.record(evidence, one) for one in harmful]},
    )
    return staying(rollout, decision)


def staying(rollout: Rollout, decision: Decision) -> Decision:
    """Give a decision that leaves the state as it is, with all that holds it."""
    return replace(
        decision,
        target=rollout.state,
        held_from=rollout.held_from,
        held_for=rollout.held_for,
        serving=rollout.serving,
        voiding=rollout.voiding,
    )


def eventful(
    rollout: Rollout, evidence: Evidence, stretch: Sequence[Observation], policy: RolloutPolicy
) -> Flags:
    """Say after which observations a slice may have to be excluded: a superset, shape (n + 1,)."""
    if rollout.state not in CONSUMING or not rules.watched(rollout):
        return np.zeros(len(stretch) + 1, dtype=np.bool_)
    return harm.eventful(evidence, stretch, policy)


def kept(rollout: Rollout, decision: Decision) -> dict[str, str]:
    """Give the slices that the teacher keeps after a decision, each with whose word that is."""
    why = HARM if decision.cause == "slice_excluded" else OPERATOR
    after = {**rollout.excluded, **dict.fromkeys(decision.exclude, why)}
    return {name: after[name] for name in sorted(after) if name not in decision.include}
