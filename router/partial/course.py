"""What becomes of a rollout whose student is good enough on a part only. Pure; `router.policy` asks it."""

from __future__ import annotations

from router import words
from router.counts import Cell
from router.decision import Decision, Facts
from router.evidence import Evidence
from router.partial import order
from router.partial.candidate import Candidate
from router.partial.screen import LEAST_KEPT, hopeful
from router.rules import watched
from router.settings import RolloutPolicy
from router.steps import LADDER
from store.vocabulary import Rollout, State


def instead(
    refusal: Decision, rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy
) -> Decision:
    """Give a partial rollout in place of the whole student's end, where there is hope for one; else that end.

    It begins in SHADOW with the pairs that are there: its candidates were fixed and counted from the first one on.
    Where the whole was tested on them, it is a trial of its own; after a screen nothing was spent.
    """
    if rollout.partial or not rollout.thresholds or not watched(rollout):
        return refusal
    screened = refusal.cause == "screen_failed"
    if screened:
        hope = hopeful(facts.evaluation, rollout.delta, policy.screen_n)
        found = hope and hope.words(facts.evaluation.n if facts.evaluation else 0)
    elif refusal.cause in {"harm", "cap"}:
        found = _on_course(evidence)
    else:
        return refusal
    if not found:
        return refusal
    return Decision(
        target=State.SHADOW,
        cause="partial",
        why=f"{refusal.why} A part of the calls may be the student's: {found}.",
        figures=refusal.figures,
        trial=rollout.trial if screened else max(rollout.trial, facts.trials) + 1,
        threshold=rollout.thresholds[0],
    )


def loosened(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> Decision | None:
    """Publish a looser threshold once it is proven, at any step that serves; None where none is."""
    if not rollout.partial or rollout.state not in LADDER[1:] or not watched(rollout):
        return None
    found = order.loosest(rollout, evidence, policy)
    if found is None or not order.looser(found, rollout.threshold):
        return None
    return Decision(
        target=rollout.state,
        cause="loosened",
        why=f"{proof(evidence, found)}, so it answers those now instead of those from {rollout.threshold:.3f} on.",
        threshold=found,
    )


def proof(evidence: Evidence, threshold: float) -> str:
    """Say what is known of a candidate."""
    candidate = evidence.candidates[threshold]
    view = evidence.under(threshold)
    return (
        f"The student is sure (confidence from {threshold:.3f} on) of {candidate.kept.share:.0%} of {candidate.kept.calls} "
        f"compared calls; what the app receives then is {_points(view, view.over())} to the teacher, within the margin"
    )


def _on_course(evidence: Evidence) -> str | None:
    """Say which candidate looks good enough so far, the loosest of a beginning of the order; None where none does."""
    best: tuple[float, Candidate] | None = None
    for threshold, candidate in evidence.candidates.items():
        view = evidence.under(threshold)
        d = view.mean(view.over())
        if d is None or d < -evidence.margin:
            break
        best = threshold, candidate
    if best is None or best[1].kept.share < LEAST_KEPT:
        return None
    threshold, candidate = best
    view = evidence.under(threshold)
    received = _points(view, view.over())
    return (
        f"from a confidence of {threshold:.3f} on ({candidate.kept.share:.0%} of the compared calls) what the app "
        f"would have received was {received} to the teacher"
    )


def _points(evidence: Evidence, cell: Cell) -> str:
    d = evidence.mean(cell)
    return "not compared" if d is None else words.points(d)
