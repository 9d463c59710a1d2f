"""A partial cutover in plain words: what is published, what each candidate would bring, what is given up. Decides nothing."""

from __future__ import annotations

from router import words
from router.evidence import Evidence
from router.figures import Bars, Figures, bars, measure
from router.partial.order import proven
from router.settings import RolloutPolicy
from store.vocabulary import Deferred, Rollout, State


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
        figures, bar = measure(view, rollout, policy), bars(rollout, policy)
        said.append(
            f"Next {following:.3f}, {share:.0%}: the app would receive {_mean(view)} to the teacher, wealth "
            f"{words.wealth(float(figures.promote[0]))} of {words.wealth(bar.promote)} needed"
            f"{_fresh(figures, bar) if rollout.state == State.FULL else ''}."
        )
    return tuple(said)


def given_up(deferred: Deferred) -> str | None:
    """Say what apps waited and what was paid for answers that were not sure enough, or None where none was."""
    if not deferred.calls:
        return None
    waited = f"{_ms(deferred.vain_ms)} for an answer of the student that did not go out and {_ms(deferred.whole_ms)} in all"
    known = f"; of {deferred.unpriced} the price is not known" if deferred.unpriced else ""
    return (
        f"Deferred: {deferred.calls} calls waited {waited} (medians); where the teacher is asked at once it is "
        f"{_ms(deferred.direct_ms)}. The answers that did not go out cost ${deferred.usd:,.4f}{known}."
    )


def _ms(milliseconds: float | None) -> str:
    return "an unknown time" if milliseconds is None else f"{milliseconds:,.0f} ms"


def _fresh(figures: Figures, bar: Bars) -> str:
    fresh, served = words.wealth(float(figures.fresh[0])), words.wealth(float(figures.fresh_served[0]))
    return (
        f", {fresh} of as much from the pairs at 25% and more alone, {served} of {words.wealth(bar.served)} from those of "
        "them that the student served"
    )


def _mean(evidence: Evidence) -> str:
    d = evidence.mean(evidence.over())
    return "what is not compared yet" if d is None else words.points(d)
