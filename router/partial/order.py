"""The candidates of a partial cutover, tested in fixed order from the strictest. Knows no state and no decision.

Each has an e-process on D' (`router.partial.received`) against "what the app receives is worse than the margin". A
looser one is believed only while all stricter ones are proven, so each may use the whole of alpha_k: were any
candidate below the margin ever believed, the strictest of those would have reached 1 / alpha_k, and the chance of
that is at most alpha_k (Ville). The order and the candidates are fixed when the rollout begins.

Source: fixed-sequence testing. Maurer, Hothorn and Lehmacher, "Multiple comparisons in drug clinical trials and
preclinical assays: a-priori ordered hypotheses" (1995); Wiens, "A fixed sequence Bonferroni procedure" (2003), section 1.
For thresholds: Angelopoulos et al., "Learn then Test" (2021), section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from router import rules
from router.evidence import Evidence
from router.figures import Flags, bars, measure, trace
from router.partial.screen import LEAST_KEPT
from router.settings import STEPS, RolloutPolicy
from router.steps import LADDER
from store.vocabulary import Observation, Rollout

_SLACK = 1e-9


def proven(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> list[float]:
    """Give the candidates that are proven now, strictest first: a beginning of the order. At FULL each by fresh pairs, too."""
    bar = bars(rollout, policy)
    found: list[float] = []
    for threshold in evidence.candidates:
        figures = measure(evidence.under(threshold), rollout, policy)
        if not rules.publishable(figures, rollout.state, bar)[0]:
            break
        found.append(threshold)
    return found


def loosest(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> float | None:
    """Give the loosest proven candidate that keeps enough of the calls to be worth it."""
    found = proven(rollout, evidence, policy)
    return next((t for t in reversed(found) if evidence.candidates[t].kept.share >= LEAST_KEPT), None)


def gated(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> Evidence | None:
    """Give the evidence under the loosest candidate for which all of the step's gate holds, or None."""
    bar = bars(rollout, policy)
    for threshold in reversed(proven(rollout, evidence, policy)):
        if evidence.candidates[threshold].kept.share < LEAST_KEPT:
            return None
        view = evidence.under(threshold)
        figures = measure(view, rollout, policy)
        convincing = rules.convincing(figures, rollout.state, policy, bar)
        if convincing[0] and rules.tried(figures, rollout.state, policy, bar)[0]:
            return view
    return None


def eventful(
    rollout: Rollout, evidence: Evidence, stretch: Sequence[Observation], policy: RolloutPolicy, now: float
) -> Flags:
    """Say where a gate may open, or a looser candidate be proven: a superset by 1e-9, shape (n + 1,)."""
    found = np.zeros(len(stretch) + 1, dtype=np.bool_)
    if not rollout.partial or not rules.watched(rollout):
        return found
    bar = bars(rollout, policy)
    gate = rollout.state in STEPS and rules.dwelt(rollout, policy, now)
    serving = rollout.state in LADDER[1:]
    believed = np.ones(len(stretch) + 1, dtype=np.bool_)
    for view in _views(evidence):
        figures = trace(view, stretch, rollout, policy)
        believed = believed & rules.publishable(figures, rollout.state, bar, _SLACK)
        if serving and looser(view.threshold, rollout.threshold):
            found |= believed
        if gate:
            convincing = rules.convincing(figures, rollout.state, policy, bar, _SLACK)
            found |= believed & convincing & rules.tried(figures, rollout.state, policy, bar, _SLACK)
    return found


def looser(one: float | None, other: float | None) -> bool:
    """Say whether a candidate keeps more than another."""
    return one is not None and other is not None and one < other


def _views(evidence: Evidence) -> Iterator[Evidence]:
    return (evidence.under(threshold) for threshold in evidence.candidates)
