"""A rollout decided again from its rows. Knows no store: it is given what was persisted.

Identical means: the same decision with the same words, from the same counts, at every transition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from router import record
from router.decision import Decision
from router.evidence import Evidence, update, voided
from router.policy import applied, left, next_step
from router.verbs import obey
from store.vocabulary import Observation, Rollout, State, Transition, Unit


def differences(
    rollout: Rollout, transitions: Sequence[Transition], observations: Sequence[Observation]
) -> list[str]:
    """Give one sentence for everything that does not come out as it was persisted: none, if all is well.

    `transitions` in the order of their writing, `observations` by sequence, both of this rollout alone.
    """
    found: list[str] = []
    at = _begun(rollout, transitions)
    evidence = replace(voided(Evidence.from_json(rollout.evidence)), threshold=None)
    for number, transition in enumerate(transitions, 1):
        evidence = update(
            evidence, _between(observations, at.consumed_seq, transition.inputs["consumed_seq"])
        )
        decision = _again(at, evidence, transition)
        found += [f"transition {number}: {said}" for said in _compared(decision, evidence, transition)]
        if decision is None:
            return found
        evidence = left(evidence, decision)
        at = applied(replace(at, consumed_seq=transition.inputs["consumed_seq"]), decision, transition.ts)
    evidence = update(evidence, _between(observations, at.consumed_seq, rollout.consumed_seq))
    if at.state != rollout.state:
        found.append(f"the state comes out as {at.state}, it is {rollout.state}")
    if at.trial != rollout.trial:
        found.append(f"the trial comes out as {at.trial}, it is {rollout.trial}")
    if evidence.to_json() != rollout.evidence:
        found.append("the evidence comes out differently from what is persisted")
    return found


def _begun(rollout: Rollout, transitions: Sequence[Transition]) -> Rollout:
    return replace(
        rollout,
        trial=transitions[0].inputs["trial"] if transitions else rollout.trial,
        state=State.DRAFT,
        held_from=None,
        held_for=(),
        serving=True,
        voiding=False,
        unit=Unit.CONVERSATION,
        entered=rollout.created,
        since=rollout.created,
        since_seq=0,
        consumed_seq=0,
        evidence={},
        partial=False,
        threshold=None,
        reason="",
    )


def _between(observations: Sequence[Observation], after: int, until: int) -> list[Observation]:
    return [o for o in observations if after < o.seq <= until]


def _again(rollout: Rollout, evidence: Evidence, transition: Transition) -> Decision | None:
    inputs = transition.inputs
    if (order := inputs.get("order")) is not None:
        return obey(rollout, order["verb"], actor=order["actor"], reason=order["reason"])
    if transition.cause == "superseded":  # by another rollout: not a decision about this one
        return Decision(target=State.SUPERSEDED, cause="superseded", why=transition.why)
    facts, policy = record.facts_of(inputs["facts"]), record.policy_of(inputs["policy"])
    return next_step(rollout, evidence, facts, policy, inputs["now"])


def _compared(decision: Decision | None, evidence: Evidence, transition: Transition) -> list[str]:
    if decision is None:
        return [f"nothing would happen, but it went to {transition.target}"]
    said = []
    inputs: Mapping[str, Any] = transition.inputs
    for name, again, then in (
        ("target", decision.target, transition.target),
        ("cause", decision.cause, transition.cause),
        ("why", decision.why, transition.why),
        ("figures", decision.figures, inputs["figures"]),
    ):
        if again != then:
            said.append(f"its {name} comes out as {again!r}, it is {then!r}")
    counts = replace(evidence, unverified=()).to_json()
    if counts != {**inputs["evidence"], "unverified": []}:
        said.append("its evidence comes out differently")
    return said
