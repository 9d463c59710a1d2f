"""A partial cutover in plain words: what is published, what each candidate would bring. Decides nothing."""

from __future__ import annotations

from router import words
from router.evidence import Evidence
from router.figures import bars, measure
from router.partial.order import proven
from router.settings import RolloutPolicy
from store.vocabulary import Rollout


def partly(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> tuple[str, ...]:
    """Say which answers go out, and how far the next looser candidate is from going out as well."""
    at = rollout.threshold
    if at is None or at not in evidence.candidates:
        return ()
    kept = evidence.candidates[at].kept
    said = [
        (
            f"Partial: the student's answers go out from a confidence of {at:.3f} on, {kept.share:.0%} of "
            f"{kept.calls} compared calls; the others are the teacher's."
        )
    ]
    believed = proven(rollout, evidence, policy)
    following = next((one for one in evidence.candidates if one not in believed), None)
    if following is not None:
        view, share = evidence.under(following), evidence.candidates[following].kept.share
        wealth = float(measure(view, rollout, policy).promote[0])
        said.append(
            f"Next {following:.3f}, {share:.0%}: the app would receive {_mean(view)} to the teacher, wealth "
            f"{words.wealth(wealth)} of {words.wealth(bars(rollout, policy).promote)} needed."
        )
    return tuple(said)


def _mean(evidence: Evidence) -> str:
    d = evidence.mean(evidence.over())
    return "what is not compared yet" if d is None else words.points(d)
