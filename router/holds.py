"""What stops a rollout where it is, and what lets it go on: pure. Knows no evidence test and no store.

A hold has one or more causes and ends when none of them is true any more. A cause that voids all evidence
leaves nothing for a share to stand on: such a hold freezes SHADOW, where the teacher answers everything, and
the rollout goes on from there as the next trial.
"""

from __future__ import annotations

from router import rules, words
from router.decision import Cause, Decision, Facts, Finding
from router.evidence import Evidence
from router.settings import RolloutPolicy
from router.steps import standing
from store.vocabulary import Rollout, State


def found(rollout: Rollout, evidence: Evidence, facts: Facts) -> Decision | None:
    """Hold for what stands against the comparison, where that asks for more than is in force already."""
    new = [finding for finding in facts.findings if _asks(rollout, evidence, finding)]
    if not new:
        return None
    everything = any(finding.void == "all" for finding in new)
    voids = any(finding.void for finding in new)
    return Decision(
        target=State.HOLD,
        cause=max(new, key=_gravity).cause,
        why=" ".join(finding.why for finding in new),
        held_from=State.SHADOW if everything else standing(rollout),
        held_for=tuple(dict.fromkeys((*rollout.held_for, *(finding.cause for finding in new)))),
        serving=rollout.serving and all(finding.serving for finding in new),
        voiding=rollout.voiding or voids,
        void="all" if everything else "interval" if voids else "",
        trial=next_trial(rollout, facts) if everything else None,
        figures={finding.cause: finding.figures for finding in new},
    )


def broken(rollout: Rollout, facts: Facts, policy: RolloutPolicy) -> Decision | None:
    """Hold for a student whose server fails: the teacher answers."""
    if not rules.broken(facts.outcomes, policy):
        return None
    return Decision(
        target=State.HOLD,
        cause=Cause.BREAKER,
        why=words.breaker(facts.outcomes, policy),
        held_from=standing(rollout),
        held_for=(*rollout.held_for, Cause.BREAKER),
        serving=False,
        voiding=rollout.voiding,
    )


def over(rollout: Rollout, facts: Facts, policy: RolloutPolicy, now: float) -> Decision | None:
    """Go on where nothing holds the rollout any more."""
    held_for = rollout.held_for
    if Cause.PAUSED in held_for or facts.findings:
        return None
    if Cause.BREAKER in held_for and not rules.healthy(facts.probes, rollout.delta, policy):
        return None
    said = []
    if Cause.BREAKER in held_for:
        said.append(words.recovered(rollout.delta, policy))
    if gone := [words.CAUSES[cause] for cause in held_for if cause != Cause.BREAKER]:
        said.append(f"Over: {', '.join(gone)}.")
    if not renewed(rollout):
        cause = "recovered" if Cause.BREAKER in held_for else "cleared"
        return Decision(target=standing(rollout), cause=cause, why=" ".join(said))
    if now - rollout.entered < policy.dwell_s:
        return None
    said.append(f"The student is compared afresh from {State.SHADOW}, as trial {rollout.trial}.")
    return Decision(target=State.SHADOW, cause="renewed", why=" ".join(said))


def renewed(rollout: Rollout) -> bool:
    """Say whether this hold voided all evidence."""
    return rollout.state == State.HOLD and rollout.voiding and rollout.since >= rollout.entered


def next_trial(rollout: Rollout, facts: Facts) -> int:
    """Give k of the trial that begins with no evidence. Where evidence never promotes, none is spent."""
    return max(facts.trials, rollout.trial) + rules.watched(rollout)


def _asks(rollout: Rollout, evidence: Evidence, finding: Finding) -> bool:
    """Say whether a finding changes anything. Evidence that is void already is not voided twice."""
    if rollout.state == State.AWAITING_APPROVAL:
        return finding.void == "all"
    if rollout.state != State.HOLD or finding.cause not in rollout.held_for:
        return True
    whole = evidence.over()
    return finding.void == "all" and whole.paired + whole.missing > 0


def _gravity(finding: Finding) -> tuple[int, bool]:
    return (("", "interval", "all").index(finding.void), not finding.serving)
