"""The state machine of a rollout: pure. Knows no store, no clock and no operator (`router.verbs` does).

What it decides is a function of persisted counts, the rollout and a few facts; so a decision can be made
again from the record, and no two machines can differ about it.
"""

from __future__ import annotations

from dataclasses import replace

from router import bucket, holds, rules, words
from router.decision import Decision, Facts
from router.evidence import Evidence, anew, voided
from router.figures import bars, measure
from router.partial import course, order
from router.settings import STEPS, RolloutPolicy
from router.slices import course as slices
from router.steps import LIVE, following
from store.vocabulary import Rollout, State, TaskMode, Unit, Verdict


def next_step(
    rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy, now: float
) -> Decision | None:
    """Decide what happens to a rollout now, or None: it stays. `now` is the latest time seen, in seconds."""
    decision = _decided(rollout, evidence, facts, policy, now)
    return decision and course.instead(decision, rollout, evidence, facts, policy)


def _decided(
    rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy, now: float
) -> Decision | None:
    match rollout.state:
        case State.DRAFT:
            return Decision(target=State.OFFLINE, cause="created", why="A new student waits for its screen.")
        case State.OFFLINE:
            return _screened(rollout, facts, policy)
        case State.HOLD:
            return (
                _alarm(rollout, evidence, policy)
                or slices.excluded(rollout, evidence, policy)
                or _held(rollout, evidence, facts, policy, now)
            )
        case State.ROLLING_BACK:
            return _settled(rollout, policy, now)
        case state if state in LIVE:
            return (
                _alarm(rollout, evidence, policy)
                or _deserted(rollout, facts, policy)
                or slices.excluded(rollout, evidence, policy)
                or holds.found(rollout, evidence, facts)
                or holds.broken(rollout, facts, policy)
                or _gate(rollout, evidence, facts, policy, now)
                or _overexposed(rollout, evidence, facts, policy)
                or course.loosened(rollout, evidence, policy)
            )
        case _:
            return None  # terminal


def applied(rollout: Rollout, decision: Decision, now: float) -> Rollout:
    """Give the rollout as the decision leaves it. The age of a hold counts from its beginning."""
    renewed = rollout.state != decision.target
    now = max(now, rollout.entered)
    after = replace(
        rollout,
        state=decision.target,
        held_from=decision.held_from,
        held_for=decision.held_for,
        serving=decision.serving,
        unit=rollout.unit if decision.unit is None else decision.unit,
        waived=tuple(dict.fromkeys((*rollout.waived, *decision.waived))),
        voiding=decision.voiding,
        excluded=slices.kept(rollout, decision),
        entered=now if renewed else rollout.entered,
        reason=decision.why,
    )
    if decision.trial is not None:
        after = replace(after, trial=decision.trial)
    if decision.threshold is not None:
        after = replace(after, partial=True, threshold=decision.threshold)
    if decision.void == "all":
        after = replace(after, salt=bucket.resalted(rollout.salt))
    if decision.void == "all" or decision.cause == "renewed":
        after = replace(after, since=now, since_seq=rollout.consumed_seq)
    return after


def left(evidence: Evidence, decision: Decision) -> Evidence:
    """Give the evidence as the decision leaves it."""
    if decision.unverified:
        step = str(decision.held_from or decision.target)
        evidence = replace(evidence, unverified=tuple(dict.fromkeys((*evidence.unverified, step))))
        for name in decision.include:
            evidence = anew(evidence, name)
    if decision.void == "all":
        evidence = voided(evidence)
    if decision.threshold is None or decision.threshold == evidence.threshold:
        return evidence
    return evidence.under(decision.threshold)


def screened_out(facts: Facts, rollout_delta: float, policy: RolloutPolicy) -> str | None:
    """Say why the offline screen rejects a student, or None: it may be shadowed."""
    if (e := facts.evaluation) is None:
        return "there is no offline evaluation of it"
    if e.verdict == Verdict.ERROR or e.delta_lower is None:
        return f"its offline evaluation failed ({e.why})"
    if e.delta_lower <= -2 * rollout_delta:
        return (
            f"its 80% lower bound {words.points(e.delta_lower)} on {e.n} held-out calls "
            f"is not above {words.points(-2 * rollout_delta)}"
        )
    if e.n < policy.screen_n:
        return f"it was compared on {e.n} held-out calls, and {policy.screen_n} are needed"
    return None


def _screened(rollout: Rollout, facts: Facts, policy: RolloutPolicy) -> Decision | None:
    e = facts.evaluation
    if e is None:
        return None
    if (fault := screened_out(facts, rollout.delta, policy)) is not None:
        why = f"The offline screen rejects the student: {fault}."
        return Decision(target=State.REJECTED, cause="screen_failed", why=why)
    bound = words.points(e.delta_lower or 0.0)
    why = f"The offline screen passed: 80% lower bound {bound} on {e.n} held-out calls."
    by_user = policy.unit == Unit.USER and facts.users >= policy.min_users
    if policy.unit == Unit.USER and not by_user:
        why += f" Conversations are assigned: apps named {facts.users} users, {policy.min_users} are needed."
    unit = Unit.USER if by_user else Unit.CONVERSATION
    return Decision(target=State.SHADOW, cause="screen_passed", why=why, unit=unit)


def _alarm(rollout: Rollout, evidence: Evidence, policy: RolloutPolicy) -> Decision | None:
    """Roll back on harm, a late regression or what is seen beside the scores, whatever else is true."""
    if not rules.watched(rollout):
        return None
    figures = measure(evidence, rollout, policy)
    bar = bars(rollout, policy)
    if rules.harmful(figures)[0]:
        cause, why = "harm", words.harm(rollout, evidence)
    elif rules.late(figures, bar)[0]:
        cause, why = "late_regression", words.regression(evidence, figures, bar)
    elif rules.beside(figures, bar)[0]:
        cause, why = "guardrail", words.beside(evidence, figures, bar)
    else:
        return None
    return Decision(target=State.ROLLING_BACK, cause=cause, why=why, figures=words.record(figures, bar))


def _held(
    rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy, now: float
) -> Decision | None:
    age = now - rollout.entered
    if age > policy.hold_limit_s and rules.watched(rollout):
        why = f"The hold lasted {age / 3600:.1f} h, more than {policy.hold_limit_s / 3600:g} h."
        return Decision(target=State.ROLLING_BACK, cause="held_too_long", why=why)
    if (decision := holds.found(rollout, evidence, facts)) is not None:
        return decision
    if rollout.serving and (decision := holds.broken(rollout, facts, policy)) is not None:
        return decision
    return holds.over(rollout, facts, policy, now)


def _deserted(rollout: Rollout, facts: Facts, policy: RolloutPolicy) -> Decision | None:
    if not rules.deserted(facts, policy):
        return None
    return Decision(target=State.SUPERSEDED, cause="wording_gone", why=words.deserted(rollout, facts.gap_s))


def _overexposed(
    rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy
) -> Decision | None:
    if not rules.overexposed(rollout, facts, policy):
        return None
    why = words.exposure(rollout, evidence, facts.exposed)
    return Decision(target=State.INCONCLUSIVE, cause="exposure", why=why)


def _settled(rollout: Rollout, policy: RolloutPolicy, now: float) -> Decision | None:
    if now - rollout.entered < policy.settle_s:
        return None
    return Decision(
        target=State.ROLLED_BACK,
        cause="settled",
        why=f"The teacher answers every call. {rollout.reason}",
    )


def _gate(
    rollout: Rollout, evidence: Evidence, facts: Facts, policy: RolloutPolicy, now: float
) -> Decision | None:
    """Advance by the rule, or give up at the cap; anything else holds the step."""
    step = rollout.state
    if step not in STEPS or not rules.watched(rollout):
        return None
    passing = order.gated(rollout, evidence, policy) if rollout.partial else evidence
    evidence = passing or evidence
    figures = measure(evidence, rollout, policy)
    bar = bars(rollout, policy)
    record = words.record(figures, bar)
    convincing, tried = rules.convincing(figures, step, policy, bar), rules.tried(figures, step, policy, bar)
    if passing is not None and convincing[0] and tried[0]:
        if not rules.dwelt(rollout, policy, now) or not rules.listened(rollout, evidence, facts, policy):
            return None
        waits = step == State.SHADOW and rollout.mode == TaskMode.APPROVE
        return Decision(
            target=State.AWAITING_APPROVAL if waits else following(step),
            cause="gate_passed",
            why=words.gate(rollout, evidence, figures, bar),
            figures=record,
            threshold=evidence.threshold,
        )
    if rules.spent(figures, step, policy, bar)[0]:
        why = words.cap(rollout, evidence, figures, bar, policy)
        return Decision(target=State.INCONCLUSIVE, cause="cap", why=why, figures=record)
    return None
