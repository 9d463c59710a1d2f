"""A rollout decided again from its rows. Knows no store: it is given what was persisted.

Identical means: the same decision with the same words, from the same counts, at every transition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from router import record
from router.decision import Decision
from router.errors import RouterError
from router.evidence import Evidence, update, voided
from router.policy import applied, left, next_step
from router.steps import share
from router.verbs import obey
from store.vocabulary import Observation, Rollout, State, Stream, Transition, Unit

_UNREADABLE = (RouterError, ValueError, TypeError, LookupError, AttributeError)  # a row that is none of ours


def differences(
    rollout: Rollout, transitions: Sequence[Transition], observations: Sequence[Observation]
) -> list[str]:
    """Give one sentence for everything that does not come out as it was persisted: none, if all is well.

    `transitions` in the order of their writing, `observations` by sequence, both of this rollout alone.
    """
    found: list[str] = []
    try:
        at, evidence = (
            _begun(rollout, transitions),
            replace(voided(Evidence.from_json(rollout.evidence)), threshold=None),
        )
    except _UNREADABLE as error:
        return [f"the rollout's own row cannot be read: {error!r}"]
    for number, transition in enumerate(transitions, 1):
        try:
            again = _made(at, evidence, transition, observations)
        except _UNREADABLE as error:
            return [*found, f"{_name(number, transition)} cannot be made again: {error!r}"]
        found += [f"{_name(number, transition)}: {said}" for said in again.differences]
        if again.rollout is None:
            return found
        at, evidence = again.rollout, again.evidence
    evidence = update(evidence, _between(observations, at, rollout))
    for name in ("state", "trial", "excluded"):
        if (then := getattr(rollout, name)) != (comes := getattr(at, name)):
            found.append(f"the rollout's {name} comes out as {comes}, it is {then}")
    if evidence.to_json() != rollout.evidence:
        found.append("the evidence comes out differently from what is persisted")
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Again:
    """A transition made again. `rollout` is None where nothing would have happened."""

    rollout: Rollout | None
    evidence: Evidence
    differences: list[str]


def _made(
    at: Rollout, evidence: Evidence, transition: Transition, observations: Sequence[Observation]
) -> _Again:
    then = _counted(at, transition.inputs)
    evidence = update(evidence, _between(observations, at, then))
    decision = _again(at, evidence, transition)
    said = [*_standing(at, transition), *_compared(decision, evidence, transition)]
    if decision is None:
        return _Again(rollout=None, evidence=evidence, differences=said)
    after = applied(then, decision, transition.ts)
    part = share(after, record.policy_of(transition.inputs["policy"]))
    if part != transition.share:
        said.append(f"its share comes out as {part:g}, it is {transition.share:g}")
    return _Again(
        rollout=after,
        evidence=left(evidence, decision),
        differences=said,
    )


def _name(number: int, transition: Transition) -> str:
    return f"transition {number} ({transition.source} -> {transition.target})"


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
        counted_seq={},
        waived=(),
        excluded={},
        evidence={},
        partial=False,
        threshold=None,
        reason="",
    )


def _counted(rollout: Rollout, inputs: Mapping[str, Any]) -> Rollout:
    return replace(rollout, consumed_seq=inputs["consumed_seq"], counted_seq=inputs["counted_seq"])


def _between(observations: Sequence[Observation], one: Rollout, other: Rollout) -> list[Observation]:
    return [o for o in observations if _reached(one, o.stream) < o.seq <= _reached(other, o.stream)]


def _reached(rollout: Rollout, stream: str) -> int:
    return rollout.consumed_seq if stream == Stream.SCORE else rollout.counted_seq.get(stream, 0)


def _again(rollout: Rollout, evidence: Evidence, transition: Transition) -> Decision | None:
    inputs = transition.inputs
    if (order := inputs.get("order")) is not None:
        return obey(
            rollout, order["verb"], actor=order["actor"], reason=order["reason"], about=order["slice"]
        )
    if transition.cause == "superseded":  # by another rollout: not a decision about this one
        return Decision(target=State.SUPERSEDED, cause="superseded", why=transition.why)
    facts, policy = record.facts_of(inputs["facts"]), record.policy_of(inputs["policy"])
    return next_step(rollout, evidence, facts, policy, inputs["now"])


def _standing(rollout: Rollout, transition: Transition) -> list[str]:
    """Say where the row does not fit what came before it, or was changed since it was written."""
    inputs = transition.inputs
    said = [
        f"its {name} comes out as {again!r}, it is {then!r}"
        for name, again, then in (
            ("source", rollout.state, transition.source),
            *(
                (name, getattr(rollout, name), inputs[name])
                for name in ("trial", "delta", "alpha", "entered")
            ),
        )
        if again != then
    ]
    if record.sealed(inputs)["sha256"] != inputs.get("sha256"):
        said.append("its inputs are not those that were written: their digest differs")
    return said


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
