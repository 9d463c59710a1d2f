"""How far a rollout's evidence is from its next gate, and what its deferred calls take, for people. Decides nothing; `router.policy` does."""

from __future__ import annotations

import math
from typing import Any

from router import figures, steps
from router.evidence import Evidence
from router.partial.telling import given_up
from router.settings import RolloutPolicy
from router.slices.naming import dimensions
from stillhouse.views.plain import plain
from store.log import Log
from store.vocabulary import LABEL, Rollout, State


def evidence(rollout: Rollout, policy: RolloutPolicy) -> dict[str, Any] | None:
    """Give pairs, lower bound and the part of the way to the gate in [0, 1]; None before any pair."""
    if not rollout.evidence:
        return None
    seen = Evidence.from_json(rollout.evidence)
    now, bars = figures.measure(seen, rollout, policy), figures.bars(rollout, policy)
    step = steps.standing(rollout)
    every, minimum = seen.over(), policy.minima.get(step, 0)
    pairs, wealth = int(now.pairs[0]), float(now.promote[0])
    if step is State.CANARY_50:
        wealth = min(wealth, float(now.fresh[0]))
    parts = (wealth / bars.promote, pairs / minimum if minimum else 1.0)
    return {
        "pairs": every.paired,
        "pairs_in_step": pairs,
        "minimum": minimum,
        "missing": every.missing,
        "mean_difference": seen.mean(every),
        "lower": seen.lower(every, bars.promote) if every.paired else None,
        "margin": rollout.delta,
        "log_wealth": _finite(wealth),
        "log_threshold": bars.promote,
        "harm": _finite(float(now.harm[0])),
        "part": 1.0 if step is State.FULL else min(1.0, max(0.0, min(parts))),
    }


def deferred(log: Log, rollout: Rollout) -> dict[str, Any] | None:
    """Give what the calls that the student gave up took and cost in this trial, with `words`; None where none was."""
    if not rollout.partial and LABEL not in dimensions(rollout.slicers):
        return None
    found = log.deferred(rollout.rollout_id, rollout.since_seq)
    said = given_up(found)
    return {**plain(found), "words": said} if said else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
